from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import Expression, InputError, parse_expression


def name(text):
    return Expression("name", value=text)


def value(one):
    return Expression("value", value=one)


def node(op, *args):
    return Expression(op, args)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("score", name("score")),
        ("config.lr", name("config.lr")),
        ("config.layers.0.in", name("config.layers.0.in")),
        ("summary.`val/auc`", name("summary.val/auc")),
        ("`a``b c`", name("a`b c")),
        ("größe", name("größe")),
        ("1_000", value(1000)),
        (".8", value(0.8)),
        ("-1e-3", value(-0.001)),
        ("TRUE", value(True)),
        ("None", value(None)),
        (r"'it\'s\n\\'", value("it's\n\\")),
        ('"x"', value("x")),
        ("a = 1", node("==", name("a"), value(1))),
        ("a + b * c", node("+", name("a"), node("*", name("b"), name("c")))),
        ("a - b - c", node("-", node("-", name("a"), name("b")), name("c"))),
        ("-a * b", node("*", node("negative", name("a")), name("b"))),
        ("not a = 1", node("not", node("==", name("a"), value(1)))),
        ("a or b and c", node("or", name("a"), node("and", name("b"), name("c")))),
        ("(a or b) and c", node("and", node("or", name("a"), name("b")), name("c"))),
        (
            "0 < a <= 1",
            node("and", node("<", value(0), name("a")), node("<=", name("a"), value(1))),
        ),
        ("a in [1, 2]", node("in", name("a"), node("list", value(1), value(2)))),
        ("a in ('x')", node("in", name("a"), node("list", value("x")))),
        ("a in ()", node("in", name("a"), node("list"))),
        ("a not in (1, 2,)", node("not", node("in", name("a"), node("list", value(1), value(2))))),
        ("'x' in tags", node("in", value("x"), name("tags"))),
        ("a is null", node("is null", name("a"))),
        ("a IS NOT NULL", node("not", node("is null", name("a")))),
        ("a == null", node("is null", name("a"))),
        ("a != none", node("not", node("is null", name("a")))),
        ("len(lower(a))", node("len", node("lower", name("a")))),
        ("len", name("len")),
        ("min(a, b, 3)", node("min", name("a"), name("b"), value(3))),
    ],
)
def test_a_text_has_one_tree(text, expected):
    found = parse_expression(text)
    assert found == expected
    assert parse_expression(str(found)) == found


def test_the_filter_of_runs_that_the_docs_show():
    found = parse_expression("config.lr < 0.01 and summary.auc > .8")
    assert found.names() == ("config.lr", "summary.auc")
    assert str(found) == "config.lr < 0.01 and summary.auc > 0.8"


def test_true_and_one_are_two_values():
    assert value(True) != value(1)
    assert value(1) != value(1.0)
    assert len({value(True), value(1), value(1)}) == 2


def test_aggregates_are_functions_only_where_rows_are_grouped():
    assert parse_expression("count()", aggregates=True) == node("count")
    assert parse_expression("min(a)", aggregates=True) == node("min", name("a"))
    with pytest.raises(InputError, match="no function `count`"):
        parse_expression("count()")
    with pytest.raises(InputError, match="takes 2 to 16 arguments, got 1"):
        parse_expression("min(a)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "such as 'score > 0.5', got ''"),
        (None, "got None"),
        ("score >", "needs a value here, but it ends at character 8"),
        ("score > 1 guess", "operator such as `and` between two conditions, but it has `guess`"),
        ("a && b", "without `&&`: write `and` instead, at character 3"),
        ("(a > 1) | b", "write `or` instead"),
        ("!a", "write `not` instead"),
        ("'open", "closes each ' that it opens"),
        ("val/auc > `x", "closes each ` that it opens"),
        ("3d > 1", "a name with other signs in `back-quotes`"),
        ("a ; b", "is made of names, values and operators, but it has `;`"),
        ("(a, b", r"needs `,` or `\)` here, but it ends"),
        ("a is 3", "needs `null` after `is`, but it has `3`"),
        ("a not b", "needs `in` after `not` here"),
        ("lowr(a)", "no function `lowr`. Did you mean `lower`"),
        ("lower(a, b)", "`lower` of an expression takes 1 argument, got 2"),
        ("__import__('os')", "no function `__import__`"),
        ("a.lower()", "no function `a.lower`"),
        ("1e999", "numbers below"),
        ("(" * 10_000, "nested at most 60 deep"),
        ("-" * 10_000 + "1", "nested at most 60 deep"),
        ("not " * 4_000 + "a", "nested at most 60 deep"),
        (" or ".join(["a"] * 500), r"at most 200 conditions in a row, got 500.*`name in \[...\]`"),
        (" < ".join(["a"] * 500), "at most 200"),
        ("x" * 30_000, "at most 20000 characters"),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence(text, message):
    with pytest.raises(InputError, match=message):
        parse_expression(text)


names = st.sampled_from(["a", "config.lr", "val/auc", "in", "a.b c", "né", "`", "a..b", ".5"])
numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False))
leaves = st.one_of(
    names.map(name),
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5)).map(value),
)


def branches(inner):
    two = st.sampled_from(["and", "or", "<", ">=", "+", "-", "*", "/", "%", "min", "contains"])
    compared = inner.filter(lambda one: one != value(None))
    return st.one_of(
        st.tuples(two, inner, inner).map(lambda p: node(*p)),
        st.tuples(st.sampled_from(["==", "!="]), inner, compared).map(lambda p: node(*p)),
        st.tuples(st.sampled_from(["not", "is null", "len"]), inner).map(lambda p: node(*p)),
        st.tuples(names).map(lambda p: node("negative", name(p[0]))),
        st.tuples(inner, st.lists(inner, max_size=3)).map(
            lambda p: node("in", p[0], node("list", *p[1]))
        ),
        st.tuples(inner, names).map(lambda p: node("in", p[0], name(p[1]))),
    )


@given(st.recursive(leaves, branches, max_leaves=12))
def test_an_expressions_text_parses_to_the_same_expression(found):
    assert parse_expression(str(found)) == found


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text):
    with suppress(InputError):
        assert parse_expression(str(parse_expression(text))) == parse_expression(text)
