"""Runs side by side: their curves, what differs, and what moved the result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from homeostat.core import InputError
from homeostat.record import shared_series
from homeostat.web._charts import grouped, known_name
from homeostat.web._columns import Cell, facts_of, shown
from homeostat.web._compare_marks import number_of, parallel_marks, scatter_marks
from homeostat.web._links import query
from homeostat.web._page import Ask, Table, View
from homeostat.web._words import title

__all__ = ["compare"]

_MOST_RUNS = 100
_MOST_COLUMNS = 12  # of runs in the table that is drawn; its CSV has all
_MOST_AXES = 7
_MOST_LEFT_OUT = 24  # runs of which each has a link that leaves it out
_LEAST_RUNS = 10  # to say anything of importance

Facts = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class _Compared:
    """A run among those compared, and the address of this page without it."""

    id: str
    label: str
    status: str
    place: int
    without: str

    @property
    def colour(self) -> int:
        """Which colour of the sheet it has, from 1."""
        return self.place % 8 + 1

    @property
    def dash(self) -> str:
        """How its line is broken, so that 24 runs can be told apart."""
        return ("", "6 3", "2 3")[self.place // 8 % 3]


def compare(ask: Ask) -> View:
    """Compare the runs that the address names, or those that its filter finds."""
    frame, problem = _asked(ask)
    facts = [facts_of(row) for row in frame.iter_rows(named=True)]
    runs = _compared(ask, frame)
    differing, same = _differences(facts)
    numbers = [name for name in sorted({key for one in facts for key in one})
               if any(number_of(one.get(name)) is not None for one in facts)]  # fmt: skip
    target = ask.get("target")
    data = {
        "runs": [{"id": one.id, "label": one.label, "status": one.status} for one in runs],
        "problem": problem,
        "differing": {name: [one.get(name) for one in facts] for name in differing},
        "same": {name: facts[0].get(name) for name in same},
        "importance": _importance(ask, runs, target) if target else None,
    }
    drawing = {
        "compared": runs,
        "names": json.dumps([one.label for one in runs]),
        "groups": _curves(ask, runs),
        "rows": [(name, _cells(name, facts)) for name in differing],
        "rows_same": [(name, _cells(name, facts[:1])[0].text) for name in same],
        "more_runs": max(0, len(runs) - _MOST_COLUMNS),
        "most_columns": _MOST_COLUMNS,
        "least_runs": _LEAST_RUNS,
        "numbers": numbers,
        "target": target,
        **_over_runs(ask, facts, differing, numbers),
        **_scale(ask),
    }
    tables = _tables(runs, facts, differing, same)
    return View("compare.html", "Compare", data, tables, drawing, 400 if problem else 200)


def _asked(ask: Ask) -> tuple[pl.DataFrame, str | None]:
    """Return the runs in the order of the address, and what cannot be understood of a filter."""
    wanted = list(dict.fromkeys(ask.query.getlist("run")))[:_MOST_RUNS]
    if wanted:
        order = {run: place for place, run in enumerate(wanted)}
        found = ask.record.runs().filter(pl.col("id").is_in(wanted))
        return found.sort(pl.col("id").replace_strict(order, return_dtype=pl.Int64)), None
    condition = ask.get("filter")
    if condition is None:
        return ask.record.runs(limit=0), None
    try:
        return ask.record.runs(condition, limit=_MOST_RUNS), None
    except InputError as error:
        return ask.record.runs(limit=0), str(error)


def _compared(ask: Ask, frame: pl.DataFrame) -> list[_Compared]:
    ids = frame["id"].to_list()
    rows = frame.select("id", "kind", "name", "status").iter_rows()
    return [
        _Compared(id_, name or kind, status, place,
                  ask.here(filter=None, run=[other for other in ids if other != id_])
                  if len(ids) <= _MOST_LEFT_OUT else "")
        for place, (id_, kind, name, status) in enumerate(rows)
    ]  # fmt: skip


def _scale(ask: Ask) -> dict[str, object]:
    log = ask.choice("scale", ("linear", "log")) == "log"
    return {"log": log, "log_href": ask.here(scale=None if log else "log")}


def _differences(facts: Facts) -> tuple[list[str], list[str]]:
    """Return the columns in which runs differ, and those in which all are alike."""
    differing: list[str] = []
    same: list[str] = []
    for name in sorted({key for one in facts for key in one}):
        values = {json.dumps(one.get(name)) for one in facts}
        (differing if len(values) > 1 else same).append(name)
    return differing, same


def _cells(name: str, facts: Facts) -> list[Cell]:
    return [shown(one.get(name)) for one in facts[:_MOST_COLUMNS]]


def _curves(ask: Ask, runs: Sequence[_Compared]) -> list[dict[str, object]]:
    """Return the charts of the metrics that two runs or more have."""
    ids = [one.id for one in runs]
    counts = shared_series(ask.record, ids)
    least = min(2, len(ids))
    return grouped(
        {
            "name": name,
            "title": title(known_name(name)[1]),
            "src": query("/series", run=ids, name=name),
            "csv": query("/series", run=ids, name=name, form="csv"),
            "words": f"{title(name)} of {count} runs",
            "runs": count,
        }
        for name, count in counts.items()
        if count >= least
    )


def _over_runs(
    ask: Ask, facts: Facts, differing: Sequence[str], numbers: Sequence[str]
) -> dict[str, object]:
    """Return the scatter of two columns and the parallel coordinates of several."""
    drawn = [name for name in differing if name in numbers]
    settings = [name for name in drawn if name.startswith("config.")] or drawn
    results = [name for name in drawn if name.startswith("summary.")] or drawn
    x = _column(ask, "x", numbers, settings)
    y = _column(ask, "y", numbers, results[::-1])
    asked = ask.query.getlist("axes")
    for name in asked:
        if name not in differing:
            raise InputError(f"`axes` are columns in which the runs differ, got {name[:60]!r}.")
    usual = [name for name in differing if name.startswith("config.")][: _MOST_AXES - 1]
    axes = asked or list(dict.fromkeys([*usual, *([y] if y else [])]))
    columns = [(name, [one.get(name) for one in facts]) for name in axes]
    values = [[one.get(name or "") for one in facts] for name in (x, y)]
    return {
        "x": x, "y": y, "axes": axes,
        "scatter": scatter_marks(*values) if x and y else None,
        "parallel": parallel_marks(columns) if len(axes) > 1 else None,
    }  # fmt: skip


def _column(ask: Ask, name: str, numbers: Sequence[str], usual: Sequence[str]) -> str | None:
    asked = ask.get(name)
    if asked is None:
        return next(iter([*usual, *numbers]), None)
    return ask.choice(name, numbers) if numbers else None


def _importance(ask: Ask, runs: Sequence[_Compared], target: str) -> list[dict[str, object]]:
    found = ask.record.importance([one.id for one in runs], target=target)
    most = found["importance"].max()
    return [
        {**row, "share": row["importance"] / most if most and row["importance"] else 0.0}
        for row in found.iter_rows(named=True)
    ]


def _tables(
    runs: Sequence[_Compared], facts: Facts, differing: Sequence[str], same: Sequence[str]
) -> list[Table]:
    names = [*differing, *same]

    def rows() -> Iterator[list[object]]:
        for run, one in zip(runs, facts, strict=True):
            yield [run.id, run.label, run.status, *(one.get(name) for name in names)]

    return [Table("compare", ("id", "run", "status", *names), rows())]
