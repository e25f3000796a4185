"""Suites of Great Expectations and schemas of pandera are read whole, or say what is lacking."""

import json

import polars as pl
import pytest

from homeostat.core import MissingExtraError, SchemaError
from homeostat.expect import import_gx, import_pandera

FRAME = pl.DataFrame({"a": [1, 12, None], "b": ["x", "y", "zz"], "c d": [1.0, 2.0, 3.0]})
BETWEEN = {"column": "a", "min_value": 0, "max_value": 10}


def gx(kind, **kwargs):
    return {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs}]}


def verdicts(imported, frame=FRAME):
    _, *found = imported.suite.check(frame)
    return [one.verdict for one in found]


def test_both_forms_of_a_suite_are_read():
    old = {
        "expectation_suite_name": "s",
        "expectations": [
            {
                "expectation_type": "expect_column_values_to_be_between",
                "kwargs": BETWEEN,
                "meta": {},
            }
        ],
        "meta": {"great_expectations_version": "0.18.8"},
    }
    new = gx("expect_column_values_to_be_between", **BETWEEN, result_format="BASIC", mostly=None)
    assert import_gx(old) == import_gx(new) == import_gx(json.dumps(new))
    assert verdicts(import_gx(new)) == ["fail"]


def test_a_file_is_read(tmp_path):
    file = tmp_path / "suite.json"
    file.write_text(json.dumps(gx("expect_column_to_exist", column="a")))
    assert import_gx(file) == import_gx(str(file))
    with pytest.raises(SchemaError, match="cannot be read"):
        import_gx(tmp_path / "gone.json")
    with pytest.raises(SchemaError, match="is no JSON"):
        import_gx("{nonsense")


def test_severity_and_parameters_are_taken_over():
    suite = gx("expect_column_max_to_be_between", column="a", max_value={"$PARAMETER": "most"})
    suite["expectations"][0]["severity"] = "warning"
    assert verdicts(import_gx(suite, parameters={"most": 11})) == ["warn"]
    with pytest.raises(SchemaError, match="'most' has no value"):
        import_gx(suite)


