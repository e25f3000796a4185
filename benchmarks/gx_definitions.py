"""Our expectations held against Great Expectations' published test definitions.

The definitions (small tables, an expectation, what must come out) are not part of Homeostat: get
`tests/test_definitions/` of the repository great-expectations/great_expectations, put the JSON
files into one folder, and run `python benchmarks/gx_definitions.py FOLDER [--all]`.

Each case is read the way a user's suite is, by `import_gx`, and checked. It passes when what is
said of success, observed value and offending rows agrees; where an error must be raised, when
it is refused or fails with a sentence. Cases on what there cannot be here (columns of mixed types,
types of pandas' objects, T-SQL's brackets, digits of one database) are out of scope.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from dateutil import parser

from homeostat.core import Finding, HomeostatError, Verdict
from homeostat.expect import import_gx

NOW = datetime.now(UTC).replace(tzinfo=None)
PARAMETERS = {
    "now()": NOW,
    "now() - timedelta(weeks=52)": NOW - timedelta(weeks=52),
    "now() - timedelta(weeks=52*100)": NOW - timedelta(weeks=5200),
    "datetime(2003, 1, 1)": datetime(2003, 1, 1),  # noqa: DTZ001 - as the definitions have it
    "datetime(1969, 1, 1)": datetime(1969, 1, 1),  # noqa: DTZ001 - likewise
}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(str(__doc__))
    outcomes: Counter[str] = Counter()
    told = []
    for name, title, outcome, why in cases(Path(sys.argv[1])):
        outcomes[outcome] += 1
        if outcome != "pass" and (outcome != "out of scope" or "--all" in sys.argv):
            told.append(f"{outcome:12} {name} [{title}]: {why}")
    print("\n".join(told))
    scope = sum(outcomes.values()) - outcomes["out of scope"]
    print(f"{sum(outcomes.values())} cases: {dict(outcomes)}")
    print(f"in scope {scope}, pass {outcomes['pass']} ({outcomes['pass'] / scope:.1%})")


def cases(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield of each case its expectation, title, outcome and the reason."""
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        name = data["expectation_type"]
        for dataset in data["datasets"]:
            for test in dataset["tests"]:
                outcome, why = judged(name, dataset, test)
                yield name, test["title"], outcome, why


def judged(name: str, dataset: Mapping[str, Any], test: Mapping[str, Any]) -> tuple[str, str]:
    """Return the outcome of one case."""
    if why := out_of_scope(name, dataset, test):
        return "out of scope", why
    tables = {}
    held = dataset["data"]
    if isinstance(held, list):
        tables = {one["dataset_name"]: pl.DataFrame(one["data"]) for one in held}
        frame = next(iter(tables.values()))
    else:
        kinds = dataset.get("schemas", {}).get("pandas", {})
        frame = pl.DataFrame([column(k, v, kinds.get(k, "")) for k, v in held.items()])
    suite = {"expectations": [{"type": name, "kwargs": test["in"]}]}
    wanted = test["out"]
    error = wanted.get("traceback_substring") or test.get("error")
    try:
        imported = import_gx(suite, parameters=PARAMETERS).suite
        *_, found = imported.check(frame, examples=10_000, tables=tables)
    except HomeostatError as refused:
        return ("pass", "") if error else ("fail", f"refused: {refused}".replace("\n", " "))
    if error:
        bad = found.verdict in {Verdict.FAIL, Verdict.UNKNOWN}
        return ("pass", "") if bad else ("fail", f"an error is wanted, got: {found.summary}")
    return compared(found, wanted, test.get("tolerance", 1e-6))


def column(name: str, values: list[Any], kind: str) -> pl.Series:
    """Make a column of the type that the definition gives it."""
    if kind.startswith(("datetime", "timestamp")):
        zone = "UTC" if kind == "timestamp" else None
        read = [None if v is None else parser.parse(v) for v in values]
        return pl.Series(name, read, pl.Datetime("us", zone))
    if not values:
        return pl.Series(name, values, pl.Null)
    if mixed(values):  # never asked about, see `out_of_scope`
        return pl.Series(name, [None if v is None else str(v) for v in values])
    return pl.Series(name, values, strict=False)


