"""What changed in a column from one profile to another: in words, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from homeostat.core import Json
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_details import Details
from homeostat.data._profile_distance import novelty, shared_cells
from homeostat.data._profile_series import NUMBERS, TIMES
from homeostat.data._profile_words import number, plural, share, value
from homeostat.stats import js_distance

__all__ = ["Change", "changes", "known"]

_FINE_CELLS = 20
_RARE = 1e-6  # chance below which a value that never comes has vanished
_STRETCHED = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_KINDS = {"bool": 0, "int": 1, "float": 1, "date": 2, "datetime": 2}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed in a column.

    Args:
        column: Its name.
        kind: added, removed, type, missing, category, vanished, range, scale, valency, length
            or distribution.
        size: In [0, 1]: a share of rows, a distance, or 1 where the column itself changed.
        words: One sentence.
        evidence: What a person can check it by.
    """

    column: str
    kind: str
    size: float
    words: str
    evidence: dict[str, Json] = field(default_factory=dict)


def known(column: ColumnProfile) -> float:
    """Return the share of rows that have a value that counts."""
    there = column.count - column.nulls if column.type in {"other", "mixed"} else column.present
    return there / column.count if column.count else 1.0


def changes(
    name: str,
    one: ColumnProfile | None,
    other: ColumnProfile | None,
    *,
    said: tuple[str, str],
    details: tuple[Details | None, Details | None] = (None, None),
) -> list[Change]:
    """Return what changed in a column, greatest first.

    Args:
        name: Of the column.
        one: In the first profile; None where it lacks the column.
        other: In the second.
        said: What the two are called.
        details: More of both, where it is known.
    """
    first, second = said
    if one is None or other is None:
        if one is other:
            return []
        kind, has, lacks = ("removed", *said) if other is None else ("added", second, first)
        return [Change(name, kind, 1.0, f"`{name}` is in {has}, but not in {lacks}.")]
    if not one.count or not other.count:
        return []
    found = [*_missing(name, one, other, said), *_sizes(name, one, other, said, details)]
    if _retyped(one.type, other.type):
        text = f"`{name}` is {other.type} in {second}, {one.type} in {first}."
        return [Change(name, "type", 1.0, text), *found]
    found += [
        *_categories(name, one, other, said),
        *_range(name, one, other, said),
        *_scale(name, one, other, said),
        *_distribution(name, one, other, said),
    ]
    return sorted(found, key=lambda change: -change.size)


def _retyped(one: str, other: str) -> bool:
    if one == other or "null" in {one, other}:
        return False
    return one not in _KINDS or _KINDS[one] != _KINDS.get(other)


_Said = tuple[str, str]


def _missing(name: str, one: ColumnProfile, other: ColumnProfile, said: _Said) -> Iterator[Change]:
    was, now = 1 - known(one), 1 - known(other)
    if was == now:
        return
    text = f"`{name}` misses a value in {share(now)} of {said[1]}, {share(was)} of {said[0]}."
    yield Change(name, "missing", abs(now - was), text, {"was": was, "now": now})


def _sizes(
    name: str,
    one: ColumnProfile,
    other: ColumnProfile,
    said: _Said,
    details: tuple[Details | None, Details | None],
) -> Iterator[Change]:
    """Compare how many items lists have, or characters texts."""
    was, now = (None if d is None else d.lengths for d in details)
    if was is None or now is None or one.type != other.type:
        return
    if not was.present or not now.present:
        return
    if one.frequencies() is not None and other.frequencies() is not None:
        return  # each value is told apart, and a new one is told as such
    kind, what = ("length", "characters") if one.type == "string" else ("valency", "items")
    low, high = _end(was.min), _end(was.max)
    outside = _outside(now, low, high)
    if outside:
        text = (
            f"`{name}` has {number(_end(now.min))} to {number(_end(now.max))} {what} in {said[1]}, "
            f"{number(low)} to {number(high)} in {said[0]}: {share(outside)} of rows are outside."
        )
        yield Change(name, kind, outside, text, {"was": [low, high]})


def _end(given: float | str | None) -> float:
    return float(given) if isinstance(given, (int, float)) else 0.0


