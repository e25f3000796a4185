"""A logged table as a page: filtered, sorted, grouped, joined, and what is taken for what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from homeostat.core import InputError, NotFoundError, suggest
from homeostat.record import logged_values, runs_with_table
from homeostat.web._lists import Pager, Sorting
from homeostat.web._media import Item, thumbnail
from homeostat.web._page import Ask, Table, View, missing
from homeostat.web._words import number

if TYPE_CHECKING:
    from homeostat.media import TableView

__all__ = ["of_artifact", "of_run"]

_PAGE_ROWS = 50
_MOST_CSV = 100_000
_MOST_TEXT = 300
_MOST_MEANS = 6
_EXAMPLES = 4
_TRUTHS = ("truth", "label", "target", "y_true", "actual", "ground_truth")
_GUESSES = ("guess", "prediction", "predicted", "pred", "y_pred", "output")


@dataclass(frozen=True, slots=True)
class _Source:
    """A table, what it is called, and where it comes from."""

    view: TableView
    name: str
    kicker: str
    kept: Mapping[str, str]
    href: str
    others: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    """A cell: a medium, or a text."""

    item: Item | None
    text: str
    numeric: bool


def of_run(ask: Ask) -> View:
    """Show a table that a run logged, as of a step or the last one."""
    from homeostat.media import open_view  # noqa: PLC0415 - NumPy and Pillow, where there is one

    try:
        info = ask.record.run(ask.names["run"])
    except NotFoundError:
        known = ask.record.runs()["id"].to_list()
        return missing("run", ask.names["run"], known, ask.link.run)
    row, step, key = _row(ask, info.id)
    name = info.name or info.kind
    others = [
        (id_, ask.record.run(id_).name or id_)
        for id_ in list(runs_with_table(ask.record, key))[:50]
        if id_ != info.id
    ]
    kept = {"key": key} | ({"step": str(step)} if ask.get("step") else {})
    source = _Source(open_view(row, ask.record.blob), key, f"{name} · step {step:,}", kept,
                     ask.link.run(info.id), others)  # fmt: skip
    return _page(ask, source)


def of_artifact(ask: Ask) -> View:
    """Show a file of an artifact that is a table: Parquet, or a table of W&B's client."""
    from homeostat.media import open_view, scan  # noqa: PLC0415 - as above

    artifact = ask.record.artifact(ask.get("artifact") or "")
    name = ask.get("name") or next(iter(artifact.files), "")
    digest = artifact.files.get(name)
    if digest is None:
        raise NotFoundError(f"{artifact.reference} has no `{name}`.{suggest(name, artifact.files)}")
    if name.endswith(".parquet"):
        view = scan([ask.record.blob(digest)])
    else:
        view = open_view({"_type": "table-file", "sha256": digest}, ask.record.blob)
    kept = {"artifact": artifact.reference, "name": name}
    href = ask.link.artifact(artifact.reference)
    return _page(ask, _Source(view, name, artifact.reference, kept, href))


def _row(ask: Ask, run: str) -> tuple[Mapping[str, Any], int, str]:
    """Return the row that stands for the table, its step and its key."""
    tables: dict[tuple[str, int], Mapping[str, Any]] = {
        (one.name, one.step): one.value
        for one in logged_values(ask.record, run)
        if isinstance(one.value, dict) and one.value.get("_type") == "table-file"
    }
    names = list(dict.fromkeys(name for name, _ in tables))
    if not names:
        raise NotFoundError(f"The run `{run}` logged no table.")
    key = ask.get("key") or names[0]
    steps = [step for name, step in tables if name == key]
    if not steps:
        raise NotFoundError(f"The run logged no table `{key}`.{suggest(key, names)}")
    asked = ask.get("step")
    step = max(steps) if asked is None else next((s for s in steps if str(s) == asked), -1)
    if step not in steps:
        raise NotFoundError(f"The table `{key}` was not logged at step {asked}.")
    return tables[key, step], step, key


def _page(ask: Ask, source: _Source) -> View:
    problem, confusions = None, None
    whole = chosen = source.view
    sorting = _sorting(ask)
    try:
        chosen = _chosen(ask, source)
        confusions = _confusions(ask, chosen)
        view = _ordered(ask, chosen, sorting)
        total = view.count()
    except InputError as error:
        problem, view, total = str(error), whole, 0
    pager, offset = _pager(ask, total)
    frame = view.page(offset, 0 if problem else _PAGE_ROWS)
    rows = list(frame.iter_rows(named=True))
    data = {
        "name": source.name, "total": total, "whole": whole.count(), "problem": problem,
        "columns": dict(view.columns), "rows": rows, "confusions": confusions,
    }  # fmt: skip
    columns = chosen.columns
    drawing = {
        "source": source, "sorting": sorting, "pager": pager, "kicker": source.kicker,
        "cells": [[_shown(value) for value in row.values()] for row in rows],
        "found": _drawn(confusions), "all_columns": columns,
        "groupable": [name for name, kind in columns.items() if kind not in {"media", "struct"}],
        "asked": {key: ask.get(key) or "" for key in _ASKED},
        "usual": _usual(ask, columns),
    }  # fmt: skip
    table = Table("rows", list(frame.columns), _csv(view, problem))
    return View("table.html", source.name, data, [table], drawing, 400 if problem else 200)


