"""Commands on tables in files."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

SHOP = "shop:shop"


@pytest.fixture
def trips(tmp_path, monkeypatch):
    """Two files, of which the second has moved; `code` gives the label away."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    late = rng.integers(0, 2, 2000)
    frame = pl.DataFrame(
        {
            "minutes": rng.normal(40, 10, 2000).round(1),
            "code": late * 7 + 1,
            "city": rng.choice(["Rome", "Łódź"], 2000),
            "late": late,
        }
    )
    frame.write_csv("june.csv")
    moved = frame.with_columns(pl.col("minutes") + 20, pl.lit("Bern").alias("city"))
    moved.write_parquet("july.parquet")


def test_a_profile_says_what_is_in_a_file_and_writes_its_page(homeostat, trips, tmp_path):
    said = homeostat("data", "profile", "june.csv", "--html", "june.html")
    assert said.code == 0
    assert "2,000 rows, 4 columns" in said.out
    assert "Łódź" in (tmp_path / "june.html").read_text()


def test_a_comparison_names_what_changed(homeostat, trips):
    said = homeostat("data", "compare", "june.csv", "july.parquet")
    assert said.code == 0
    assert "Bern" in said.out.split("`minutes`")[0]


def test_skew_is_an_exit_code(homeostat, trips):
    said = homeostat("data", "skew", "june.csv", "july.parquet")
    assert said.code == 1
    assert said.out.startswith("fail")
    assert homeostat("data", "skew", "june.csv", "june.csv").code == 0


def test_a_drafted_suite_holds_for_its_file_and_not_for_the_one_that_moved(homeostat, trips):
    drafted = homeostat("data", "draft", "june.csv")
    Path("june.json").write_text(drafted.out, encoding="utf-8")
    assert homeostat("data", "check", "june.json", "june.csv").code == 0
    said = homeostat("data", "check", "june.json", "july.parquet")
    assert said.code == 1
    assert "`city` = 'Bern' in row 0" in said.out


def test_a_suite_of_great_expectations_is_checked_as_it_is(homeostat, trips):
    about = {"column": "minutes", "max_value": 60}
    one = {"expectation_type": "expect_column_max_to_be_between", "kwargs": about}
    suite = {"expectation_suite_name": "trips", "expectations": [one]}
    Path("suite.json").write_text(json.dumps(suite), encoding="utf-8")
    said = homeostat("data", "check", "suite.json", "july.parquet")
    assert said.code == 1
    assert "`minutes`" in said.out


def test_a_leak_is_an_exit_code_with_its_worth(homeostat, trips):
    said = homeostat("data", "leaks", "june.csv", "--label", "late")
    assert said.code == 1
    assert re.search(r"FAIL \+0\.(4[5-9]|5)\d* AUC", said.out)
    assert "code alone reaches AUC 1.000" in said.out


def test_lineage_tells_what_was_put_aside(homeostat, trips):
    Path("june.csv").write_text(Path("june.csv").read_text(encoding="utf-8") + "7,8\n")
    said = homeostat("data", "lineage", "june.csv")
    assert "2,000 rows, 1 rejected  sha256" in said.out
    assert "line 2002: 2 fields where the header has 4" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("profile", "absent.csv"), "absent.csv cannot be read"),
        (("profile", "table.docx"), "cannot be told from its name"),
        (("check", "june.csv", "june.csv"), "A suite is JSON, june.csv is not"),
        (("leaks", "june.csv", "--label", "latr"), "late"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(homeostat, trips, arguments, words):
    said = homeostat("data", *arguments)
    assert said.code == 1
    assert words in said.err
    assert "Traceback" not in said.err


def test_practices_are_judged_on_a_declaration_and_on_a_record(homeostat, filled, tmp_path):
    declared = homeostat("practices", SHOP, "--declared")
    assert "not run" in declared.out
    lived = homeostat("practices", SHOP, "--record", filled, "--json")
    assert len(json.loads(lived.out)["findings"]) == 9
    assert homeostat("practices", SHOP, "--record", filled, "--strict").code == 1
    assert homeostat("practices", SHOP, "--record", tmp_path / "absent").code == 1