def _categories(
    name: str, one: ColumnProfile, other: ColumnProfile, said: _Said
) -> Iterator[Change]:
    found = novelty(one, other)
    if found is not None and found[0] > 0:
        rate, count, names = found
        text = (
            f"`{name}` has {plural(round(count), 'value')} in {said[1]} that {said[0]} lacks, in "
            f"{share(rate)} of rows: {', '.join(value(n, 'string', 24) for n in names)}."
        )
        yield Change(name, "category", rate, text, {"new": names})
    was, now = one.frequencies(), other.frequencies()
    if was is None or now is None or one.type not in {"string", "bool"}:
        return
    least = -np.log(_RARE) / max(other.present, 1)
    gone = [v for v, n in was.items() if v not in now and n / one.present > least]
    if gone and other.present:
        gone.sort(key=lambda v: -was[v])
        rate = sum(was[v] for v in gone) / one.present
        names = [value(v, one.type, 24) for v in gone[:5]]
        text = (
            f"`{name}` lacks {plural(len(gone), 'value')} in {said[1]} that {said[0]} has "
            f"in {share(rate)} of rows: {', '.join(names)}."
        )
        yield Change(name, "vanished", rate, text, {"vanished": names})


def _range(name: str, one: ColumnProfile, other: ColumnProfile, said: _Said) -> Iterator[Change]:
    if one.type not in {*NUMBERS, *TIMES} or not one.present or not other.present:
        return
    ends: list[Any] = [one.min, one.max, other.min, other.max]
    if any(end is None for end in ends) or (ends[0] <= ends[2] and ends[3] <= ends[1]):
        return
    outside = _outside(other, ends[0], ends[1])
    far = ends[2] if ends[0] - ends[2] > ends[3] - ends[1] else ends[3]
    wide = float(ends[1] - ends[0])
    beyond = float(max(ends[0] - ends[2], ends[3] - ends[1]))
    shown = [value(end, one.type) for end in (far, ends[0], ends[1])]
    text = (
        f"`{name}` reaches {shown[0]} in {said[1]}; in {said[0]} it lies between {shown[1]} and "
        f"{shown[2]} ({share(outside)} of rows are outside)."
    )
    evidence: dict[str, Json] = {"widths_beyond": beyond / wide if wide else None}
    yield Change(name, "range", outside, text, evidence)


def _outside(column: ColumnProfile, low: float, high: float) -> float:
    """Return the share of numbers outside [low, high], at least one row's if there is any."""
    least, most = column.min, column.max
    if least is None or most is None or (low <= float(least) and float(most) <= high):
        return 0.0
    frequencies = column.frequencies()
    if frequencies is not None:
        return (
            sum(n for v, n in frequencies.items() if not low <= float(v) <= high) / column.present
        )
    if column.kll is None:
        return 1 / column.present
    cuts = np.array([np.nextafter(low, -np.inf), high])
    inside = float(np.diff(column.kll.ranks(cuts))[0]) / column.kll.count
    return max(1 - inside, 1 / column.present)


def _scale(name: str, one: ColumnProfile, other: ColumnProfile, said: _Said) -> Iterator[Change]:
    """Tell where all quantiles grew by one factor: a change of units."""
    if one.type not in {"int", "float"} or min(one.present, other.present) < 100:
        return
    was, now = (np.array(c.quantile(*_STRETCHED), np.float64) for c in (one, other))
    if len(was) != len(now) or len(set(was.tolist())) < 5 or (was * was[0] <= 0).any():
        return
    factors = now / was
    factor = float(np.median(factors))
    if factor == 0:
        return
    noise = 0.03 + 3 / math.sqrt(min(one.present, other.present))
    if not 0.67 < factor < 1.5 and np.abs(factors / factor - 1).max() < noise:
        text = (
            f"`{name}` looks rescaled: each quantile of {said[1]} is about {number(factor, 3)} "
            f"times that of {said[0]} (other units?)."
        )
        yield Change(name, "scale", 1.0, text, {"factor": factor})


def _distribution(
    name: str, one: ColumnProfile, other: ColumnProfile, said: _Said
) -> Iterator[Change]:
    cells = shared_cells(one, other, _FINE_CELLS)
    if cells is None:
        return
    size = float(js_distance(cells.one, cells.other, base=2))
    if size > 0:
        words = cells.moved(*said)
        middle = ""
        if one.type in NUMBERS and other.type in NUMBERS and one.type != "bool":
            middle = f"; mean {number(other.mean)}, was {number(one.mean)}"
        yield Change(name, "distribution", size, f"`{name}`: {words.rstrip('.')}{middle}.")