def mixed(values: list[Any]) -> bool:
    """Say whether values are of several types that no column holds together."""
    kinds = {type(value) for value in values if value is not None}
    return len(kinds) > 1 and kinds != {int, float}


def compared(found: Finding, wanted: Mapping[str, Any], tolerance: float) -> tuple[str, str]:
    """Compare a finding with what is wanted."""
    success = wanted.get("success")
    if found.verdict is Verdict.UNKNOWN:
        return ("unknown" if success else "pass"), found.summary
    if success is not None and (found.verdict is Verdict.OK) != success:
        return "fail", f"success must be {success}, got: {found.summary}"
    if "value" in found.evidence and wanted.get("observed_value") is not None:
        value, other = found.evidence["value"], wanted["observed_value"]
        other = other["values"] if isinstance(other, dict) and "values" in other else other
        if not close(value, other, tolerance):
            return "fail", f"observed must be {other}, got {value}"
    rows = wanted.get("unexpected_index_list")
    if rows is not None and "examples" in found.evidence:
        numbers = [one["pk_index"] if isinstance(one, dict) else one for one in rows]
        shown = [one["row"] for one in found.evidence["examples"]]  # type: ignore[index,union-attr]
        if sorted(numbers) != sorted(shown):
            return "fail", f"offending rows must be {numbers}, got {shown}"
    return "pass", ""


def close(value: Any, other: Any, tolerance: float) -> bool:
    if isinstance(other, list) and isinstance(value, (list, tuple)):
        both = zip(value, other, strict=False)
        return len(value) == len(other) and all(close(a, b, max(tolerance, 1e-4)) for a, b in both)
    if isinstance(value, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(value, other, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(value, str) and isinstance(other, str) and value[:4].isdigit():
        return parser.parse(value).replace(tzinfo=None) == parser.parse(other).replace(tzinfo=None)
    return isinstance(other, dict) or str(value) == str(other)


def out_of_scope(  # noqa: PLR0911 - a list of reasons
    name: str, dataset: Mapping[str, Any], test: Mapping[str, Any]
) -> str:
    """Say why a case has no meaning here, if it has none."""
    arguments = test["in"]
    only = [*test.get("only_for", ()), *dataset.get("only_for", ())]
    not_for = set(test.get("suppress_test_for", ()))
    if {"pandas", "sqlalchemy", "spark"} <= not_for:
        return "a case that the definitions themselves never run"
    if only == ["spark_v2_api"]:
        return "of an old interface to Spark"
    if only == ["sqlalchemy"] and "stdev" in name:
        return "the last digit as databases round it"
    if name.endswith("strftime_format") and "pandas" in not_for:
        return "a column that is a date only in databases"
    if only and all(one.startswith("pandas") and one != "pandas" for one in only):
        return f"of one version of pandas or of an old interface ({', '.join(only)})"
    single = [["snowflake"], ["redshift"], ["bigquery_v3_api"], ["mssql"], ["postgresql"]]
    if only in single and not ("type" in name and only == ["postgresql"]):
        return f"of one database alone ({only[0]}): its digits, messages, types or patterns"
    if isinstance(arguments, Mapping) and isinstance(dataset["data"], dict):
        text = json.dumps(arguments)
        for key, values in dataset["data"].items():
            asked = f'"{key}"' in text or f"{key} ==" in text.replace("\\", "")
            if mixed(values) and asked:
                return f"column `{key}` mixes types, as a column of Polars or Arrow cannot"
    if name.endswith("_of_type") and arguments.get("type_") in {"TINYINT", "BIT"}:
        return "how MySQL and SQL Server hold booleans"
    if name.endswith("type_list") and arguments.get("type_list") in (["TINYINT"], ["BIT"]):
        return "how MySQL and SQL Server hold booleans"
    return ""


if __name__ == "__main__":
    main()
