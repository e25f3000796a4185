"""The list of runs: filtered by an expression, ordered, with chosen columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from homeostat.core import InputError, suggest
from homeostat.web._columns import chosen_columns, facts_of, quoted, shown
from homeostat.web._links import query
from homeostat.web._lists import Sorting, cut, filters
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import run_rows

__all__ = ["runs"]

_OWN = {"name": "name", "kind": "kind", "system": "system", "status": "status",
        "started": "started", "seconds": "duration_s"}  # fmt: skip
_EXAMPLES = "config.lr < 0.01 and summary.auc > .8"
_MOST_COMPARED = 100


def runs(ask: Ask) -> View:
    """List the runs, filtered and sorted as the address says."""
    asked = ask.query.getlist("columns")
    everything = ask.record.runs()
    sorting = _sorting(ask)
    chosen, problem = _found(ask, everything, sorting)
    chosen, fields = filters(ask, chosen, ("kind", "system", "status"))
    page, pager = cut(ask, chosen)
    known = [facts_of(row) for row in page.iter_rows(named=True)]
    columns, every = chosen_columns(asked, known)
    cells = [[shown(facts.get(name)) for name in columns] for facts in known]
    data = {
        "total": len(chosen),
        "problem": problem,
        "columns": columns,
        "runs": run_rows(page),
        "values": [{name: facts.get(name) for name in columns} for facts in known],
    }
    drawing = {
        "fields": _with_all(fields, everything), "sorting": sorting, "pager": pager,
        "rows": list(zip(run_rows(page), cells, strict=True)), "every": every,
        "filter": ask.get("filter") or "", "example": _EXAMPLES,
        "filtered": bool(ask.get("filter") or any(field["value"] for field in fields)),
        "compare_all": _compare_all(ask, page, len(chosen)),
    }  # fmt: skip
    return View(
        "runs.html", "Runs", data, [_table(chosen, columns)], drawing, 400 if problem else 200
    )


def _sorting(ask: Ask) -> Sorting:
    text = ask.get("sort") or ""
    key = text.removeprefix("-")
    if key and key not in _OWN and not key.startswith(("config.", "summary.")):
        raise InputError(f"`sort` cannot be {text!r}.{suggest(key, _OWN)}")
    return Sorting(ask, key or None, text.startswith("-"))


def _found(ask: Ask, everything: pl.DataFrame, sorting: Sorting) -> tuple[pl.DataFrame, str | None]:
    """Return the runs that are asked for, and what cannot be understood of the question."""
    condition = ask.get("filter")
    if condition is None and sorting.key is None:
        return everything, None
    order = "-started"
    if sorting.key is not None:
        name = _OWN.get(sorting.key) or quoted(sorting.key)
        order = f"{'-' if sorting.down else ''}{name}"
    try:
        return ask.record.runs(condition, order=order), None
    except InputError as error:
        return everything.clear(), str(error)


def _with_all(
    fields: Sequence[dict[str, object]], everything: pl.DataFrame
) -> list[dict[str, object]]:
    """Return the fields with all values of the record to choose from, not only those found."""
    return [
        field | {"options": [v for v in everything[str(field["name"])].unique().sort() if v]}
        for field in fields
    ]


def _compare_all(ask: Ask, page: pl.DataFrame, total: int) -> str | None:
    """Return the address that compares all the runs found, or those of the page."""
    if len(page) < 2:
        return None
    if total <= _MOST_COMPARED and ask.get("filter") and not any(
        ask.get(name) for name in ("kind", "system", "status")
    ):  # fmt: skip
        return query("/compare", filter=ask.get("filter"))
    return query("/compare", run=page["id"].to_list())


def _table(chosen: pl.DataFrame, columns: Sequence[str]) -> Table:
    names = ("id", "kind", "name", "system", "status", "started", "finished", "parent", "seconds")
    took = (pl.col("finished") - pl.col("started")).dt.total_microseconds() / 1e6
    frame = chosen.with_columns(seconds=took)

    def rows() -> Iterator[list[Any]]:
        for row in frame.iter_rows(named=True):
            facts = facts_of(row) if columns else {}
            yield [*(row[name] for name in names), *(facts.get(name) for name in columns)]

    return Table("runs", (*names, *columns), rows())
