import math
from datetime import UTC, date, datetime, time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.media import compile_aggregate, compile_filter, compile_formula

FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "score": [0.9, 0.2, None, float("nan")],
        "truth": ["cat", "dog", "Cat", None],
        "guess": ["cat", "cat", "dog", "dog"],
        "right": [True, False, False, None],
        "tags": [["a", "b"], [], None, ["a"]],
        "day": [date(2026, 1, 1), date(2026, 1, 2), date(2026, 2, 1), None],
        "at": [datetime(2026, 1, 1, h, tzinfo=UTC) for h in (0, 6, 12, 18)],
        "clock": [time(9), time(10), time(11), None],
        "val/auc": [0.1, 0.2, 0.3, 0.4],
        "config.lr": [1e-3, 1e-2, 1e-1, 1.0],
        "kind": pl.Series(["x", "y", "x", "y"], dtype=pl.Categorical),
        "small": pl.Series([100, 100, 3, 0], dtype=pl.Int8),
        "image": [{"sha256": f"{i}", "size": {"w": i, "h": 2 * i}} for i in range(4)],
        "nothing": [None] * 4,
    }
)


def ids(condition):
    return FRAME.filter(compile_filter(condition, FRAME.schema))["id"].to_list()


def values(formula):
    return FRAME.select(compile_formula(formula, FRAME.schema).alias("x"))["x"].to_list()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("score > 0.5", [1]),
        ("not score > 0.5", [2]),  # unknown stays unknown
        ("score is null", [3, 4]),
        ("guess != truth", [2, 3]),
        ("truth == null", [4]),
        ("right", [1]),
        ("right == 1", [1]),
        ("not right and id < 3", [2]),
        ("id in [1, 3, 7]", [1, 3]),
        ("id in [1.0, 2.5]", [1]),
        ("id in []", []),
        ("truth not in ('cat', 'dog')", [3]),
        ("guess in (truth, 'dog')", [1, 3, 4]),
        ("'a' in tags", [1, 4]),
        ("'at' in truth", [1, 3]),
        ("lower(truth) == guess", [1]),
        ("contains(lower(truth), 'at') or starts(guess, 'd') and ends(guess, 'g')", [1, 3, 4]),
        ("matches(truth, '^[A-Z]')", [3]),
        ("len(tags) > 1 or len(truth) > 3", [1]),
        ("day >= '2026-01-02' and day < '2026-02-01'", [2]),
        ("at > '2026-01-01T06:00'", [3, 4]),
        ("at == '2026-01-01T07:00+01:00'", [2]),
        ("clock < '10:30'", [1, 2]),
        ("0.15 < `val/auc` <= 0.3", [2, 3]),
        ("config.lr < 0.05 and kind == 'x'", [1]),
        ("image.size.w * 2 == image.size.h and image.sha256 == '3'", [4]),
        ("small * small == 10000", [1, 2]),  # eight bits would wrap around
        ("small == 300", []),
        ("id / small > 0.5", [3]),  # by zero: null
        ("id % 2 = 1", [1, 3]),
        ("-id % 4 == 1", [3]),  # the sign of the divisor, as in Python
        ("sqrt(0 - id) > 0 or log(small - small) > 0", []),
        ("coalesce(truth, guess) == 'dog'", [2, 4]),
        ("max(score, `val/auc`) > 0.35", [1, 4]),
        ("if(right, 1, 2) == 2", [2, 3, 4]),
        ("number(image.sha256) + 1 == id", [1, 2, 3, 4]),
        ("text(id) == '2'", [2]),
        ("round(score, 1) == 0.9 and round(2.4) == 2", [1]),
        ("nothing is null and nothing > 3", []),
        ("id < 100000000000000000000000", [1, 2, 3, 4]),
        ("true", [1, 2, 3, 4]),
        ("null", []),
    ],
)
def test_a_filter_keeps_the_rows_for_which_it_is_true(condition, expected):
    assert ids(condition) == expected


def test_formulas_give_values():
    assert values("id * 2 + 0.5") == [2.5, 4.5, 6.5, 8.5]
    assert values("upper(guess)") == ["CAT", "CAT", "DOG", "DOG"]
    assert values("7 / 0") == [None]
    assert values("image.size") == FRAME["image"].struct.field("size").to_list()


def test_aggregates_are_of_a_groups_rows():
    said = ["count()", "count(score)", "mean(guess == truth)", "distinct(guess)", "first(truth)"]
    said += ["max(score) - min(score)", "sum(id)", "std(id)", "median(id)", "last(guess)"]
    found = FRAME.select(
        compile_aggregate(text, FRAME.schema).alias(str(i)) for i, text in enumerate(said)
    ).row(0)
    assert found[:5] == (4, 2, pytest.approx(1 / 3), 2, "cat")
    assert found[5:] == (pytest.approx(0.7), 10, pytest.approx(math.sqrt(5 / 3)), 2.5, "dog")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("scor > 0.5", "no column `scor`. Did you mean `score`"),
        ("config.rl > 1", "no column `config.rl`. Did you mean `config.lr`"),
        ("image.sha == 'x'", "`image` has no field `sha`. Did you mean `sha256`"),
        ("guess > 3", "`guess` is text and `3` is a number; convert one"),
        ("score == 'high'", "`score` is a number and `'high'` is text"),
        ("score + guess > 1", "`guess` is text, not number or bool"),
        ("score", "`score` is a number, a filter is a condition"),
        ("score and right", "`score` is a number, not bool"),
        ("lower(id) == 'x'", "`id` is a number, not text"),
        ("id in ['a']", "`id` is a number and `'a'` is text"),
        ("3 in tags", "`3` is a number, the items of `tags` are String"),
        ("image == 'x'", "`image` is neither number nor text"),
        ("tags == tags", "`tags` is list and has no order"),
        ("day > 'yesterday'", "'yesterday' is no ISO date"),
        ("matches(truth, '(')", r"'\(' is no regular expression"),
        ("matches(truth, guess)", "a regular expression in quotes"),
        ("round(score, id) > 1", "whole number from 0 to 15"),
        ("[1, 2] == id", "a list stands only after `in`"),
        ("text(tags) == 'x'", "`tags` is list"),
    ],
)
def test_what_cannot_be_computed_names_the_column(condition, message):
    with pytest.raises(InputError, match=message):
        compile_filter(condition, FRAME.schema)


def test_a_group_needs_one_value_of_its_rows():
    with pytest.raises(InputError, match="a group has many rows"):
        compile_aggregate("score + mean(score)", FRAME.schema)
    with pytest.raises(InputError, match="`mean\\(score\\)` is one value already"):
        compile_aggregate("max(mean(score))", FRAME.schema)


numbers = st.one_of(st.none(), st.integers(-9, 9), st.floats(-9, 9))


def python_says(op, a, b):
    if a is None or b is None:
        return None
    return {"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b, ">": a > b, ">=": a >= b}[op]


@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8),
    st.sampled_from(["<", "<=", "==", "!=", ">", ">="]),
)
def test_comparisons_agree_with_python(pairs, op):
    frame = pl.DataFrame(pairs, ["a", "b"], orient="row", strict=False).cast(pl.Float64)
    found = frame.select(compile_filter(f"a {op} b", frame.schema).alias("x"))["x"].to_list()
    assert found == [python_says(op, a, b) for a, b in pairs]
