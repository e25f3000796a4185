"""Simple, independent and weighted samples: one number a row decides who is in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.sample._batches import Batch, Batches, Source, lacking
from homeostat.sample._kept import Kept
from homeostat.sample._sample import Sample
from homeostat.sample._uniforms import uniforms
from homeostat.sample._with_replacement import drawn_with_replacement
from homeostat.stats import Floats

__all__ = ["bernoulli_sample", "simple_sample", "weighted_sample", "weights_of"]


def simple_sample(source: Source, n: int, *, seed: int, key: Sequence[str] = ()) -> Sample:
    """Draw ``n`` rows, each set of ``n`` rows being as likely as any other.

    A row is in by a number made of the seed and its identity alone: batches, threads, and with
    a key also the order of the rows, do not matter. Rows that come later push out few, so the
    samples of two days overlap as much as they can.

    Args:
        source: A frame of any kind or batches of Polars frames; one pass, O(n + a batch) memory.
        n: How many; all rows if there are fewer.
        seed: Another seed, another sample.
        key: Columns that say which row it is; empty takes the row's place in the source.

    Raises:
        InputError: If ``n`` is not positive or the source is no frame.
        SchemaError: If a key column is missing.

    Example:
        >>> rows = pl.DataFrame({"x": range(1000)})
        >>> sample = simple_sample(rows, 10, seed=1)
        >>> sample
        Sample(10 of 1,000 rows, strata)
        >>> sample.frame.equals(simple_sample(rows.iter_slices(7), 10, seed=1).frame)
        True
    """
    positive(n)
    batches = Batches(source, key)
    batches.need(key)
    kept = Kept(np.array([n]))
    population = 0
    for batch in batches:
        population += batch.frame.height
        kept.add(batch, uniforms(batch.ids, seed), np.zeros(batch.frame.height, np.int64))
    frame, _, place, stratum = kept.rows()
    chance = np.full(len(place), len(place) / max(population, 1))
    return Sample(frame, chance, place, "strata", population, stratum, np.array([population]))


def bernoulli_sample(source: Source, share: float, *, seed: int, key: Sequence[str] = ()) -> Sample:
    """Draw each row by itself with the chance ``share``; the size of the sample is random.

    A smaller share gives a part of the larger one's sample, and a row's fate never depends on
    the other rows: the way to sample a log that is written on many machines.

    Raises:
        InputError: If the share is not in (0, 1].

    Example:
        >>> rows = pl.DataFrame({"user": range(1000)})
        >>> bernoulli_sample(rows, 0.1, seed=0, key=["user"]).n
        94
    """
    if not 0 < share <= 1:
        raise InputError(f"`share` lies in (0, 1], got {share}.")
    frames, places, population = [], [], 0
    batches = Batches(source, key)
    batches.need(key)
    for batch in batches:
        rows = np.flatnonzero(uniforms(batch.ids, seed) < share)
        population += batch.frame.height
        frames.append(batch.frame[rows])
        places.append(batch.place[rows])
    place = np.concatenate(places) if places else np.empty(0, np.int64)
    frame = pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()
    return independent(frame, np.full(len(place), share), place, population)


def weighted_sample(
    source: Source,
    n: int,
    *,
    weight: str | pl.Expr,
    replace: bool = False,
    seed: int,
    key: Sequence[str] = (),
) -> Sample:
    """Draw ``n`` rows with chances that grow with their weights.

    Args:
        source: As in :func:`simple_sample`; with replacement it is read twice.
        n: How many; without replacement all rows of positive weight if there are fewer.
        weight: Column or row-wise expression; at least 0, and a row of weight 0 is never drawn.
        replace: Whether a row may be drawn more than once, each time with the chance of its
            share of all weight.
        seed: As in :func:`simple_sample`.
        key: Likewise.

    Returns:
        Without replacement, the rows of the ``n`` largest ``u ** (1 / weight)`` (Efraimidis and
        Spirakis 2006). ``probability`` is then the chance given the other rows' numbers, which
        makes totals unbiased, and their errors uncorrelated over rows (rank conditioning; Cohen
        and Kaplan 2008).

    Raises:
        InputError: If a weight is negative, missing or not finite, or none is positive.
    """
    positive(n)
    batches = Batches(source, key)
    batches.need([*key, *([weight] if isinstance(weight, str) else [])])
    if replace:
        return drawn_with_replacement(batches, n, lambda b: weights_of(b, weight), seed=seed)
    kept = Kept(np.array([n + 1]))
    population = 0
    for batch in batches:
        w = weights_of(batch, weight)
        population += len(w)
        with np.errstate(divide="ignore"):
            rank = -np.log(uniforms(batch.ids, seed)) / w
        kept.add(batch, rank, np.zeros(len(w), np.int64))
    return _conditioned(kept, n, weight, population)


def _conditioned(kept: Kept, n: int, weight: str | pl.Expr, population: int) -> Sample:
    frame, rank, place, _ = kept.rows()
    if population and not len(rank):
        raise InputError("No row has a positive weight, so none can be drawn.")
    if len(rank) <= n:
        return independent(frame, np.ones(len(rank)), place, population)
    first_out = int(np.argmax(rank))
    inside = np.arange(len(rank)) != first_out
    frame, place = frame.filter(pl.Series(inside)), place[inside]
    w = weights_of(Batch(frame, place, place.astype(np.uint64)), weight)
    return independent(frame, -np.expm1(-w * rank[first_out]), place, population)


def independent(
    frame: pl.DataFrame, chance: Floats, place: NDArray[np.int64], population: int
) -> Sample:
    """Return a sample whose rows came in each by itself."""
    return Sample(
        frame=frame,
        probability=chance,
        place=place,
        design="independent",
        population=population,
        stratum=np.zeros(len(place), np.int64),
        sizes=np.array([population]),
    )


def weights_of(batch: Batch, weight: str | pl.Expr) -> Floats:
    """Return the weights of a batch as float64, shape (n,): finite and not negative."""
    if isinstance(weight, str):
        lacking([weight], batch.frame.columns)
        column = batch.frame[weight]
    else:
        column = batch.frame.select(weight).to_series()
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise InputError(f"A weight is a number, got {column.dtype} in `{column.name}`.")
    w = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    odd = ~(np.isfinite(w) & (w >= 0))
    if odd.any():
        raise InputError(
            f"Weights are finite and not negative, got {w[odd][0]} in `{column.name}` "
            f"({int(odd.sum()):,} such rows): fill or drop them first."
        )
    return w


def positive(n: int) -> None:
    """Raise InputError unless a number of rows to draw is at least 1."""
    if n < 1:
        raise InputError(f"A sample needs at least 1 row, got n={n}.")
