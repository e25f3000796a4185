"""The heat map of shift: features by windows, ranked by what their shift costs."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import polars as pl

from homeostat.web._links import query
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import FoundRow, found_rows, reports
from homeostat.web._reports import ShiftMap
from homeostat.web._words import instant, moment, number, share

__all__ = ["shift"]

_MEASURES = ("effect", "distance", "missing")
_SCALES = ("week", "day", "month", "hour")
_LEVELS = 8
_CONCEPT = "shift.concept"
_STARTS = ("window", "start", "day", "date")
_LABELLED = {"day": 14, "week": 4, "month": 1}

Cell = TypeVar("Cell")
Default = TypeVar("Default")
_Grid = Sequence[Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class _Map:
    """A shift map with one of its measures chosen, and the findings that its cells lead to."""

    ask: Ask
    found: ShiftMap
    measure: str
    run: str
    links: Mapping[tuple[str, int], str]

    def grid(self, measure: str | None = None) -> list[list[float | None]]:
        """Return a measure as features by windows; None where it was not computed."""
        rows: _Grid = getattr(self.found, measure or self.measure)
        return [
            [_at(rows, i, j) for j in range(len(self.found.windows))]
            for i in range(len(self.found.features))
        ]

    def ranking(self) -> list[int]:
        """Return the features by their highest effect on the loss, highest first."""
        peaks = [_peak(row, float("-inf")) for row in self.grid("effect")]
        return sorted(range(len(peaks)), key=lambda i: (-peaks[i], self.found.features[i]))

    def verdict(self, i: int, j: int) -> str | None:
        """Return the verdict on one cell."""
        return _at(self.found.verdict, i, j)

    def cell(self, i: int, j: int, value: float | None, top: float) -> dict[str, object]:
        """Return one cell as it is drawn: level of colour, words, and where it leads."""
        feature, window = self.found.features[i], self.found.windows[j]
        verdict = self.verdict(i, j)
        level = "na" if value is None or verdict == "unknown" else f"k{_level(value, top)}"
        words = [
            f"{feature}, {self.found.scale} of {moment(window)}",
            f"{self.measure} {_value(value, self.measure)}",
            verdict or "",
        ]
        return {
            "level": f"{level} alarm" if verdict == "fail" else level,
            "text": ": ".join([words[0], ", ".join(filter(None, words[1:]))]),
            "href": self.links.get((feature, j)),
        }


def shift(ask: Ask) -> View:
    """Show one shift map: the week's unless another is asked for."""
    newest = reports(ask.record, "shift-map", ask.system, ShiftMap)
    maps = {found.scale: (artifact, found) for artifact, found in reversed(newest)}
    if not maps:
        return View("shift.html", "Shift", {"rows": []})
    rank = {scale: i for i, scale in enumerate(_SCALES)}
    scales = sorted(maps, key=lambda scale: rank.get(scale, len(rank)))
    scale = ask.choice("scale", scales)
    artifact, found = maps[scale]
    judged = _judged(ask, artifact.run, found)
    links = {
        (row.subject, j): ask.link.finding(row.id) for j, row in judged if row.check != _CONCEPT
    }
    chosen = _Map(ask, found, ask.choice("measure", _MEASURES), artifact.run, links)
    order = chosen.ranking()
    table = _table(chosen, order)
    data = {
        "ref": artifact.reference,
        "scale": scale,
        "measure": chosen.measure,
        "features": [found.features[i] for i in order],
        "cells": [dict(zip(table.columns, row, strict=True)) for row in table.rows],
    }
    drawing = _drawing(chosen, order, scales)
    drawing["concept"] = _concept(
        ask, found, {j: row for j, row in judged if row.check == _CONCEPT}
    )
    return View("shift.html", "Shift", data, [table], drawing)