@pytest.mark.parametrize(
    ("condition", "parser", "rows"),
    [
        ("a > 5", "pandas", 1),
        ('b == "x" | b == "y"', "pandas", 2),
        ("a != 1 & a < 20", "pandas", 1),
        ("a in [1, 12] and not b == 'x'", "pandas", 1),
        ("`c d` >= 2", "pandas", 2),
        ("b.notnull() & 0 < a < 5", "pandas", 1),
        ('col("a").notnull()', "great_expectations__experimental__", 2),
        ('col("a") > -1', "great_expectations", 2),
        ("a IS NULL", "spark", 1),
        ({"type": "comparison", "column": {"name": "a"}, "operator": ">", "parameter": 5}, None, 1),
        ({"type": "nullity", "column": {"name": "a"}, "is_null": True}, None, 1),
        ({"type": "or", "conditions": [
            {"type": "nullity", "column": {"name": "a"}, "is_null": True},
            {"type": "comparison", "column": {"name": "b"}, "operator": "IN", "parameter": ["x"]},
        ]}, None, 2),
    ],
)  # fmt: skip
def test_conditions_on_rows_are_read(condition, parser, rows):
    suite = gx("expect_table_row_count_to_equal", value=rows, row_condition=condition)
    suite["expectations"][0]["kwargs"] = {
        "value": rows, "row_condition": condition, "condition_parser": parser,
    }  # fmt: skip
    suite["expectations"][0]["type"] = "expect_table_row_count_to_be_between"
    suite["expectations"][0]["kwargs"] |= {"min_value": rows, "max_value": rows}
    del suite["expectations"][0]["kwargs"]["value"]
    assert verdicts(import_gx(suite)) == ["ok"]


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        (gx("expect_column_values_to_be_purple", column="a"), "no expectation"),
        (gx("expect_column_values_to_be_between", column="a", auto=True), "`auto=True`"),
        (gx("expect_column_values_to_be_between", column="a", min_value=1, row_condition="a +"),
         "cannot be read"),
        (gx("expect_column_values_to_be_between", column="a", row_condition="f(a)"),
         "cannot be read at"),
        (gx("expect_column_values_to_be_between", column="a", row_condition="a>1",
            condition_parser="x"), "not known"),
        (gx("expect_column_values_to_be_between", column="a", min_value=1, mostly="most"),
         "must be a number"),
        (gx("expect_column_values_to_be_in_set", column="a", value_set=None), "needs the argument"),
        ({"expectations": ["nonsense"]}, "is a JSON object"),
        ({"expectations": [{"type": "expect_column_to_exist", "kwargs": ["a"]}]}, "`kwargs` are"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_or_listed(suite, said):
    with pytest.raises(SchemaError, match=said):
        import_gx(suite)
    suite["expectations"].append({"type": "expect_column_to_exist", "kwargs": {"column": "a"}})
    part = import_gx(suite, partial=True)
    assert len(part.suite) == len(part.refused) == 1
    assert said in part.refused[0].summary.replace("\\", "")
    assert part.refused[0].verdict == "unknown"


def test_defaults_that_differ_are_written_down():
    equal = import_gx(gx("expect_column_pair_values_to_be_equal", column_A="a", column_B="c d"))
    assert equal.suite.expectations[0].arguments["ignore_row_if"] == "both_values_are_missing"
    name = "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than"
    params = {"min": -5, "max": 11}
    even = import_gx(gx(name, column="a", distribution="uniform", params=params))
    assert even.suite.expectations[0].arguments["params"] == {"min": -5, "max": 6}


@pytest.mark.parametrize("source", [{}, {"expectations": 1}, "[]", {"columns": {}}])
def test_what_is_no_suite_is_refused(source):
    with pytest.raises(SchemaError):
        import_gx(source)


WRITTEN = {
    "name": "s",
    "strict": True,
    "ordered": True,
    "unique": ["a", "b"],
    "columns": {
        "a": {"dtype": "int64", "nullable": True, "in_range": {"min_value": 0, "max_value": 10,
              "include_max": False}},
        "b": {"dtype": "string[python]", "unique": True, "checks": {"isin": ["x", "y"],
              "str_length": {"min_value": 1, "max_value": 1}, "str_startswith": "x"}},
        "c d": {"dtype": "float64", "checks": [{"value": 0, "options":
                {"check_name": "greater_than", "raise_warning": True}}]},
    },
}  # fmt: skip
YAML = """
columns:
  a:
    dtype: int64
    greater_than: 1
  e:
    dtype: str
    required: false
"""


def test_a_written_schema_of_pandera_is_read():
    imported = import_pandera(WRITTEN)
    assert imported == import_pandera(json.dumps(WRITTEN))
    made = {(one.name, one.column): one for one in imported.suite.expectations}
    ends = dict(made["expect_column_values_to_be_between", "a"].arguments)
    assert ends == {"min_value": 0, "max_value": 10, "strict_max": True}
    assert made["expect_column_values_to_be_between", "c d"].severity == "warn"
    assert ("expect_column_values_to_not_be_null", "a") not in made
    assert ("expect_table_columns_to_match_ordered_list", None) in made
    _, *found = imported.suite.check(FRAME)
    bad = {(one.subject, one.check.split("_values_")[-1]) for one in found if one.verdict == "fail"}
    assert bad == {("a", "to_be_between"), ("b", "to_be_in_set"), ("b", "to_match_regex"),
                   ("b", "expectation.expect_column_value_lengths_to_be_between")}  # fmt: skip


def test_yaml_is_read_and_an_optional_column_need_not_be_there(monkeypatch):
    imported = import_pandera(YAML)
    assert verdicts(imported) == ["ok", "ok", "fail", "fail", "ok", "ok"]
    import homeostat.expect._import_pandera as module

    def gone(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module, "import_module", gone)
    with pytest.raises(MissingExtraError, match="yaml"):
        import_pandera(YAML)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"columns": {"a": {"coerce": True}}}, "`coerce` changes values"),
        ({"columns": {"a": {"regex": True}}}, "pattern of columns"),
        ({"columns": {"a": {"nullable": True, "checks": {"isin": {"value": [1], "options":
          {"ignore_na": False}}}}}}, "counts nulls"),
        ({"columns": {"a": {"my_check": 1}}}, "is a function"),
        ({"columns": {}, "strict": "filter"}, "drops columns"),
        ({"columns": {}, "ordered": True}, "together with"),
        ({"columns": {}, "index": [{"dtype": "int64"}]}, "`index`"),
        ({"columns": {"a": {"required": False}}, "strict": True}, "optional"),
    ],
)  # fmt: skip
def test_what_pandera_has_and_we_have_not_is_listed(schema, said):
    with pytest.raises(SchemaError, match=said):
        import_pandera(schema)
    assert any(said in one.summary for one in import_pandera(schema, partial=True).refused)


@pytest.mark.parametrize("source", [1, "nonsense.yaml", {}, "- a\n- b\n", FRAME])
def test_what_is_no_schema_is_refused(source):
    with pytest.raises(SchemaError):
        import_pandera(source)


def test_schemas_of_an_installed_pandera_are_read():
    pandera = pytest.importorskip("pandera.polars", reason="pandera is not installed")

    class Model(pandera.DataFrameModel):
        a: int = pandera.Field(ge=0, le=10, nullable=True)
        b: str = pandera.Field(isin=["x", "y", "zz"], unique=True)

    assert import_pandera(Model) == import_pandera(Model.to_schema())
    assert verdicts(import_pandera(Model)).count("fail") == 1
