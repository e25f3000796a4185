"""Draws with replacement that depend on seed and identity only, not on the order of the rows.

Row i gives off events at the times of a Poisson process of rate w_i, each on one of n slots at
random. A slot is taken by its first event, which is row i's with the chance w_i / sum of w,
independently of the other slots. The numbers of a row are its own, so batches do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.sample._batches import Batch, Batches
from homeostat.sample._kept import Kept
from homeostat.sample._sample import Sample
from homeostat.sample._uniforms import Ids, uniforms
from homeostat.stats import Floats

__all__ = ["drawn_with_replacement"]


def drawn_with_replacement(
    batches: Batches, n: int, weigh: Callable[[Batch], Floats], *, seed: int
) -> Sample:
    """Return ``n`` draws, each row with the chance of its share of all weight.

    Args:
        batches: Rows that can be read twice.
        n: How many draws.
        weigh: Gives the weights of a batch.
        seed: Of the draws.
    """
    batches.again("Drawing with replacement")
    sums = [(float(np.sum(weigh(batch))), batch.frame.height) for batch in batches]
    total, population = math.fsum(w for w, _ in sums), sum(height for _, height in sums)
    if not total > 0:
        raise InputError("No row has a positive weight, so none can be drawn.")
    until = n * (math.log(n) + 10) / total  # a slot is left open with chance exp(-10)
    kept = _first_events(batches, n, weigh, seed, until)
    while len(kept.rows()[1]) < n:
        until *= 2
        kept = _first_events(batches, n, weigh, seed, until)
    frame, _, place, _ = kept.rows()
    chance = weigh(Batch(frame, place, place.astype(np.uint64))) / total
    stratum = np.zeros(n, np.int64)
    sizes = np.array([population])
    return Sample(frame, chance, place, "with replacement", population, stratum, sizes)


def _first_events(
    batches: Batches, n: int, weigh: Callable[[Batch], Floats], seed: int, until: float
) -> Kept:
    kept = Kept(np.ones(n, np.int64))
    for batch in batches:
        row, time, slot = _events(batch.ids, weigh(batch), n, seed, until)
        kept.add(Batch(batch.frame[row], batch.place[row], batch.ids[row]), time, slot)
    return kept


def _events(
    ids: Ids, w: Floats, n: int, seed: int, until: float
) -> tuple[NDArray[np.intp], Floats, NDArray[np.int64]]:
    """Return the events before a time: rows, times and slots."""
    with np.errstate(divide="ignore"):
        time = -np.log(uniforms(ids, seed)) / w
    live = np.flatnonzero(time <= until)
    found = [(live, time[live], _slots(ids[live], n, seed, np.zeros(len(live), np.int64)))]
    now, drawn = time[live], 1
    while len(live):
        step = min(drawn, 4096)
        which = np.tile(np.arange(drawn, drawn + step), len(live))
        again = np.repeat(ids[live], step)
        gap = -np.log(uniforms(again, seed, draw=which)).reshape(-1, step) / w[live][:, None]
        times = np.cumsum(np.concatenate([now[:, None], gap], axis=1), axis=1)[:, 1:]
        early = (times <= until).ravel()
        rows = np.repeat(live, step)[early]
        found.append((rows, times.ravel()[early], _slots(again[early], n, seed, which[early])))
        now, drawn = times[:, -1], drawn + step
        live, now = live[now <= until], now[now <= until]
    rows, times, slots = (np.concatenate(one) for one in zip(*found, strict=True))
    return rows, times, slots


def _slots(ids: Ids, n: int, seed: int, which: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a slot for each event, from a sequence of the row that is not that of its times."""
    chance = uniforms(ids, seed, draw=-1 - which)
    return np.minimum((chance * n).astype(np.int64), n - 1)