def _drawing(chosen: _Map, order: Sequence[int], scales: Sequence[str]) -> dict[str, object]:
    """Return what only the template needs."""
    ask, found, measure = chosen.ask, chosen.found, chosen.measure
    grid = chosen.grid()
    top = max((_peak(row, 0.0) for row in grid), default=0.0) or 1.0
    return {
        "rows": [
            {
                "feature": found.features[i],
                "href": query(
                    "/findings", check="shift.*", subject=found.features[i], run=chosen.run
                ),
                "peak": _peak(grid[i], None),
                "cells": [chosen.cell(i, j, value, top) for j, value in enumerate(grid[i])],
            }
            for i in order
        ],
        "windows": [_window(window, j, found.scale) for j, window in enumerate(found.windows)],
        "measures": _choices(ask, "measure", _MEASURES, measure),
        "scales": _choices(ask, "scale", scales, found.scale),
        "top": _value(top, measure),
        "csv_href": ask.here().replace("/shift", "/shift.csv", 1),
    }


def _at(rows: Sequence[Sequence[Cell]], i: int, j: int) -> Cell | None:
    return rows[i][j] if i < len(rows) and j < len(rows[i]) else None


def _peak(row: Sequence[float | None], default: Default) -> float | Default:
    return max((value for value in row if value is not None), default=default)


def _level(value: float, top: float) -> int:
    return max(0, min(_LEVELS, round(_LEVELS * value / top)))


def _value(value: float | None, measure: str) -> str:
    return share(value) if measure == "missing" else number(value, 3)


def _window(window: str, j: int, scale: str) -> dict[str, str]:
    """Return a window as it is named in full, and on the axis where there is room for it."""
    at = instant(window)
    short = f"{at.day} {at:%b}" if at else window
    label = short if j % _LABELLED.get(scale, 4) == 0 else ""
    return {"text": moment(window) if at else window, "label": label}


def _choices(ask: Ask, key: str, names: Sequence[str], chosen: str) -> list[dict[str, object]]:
    return [
        {"name": name, "href": ask.here(**{key: name}), "here": name == chosen} for name in names
    ]


def _judged(ask: Ask, run: str, found: ShiftMap) -> list[tuple[int, FoundRow]]:
    """Return what a run found wrong, with the window that it lies in; the worst come last."""
    frame = ask.record.findings(run=run, check="shift.*").filter(pl.col("verdict") != "ok")
    starts = [at.date() if (at := instant(w)) else date.max for w in found.windows]
    judged = []
    for row, text in zip(found_rows(frame), frame["evidence"], strict=True):
        evidence = json.loads(text)
        told = (instant(evidence.get(key)) for key in _STARTS)
        day = next((at for at in told if at), row.at).date()
        window = bisect_right(starts, day) - 1
        if window >= 0 and evidence.get("scale") in {None, found.scale}:
            judged.append((window, row))
    return sorted(judged, key=lambda pair: (pair[1].verdict == "fail", pair[1].effect or 0.0))


def _concept(
    ask: Ask, found: ShiftMap, marked: Mapping[int, FoundRow]
) -> list[dict[str, str | None]]:
    """Return a row that marks the windows in which the concept was found to shift."""
    if not marked:
        return []
    return [
        {"level": "k5 alarm", "text": marked[j].summary, "href": ask.link.finding(marked[j].id)}
        if j in marked
        else {"level": "", "text": f"No concept shift: {moment(window)}", "href": None}
        for j, window in enumerate(found.windows)
    ]


def _table(chosen: _Map, order: Sequence[int]) -> Table:
    """Return each cell with all its measures, in the order in which it is shown."""
    grids = [chosen.grid(name) for name in _MEASURES]
    found = chosen.found
    rows = [
        (found.features[i], window, *(grid[i][j] for grid in grids), chosen.verdict(i, j))
        for i in order
        for j, window in enumerate(found.windows)
    ]
    return Table("shift", ("feature", "window", *_MEASURES, "verdict"), rows)
