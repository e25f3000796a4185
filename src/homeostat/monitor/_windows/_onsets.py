"""When columns changed: change points of the counts that windows keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.core import InputError, suggest
from homeostat.data import ColumnEdges, Edges, Profile
from homeostat.monitor._windows._change_point import LEAST_WINDOWS, ChangePoint, change_point
from homeostat.monitor._windows._moved import moved
from homeostat.monitor._windows._store import Windows

__all__ = ["cell_counts", "onset_of_counts", "onsets"]

_CELLS = 32  # neighbouring cells are counted together until as many are left
_Counts = NDArray[np.int64]
_Floats = NDArray[np.float64]


def onsets(
    windows: Windows[Profile],
    edges: Edges,
    columns: Iterable[str] | None = None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> list[ChangePoint]:
    """Date the change of each column from the profiles of short windows, without the rows.

    A column's cells are weighed by how their shares differ after the likeliest change and before
    it; a window's mean weight is its place between then (0) and now (1), and this series is what
    is dated. Weights are learned on a random half of the counts and whether there is a change at
    all is asked of the other half, so that none is found in noise; when and how long is told by
    all of them. Missing values are a cell like others: a column that stops being filled is dated.

    Args:
        windows: Profiles of short windows, counted in `edges`: some before the change, some after.
        edges: The cells.
        columns: Which columns; None takes all of the edges.
        start: The first window looked at; None begins with the first.
        end: Where to stop.
        level: Of the intervals.
        seed: Of the halves.

    Returns:
        One a column, those that changed first, the earliest first: what moved first may be why
        the others did.

    Raises:
        InputError: If a column is not in the edges, or profiles were counted in others.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC
        >>> rng = np.random.default_rng(0)
        >>> start = datetime(2026, 3, 1, tzinfo=UTC)
        >>> hours = [pl.DataFrame({"x": rng.normal(0.6 * (h >= 30), size=200)}) for h in range(48)]
        >>> edges = Edges.of(pl.concat(hours[:24]))
        >>> windows = Windows("1h")
        >>> for h, frame in enumerate(hours):
        ...     _ = windows.add(start + timedelta(hours=h), Profile.of(frame, edges=edges))
        >>> [(c.name, c.shape, c.at.isoformat()) for c in onsets(windows, edges)]
        [('x', 'sudden', '2026-03-02T06:00:00+00:00')]
    """
    names = list(edges.columns if columns is None else columns)
    for name in names:
        if name not in edges.columns:
            raise InputError(f"The edges have no column `{name}`.{suggest(name, edges.columns)}")
    items = windows.items(start, end)
    if any(profile.edges != edges.digest for _, profile in items):
        raise InputError("The windows are counted in other edges: pass theirs.")
    rng = np.random.default_rng(seed)
    starts = [at for at, _ in items]
    found = [
        onset_of_counts(
            name,
            starts,
            cell_counts(items, name, edges.columns[name]),
            edges.columns[name],
            (windows.base, level, rng),
        )
        for name in names
    ]
    return sorted(found, key=lambda one: (one.at is None, one.at or starts, -one.probability))


def cell_counts(items: list[tuple[datetime, Profile]], name: str, edges: ColumnEdges) -> _Counts:
    """Return a column's counts, (windows, cells + 1); rows without a value are the last cell."""
    counts = np.zeros((len(items), edges.cells + 1), np.int64)
    for place, (_, profile) in enumerate(items):
        column = profile.columns.get(name)
        counts[place, -1] = profile.rows
        if column is not None and len(column.bins):
            counts[place, :-1] = column.bins
            counts[place, -1] -= int(column.bins.sum())
    return counts


def onset_of_counts(
    name: str,
    starts: list[datetime],
    counts: _Counts,
    edges: ColumnEdges,
    settings: tuple[timedelta, float, np.random.Generator],
) -> ChangePoint:
    """Date a column's change by its counts, (windows, cells + 1); see :func:`onsets`."""
    base, level, rng = settings
    grouped = _grouped(counts)
    filled = int(np.count_nonzero(counts.sum(axis=1)))
    if filled < 2 or np.count_nonzero(grouped.sum(axis=0)) < 2:
        shape = "none" if filled >= LEAST_WINDOWS else "unknown"
        return ChangePoint(name=name, shape=shape, windows=filled, base=base, level=level)
    learn = rng.binomial(grouped, 0.5)
    surely = _dated(name, starts, grouped - learn, _direction(learn), base, level)
    if surely.at is None:
        return surely
    return _worded(
        _dated(name, starts, grouped, _direction(grouped), base, level), starts, counts, edges
    )


def _dated(
    name: str,
    starts: list[datetime],
    counts: _Counts,
    weight: _Floats,
    base: timedelta,
    level: float,
) -> ChangePoint:
    rows = counts.sum(axis=1)
    return change_point(
        starts, _series(counts, weight), weights=rows, base=base, name=name, level=level
    )


def _worded(
    found: ChangePoint, starts: list[datetime], counts: _Counts, edges: ColumnEdges
) -> ChangePoint:
    """Say where the mass went: the windows before the change against those it was complete in."""
    if found.at is None or found.low is None:
        return found
    at = np.array([t.timestamp() for t in starts])
    begun, over = found.at.timestamp(), (found.at + found.lasts).timestamp()
    now = (at >= begun) & (at < over) if found.shape == "passing" else at >= over
    if not now.any():
        now = at >= begun
    distance, words = moved(edges, counts[now].sum(axis=0), counts[at < begun].sum(axis=0))
    return replace(found, moved=words, distance=distance)


def _grouped(counts: _Counts) -> _Counts:
    """Add up neighbouring cells to about equal totals; the missing stay apart."""
    inner = counts[:, :-1]
    upto = np.cumsum(inner.sum(axis=0))
    if len(upto) <= _CELLS or upto[-1] == 0:
        return counts
    group = np.minimum((upto - 1) * _CELLS // upto[-1], _CELLS - 1)
    starts = np.flatnonzero(np.append(True, np.diff(group) > 0))
    return np.column_stack([np.add.reduceat(inner, starts, axis=1), counts[:, -1]])


def _direction(counts: _Counts) -> _Floats:
    """Return a weight a cell, (k,), with mean 0 before the likeliest step and 1 after it."""
    upto = np.cumsum(counts, axis=0)[:-1].astype(np.float64)
    after = upto[-1] + counts[-1] - upto
    place = int(np.argmax(_evidence(upto) + _evidence(after)))
    p, q = ((side[place] + 0.5) / (side[place] + 0.5).sum() for side in (upto, after))
    weight = (q - p) / (p + q)
    apart = float(weight @ (q - p))
    return np.asarray((weight - weight @ p) / apart if apart > 0 else weight * 0.0)


def _evidence(counts: _Floats) -> _Floats:
    """Return the log of how likely counts are under shares of which nothing was known, (t,).

    The Dirichlet-multinomial law with half a row a cell beforehand (Jeffreys).
    """
    cells = counts.shape[1]
    inner = special.gammaln(counts + 0.5).sum(axis=1) - cells * special.gammaln(0.5)
    return np.asarray(
        inner - special.gammaln(counts.sum(axis=1) + cells / 2) + special.gammaln(cells / 2)
    )


def _series(counts: _Counts, weight: _Floats) -> _Floats:
    rows = counts.sum(axis=1)
    return np.asarray(np.where(rows > 0, counts @ weight / np.maximum(rows, 1), np.nan))
