"""The heat map of shift: features by windows, ranked by what their shift costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from homeostat.record import Artifact
from homeostat.web._links import query
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import FoundRow, found_rows, reports
from homeostat.web._reports import ShiftMap
from homeostat.web._words import instant, moment, number, share

__all__ = ["shift"]

_MEASURES = ("effect", "distance", "missing")
_SCALES = ("week", "day", "month", "hour")
_LEVELS = 8
_STARTS = ("window", "start", "day", "date")
_EVERY = {"day": 14, "week": 4, "month": 1}

_Grid = Sequence[Sequence[float | None]]


def shift(ask: Ask) -> View:
    """Show one shift map: the week's unless another is asked for."""
    maps = {found.scale: (artifact, found)
            for artifact, found in reversed(reports(ask.record, "shift-map", ask.system, ShiftMap))}  # fmt: skip
    if not maps:
        return View("shift.html", "Shift", {"rows": []})
    scales = sorted(maps, key=lambda s: _SCALES.index(s) if s in _SCALES else len(_SCALES))
    scale = ask.choice("scale", scales)
    measure = ask.choice("measure", _MEASURES)
    artifact, found = maps[scale]
    grid = _filled(found, getattr(found, measure))
    order = _ranking(found)
    top = max((v for row in grid for v in row if v is not None), default=0.0) or 1.0
    links = _finding_links(ask, scale)
    rows = [
        {
            "feature": found.features[i],
            "peak": max((v for v in grid[i] if v is not None), default=None),
            "cells": [
                _cell(ask, found, i, j, grid[i][j], top, measure, links)
                for j in range(len(found.windows))
            ],
        }
        for i in order
    ]
    data = _data(artifact, found, order, measure)
    drawing = {
        "rows": rows,
        "windows": [_window(w, j, scale) for j, w in enumerate(found.windows)],
        "concept": _concept(ask, found),
        "measures": _choices(ask, "measure", _MEASURES, measure),
        "scales": _choices(ask, "scale", scales, scale),
        "top": _value(top, measure),
        "summed": f"Highest {measure}",
        "csv_href": ask.here().replace("/shift", "/shift.csv", 1),
    }
    return View("shift.html", "Shift", data, [_table(found, order)], drawing)


def _filled(found: ShiftMap, grid: _Grid) -> list[list[float | None]]:
    """Return a grid of features by windows; what is missing is None."""
    def at(i: int, j: int) -> float | None:
        return grid[i][j] if i < len(grid) and j < len(grid[i]) else None

    return [[at(i, j) for j in range(len(found.windows))] for i in range(len(found.features))]


def _ranking(found: ShiftMap) -> list[int]:
    """Return the features by their highest effect on the loss, highest first."""
    grid = _filled(found, found.effect)
    peaks = [max((v for v in row if v is not None), default=float("-inf")) for row in grid]
    return sorted(range(len(peaks)), key=lambda i: (-peaks[i], found.features[i]))


def _verdict(found: ShiftMap, i: int, j: int) -> str | None:
    rows = found.verdict
    return rows[i][j] if i < len(rows) and j < len(rows[i]) else None


def _cell(
    ask: Ask, found: ShiftMap, i: int, j: int, value: float | None, top: float, measure: str,
    links: Mapping[tuple[str, date], str],
) -> dict[str, object]:  # fmt: skip
    verdict, feature, window = _verdict(found, i, j), found.features[i], found.windows[j]
    level = "na" if value is None or verdict == "unknown" else f"h{_level(value, top)}"
    if verdict == "fail":
        level += " alarm"
    at = instant(window)
    words = (
        f"{feature}, {found.scale} of {moment(window)}: {measure} {_value(value, measure)}"
        f"{', ' + verdict if verdict else ''}"
    )
    href = links.get((feature, at.date())) if at else None
    href = href or query("/findings", check="shift.*", subject=feature, system=ask.link.system)
    return {"level": level, "text": words, "href": href}


def _level(value: float, top: float) -> int:
    return max(0, min(_LEVELS, round(_LEVELS * value / top)))


def _value(value: float | None, measure: str) -> str:
    return share(value) if measure == "missing" else number(value, 3)


def _window(window: str, j: int, scale: str) -> dict[str, str]:
    at = instant(window)
    text = moment(window) if at else window
    label = (f"{at.day} {at:%b}" if at else window) if j % _EVERY.get(scale, 4) == 0 else ""
    return {"text": text, "label": label}


def _finding_links(ask: Ask, scale: str) -> dict[tuple[str, date], str]:
    """Return the page of the finding on each feature and window, where there is one."""
    links = {}
    for row, at, its_scale in _found(ask, "shift.feature"):
        if its_scale in {None, scale}:
            links[row.subject, at] = ask.link.finding(row.id)
    return links


def _concept(ask: Ask, found: ShiftMap) -> list[dict[str, str | None]]:
    """Return a row that marks the windows in which the concept was found to shift."""
    marked: dict[int, FoundRow] = {}
    starts = [at.date() if (at := instant(w)) else date.min for w in found.windows]
    for row, at, _ in _found(ask, "shift.concept"):
        before = [j for j, start in enumerate(starts) if start <= at]
        if before and row.verdict in {"fail", "warn"}:
            marked[before[-1]] = row
    if not marked:
        return []
    return [
        {"level": "h5 alarm", "text": marked[j].summary, "href": ask.link.finding(marked[j].id)}
        if j in marked
        else {"level": "", "text": f"No concept shift: {moment(w)}", "href": None}
        for j, w in enumerate(found.windows)
    ]


def _found(ask: Ask, check: str) -> list[tuple[FoundRow, date, str | None]]:
    """Return what a check found wrong, with the day its window begins, and its scale if told."""
    frame = ask.record.findings(check=check, system=ask.system or None)
    frame = frame.filter(pl.col("verdict") != "ok")
    found = []
    for row, text in zip(found_rows(frame), frame["evidence"], strict=True):
        evidence = json.loads(text)
        starts = (instant(evidence.get(key)) for key in _STARTS)
        at = next((start for start in starts if start), row.at)
        found.append((row, at.date(), evidence.get("scale")))
    return found


def _choices(ask: Ask, key: str, names: Sequence[str], chosen: str) -> list[dict[str, object]]:
    return [
        {"name": name, "href": ask.here(**{key: name}), "here": name == chosen} for name in names
    ]


def _data(
    artifact: Artifact, found: ShiftMap, order: Sequence[int], measure: str
) -> dict[str, object]:
    """Return what the page says, in the order in which it is shown."""
    return {
        "ref": artifact.reference,
        "scale": found.scale,
        "measure": measure,
        "starts": list(found.windows),
        "features": [found.features[i] for i in order],
    } | {name: [_filled(found, getattr(found, name))[i] for i in order] for name in _MEASURES} | {
        "verdict": [[_verdict(found, i, j) for j in range(len(found.windows))] for i in order]
    }  # fmt: skip


def _table(found: ShiftMap, order: Sequence[int]) -> Table:
    grids = [_filled(found, getattr(found, name)) for name in _MEASURES]
    rows = [
        (found.features[i], w, *(grid[i][j] for grid in grids), _verdict(found, i, j))
        for i in order
        for j, w in enumerate(found.windows)
    ]
    return Table("shift", ("feature", "window", *_MEASURES, "verdict"), rows)