_ASKED = ("filter", "group", "with", "on", "truth", "guess", "sort")


def _sorting(ask: Ask) -> Sorting:
    text = ask.get("sort") or ""
    return Sorting(ask, text.removeprefix("-") or None, text.startswith("-"))


def _quoted(name: str) -> str:
    return f"`{name}`"


def _chosen(ask: Ask, source: _Source) -> TableView:
    """Return the rows that are asked for: joined, then filtered."""
    view = source.view
    if other := ask.get("with"):
        on = ask.get("on") or next(iter(view.columns))
        view = view.join(_other(ask, other, source.name), on, suffixes=("", " (other)"))
    if condition := ask.get("filter"):
        view = view.filter(condition)
    return view


def _other(ask: Ask, run: str, key: str) -> TableView:
    """Return the latest table of another run by the same key."""
    from homeostat.media import open_view  # noqa: PLC0415 - as above

    held = [one.value for one in logged_values(ask.record, run) if one.name == key]
    if not held or not isinstance(held[-1], dict):
        raise InputError(f"The run `{run}` logged no table `{key}` to join with.")
    return open_view(held[-1], ask.record.blob)


def _is_of_groups(column: str) -> bool:
    """Say whether a column is one that only grouped rows have."""
    return column == "rows" or column.startswith("mean ")


def _ordered(ask: Ask, view: TableView, sorting: Sorting) -> TableView:
    if by := ask.get("group"):
        means = [name for name, kind in view.columns.items() if kind == "number" and name != by][
            :_MOST_MEANS
        ]
        said = {f"mean {name}": f"mean({_quoted(name)})" for name in means}
        view = view.group(_quoted(by), rows="count()", **said)
        if sorting.key not in view.columns:  # a sort that was asked for before the grouping
            return view.sort("-rows")
    if sorting.key is None or (sorting.key not in view.columns and _is_of_groups(sorting.key)):
        return view
    return view.sort(f"{'-' if sorting.down else ''}{_quoted(sorting.key)}")


def _confusions(ask: Ask, view: TableView) -> list[dict[str, Any]] | None:
    truth, guess = ask.get("truth"), ask.get("guess")
    if not (truth and guess):
        return None
    show = [name for name, kind in view.columns.items() if kind == "media"][:1]
    found = view.confusions(_quoted(truth), _quoted(guess), examples=_EXAMPLES, show=show)
    return found.head(_PAGE_ROWS).to_dicts()


def _drawn(confusions: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Return confusions with their examples as media."""
    return [
        {**one, "shown": [
            item for example in one["examples"] or ()
            for value in example.values() if isinstance(value, dict)
            if (item := thumbnail(value)) is not None
        ], "places": [example["row"] for example in one["examples"] or ()]}
        for one in confusions or ()
    ]  # fmt: skip


def _usual(ask: Ask, columns: Mapping[str, str | None]) -> dict[str, str] | None:
    """Return the address that shows confusions, where two columns are called as usual."""
    truth = next((name for name in columns if name.lower() in _TRUTHS), None)
    guess = next((name for name in columns if name.lower() in _GUESSES), None)
    if truth is None or guess is None or ask.get("truth"):
        return None
    return {"href": ask.here(truth=truth, guess=guess), "truth": truth, "guess": guess}


def _pager(ask: Ask, total: int) -> tuple[Pager, int]:
    count = max(1, -(-total // _PAGE_ROWS))
    page = min(ask.whole("page", 1), count)
    before = ask.here(page=page - 1 if page > 2 else None) if page > 1 else None
    after = ask.here(page=page + 1) if page < count else None
    return Pager(page, count, before, after), (page - 1) * _PAGE_ROWS


def _shown(value: object) -> _Shown:
    if isinstance(value, dict) and "sha256" in value:
        return _Shown(thumbnail(value), "", numeric=False)
    if value is None:
        return _Shown(None, "", numeric=False)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _Shown(None, number(value), numeric=True)
    if isinstance(value, pl.Series):
        value = value.to_list()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _Shown(None, text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…", numeric=False)


def _csv(view: TableView, problem: str | None) -> Iterator[Sequence[object]]:
    """Give the rows of the CSV: at most 100,000; a medium is its SHA-256."""
    frame = view.page(0, 0 if problem else _MOST_CSV)
    for row in frame.iter_rows():
        yield [
            value.get("sha256") if isinstance(value, dict) and "sha256" in value
            else json.dumps(value, default=str) if isinstance(value, (dict, list)) else value
            for value in row
        ]  # fmt: skip
