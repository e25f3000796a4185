"""Stratified samples: so many rows of each kind, by share, evenly, by spread, or by quota."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, suggest
from homeostat.sample._batches import Batch, Batches, Source, lacking
from homeostat.sample._kept import Kept
from homeostat.sample._sample import Sample
from homeostat.sample._simple import positive
from homeostat.sample._uniforms import uniforms
from homeostat.stats import Floats

__all__ = ["allocate", "stratified_sample"]

Allocation = Literal["proportional", "equal", "neyman"]
_SEPARATOR = " / "


def stratified_sample(
    source: Source,
    n: int | None = None,
    *,
    by: str | Sequence[str],
    allocation: Allocation | Mapping[object, int] = "proportional",
    of: str | None = None,
    minimum: int = 1,
    seed: int,
    key: Sequence[str] = (),
) -> Sample:
    """Draw a simple sample within each stratum, so that none is left out by chance.

    Args:
        source: A frame of any kind or a list of batches; it is read twice.
        n: How many rows in all; None where ``allocation`` is a quota.
        by: Columns whose values make the strata; null is a value.
        allocation: ``"proportional"`` to the stratum's rows; ``"equal"``; ``"neyman"``, to rows
            times the standard deviation of ``of``, which makes the mean of ``of`` the most
            certain (Neyman 1934); or a quota: rows by value (by tuple of values for several
            columns).
        of: Numeric column for Neyman's allocation.
        minimum: Fewest rows of a stratum, where it has them; 2 lets every variance be told.
        seed: As in :func:`simple_sample`.
        key: Likewise.

    Raises:
        InputError: If a quota leaves a stratum out, or ``n`` is too small for the minimum.

    Example:
        >>> rows = pl.DataFrame({"kind": ["a"] * 900 + ["b"] * 100, "x": range(1000)})
        >>> sample = stratified_sample(rows, 50, by="kind", allocation="equal", seed=0)
        >>> sample.frame["kind"].value_counts(sort=True)["count"].to_list()
        [25, 25]
        >>> 499.5 in sample.mean("x").interval
        True
    """
    names = [by] if isinstance(by, str) else list(by)
    batches = Batches(source, key)
    batches.again("A stratified sample")
    batches.need([*key, *names, *([of] if of else [])])
    if not names:
        raise InputError("A stratified sample needs at least one column in `by`.")
    strata = _strata(batches, names, of if allocation == "neyman" else None)
    limit = _limits(strata, n, names, allocation, of, minimum)
    kept = Kept(limit)
    lookup = strata.select(*names, pl.int_range(pl.len()).alias(_SEPARATOR))
    for batch in batches:
        stratum = _codes(batch, names, lookup)
        kept.add(batch, uniforms(batch.ids, seed), stratum)
    frame, _, place, stratum = kept.rows()
    sizes = strata[f"{_SEPARATOR}n"].to_numpy().astype(np.int64)
    chance = limit[stratum] / sizes[stratum] if len(stratum) else np.empty(0)
    return Sample(frame, chance, place, "strata", int(sizes.sum()), stratum, sizes)


def allocate(n: int, share: ArrayLike, sizes: ArrayLike, *, minimum: int = 1) -> NDArray[np.int64]:
    """Share ``n`` rows out over strata, to whole numbers that no stratum exceeds.

    Args:
        n: How many rows in all; all of them if there are fewer.
        share: What each stratum is to have in proportion, not negative, shape (h,).
        sizes: Rows of each stratum, shape (h,).
        minimum: Fewest rows of a stratum, where it has them.

    Returns:
        Whole numbers, shape (h,): rounded by largest remainder, what a full stratum cannot take
        going to the others.

    Example:
        >>> allocate(10, [8.0, 1.0, 1.0], [5, 50, 50]).tolist()
        [5, 3, 2]
    """
    sizes, share = np.asarray(sizes, np.int64), np.asarray(share, np.float64)
    floor = np.minimum(minimum, sizes)
    n = min(n, int(sizes.sum()))
    if floor.sum() > n:
        raise InputError(
            f"{n} rows are too few for {minimum} of each of {len(sizes)} strata: ask for at "
            f"least {int(floor.sum())} or lower `minimum`."
        )
    low, high = 0.0, 1.0
    share = np.where(share.sum() > 0, share, sizes) + 1e-12 * sizes
    while np.clip(high * share, floor, sizes).sum() < n:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        less = np.clip(middle * share, floor, sizes).sum() < n
        low, high = (middle, high) if less else (low, middle)
    exact = np.clip(high * share, floor, sizes)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    first = np.argsort(-(exact - whole), kind="stable")
    whole[first[: n - int(whole.sum())]] += 1
    return whole


def _strata(batches: Batches, names: Sequence[str], of: str | None) -> pl.DataFrame:
    """Return one row a stratum: its values, rows, and the sums for a spread."""
    sums = [pl.len().alias("n")]
    if of:
        x = pl.col(of).cast(pl.Float64)
        sums += [x.sum().alias("sum"), (x**2).sum().alias("squares"), x.count().alias("told")]
    named = [one.name.prefix(_SEPARATOR) for one in sums]
    parts = []
    for batch in batches:
        lacking(names, batch.frame.columns)
        parts.append(batch.frame.group_by(names).agg(named))
    if not parts:
        raise InputError("A stratified sample needs at least one batch of rows, got none.")
    whole = pl.concat(parts, how="vertical_relaxed").group_by(names).agg(pl.all().sum())
    return whole.sort(names, nulls_last=True)


def _limits(
    strata: pl.DataFrame,
    n: int | None,
    names: Sequence[str],
    allocation: Allocation | Mapping[object, int],
    of: str | None,
    minimum: int,
) -> NDArray[np.int64]:
    sizes = strata[f"{_SEPARATOR}n"].to_numpy().astype(np.int64)
    if isinstance(allocation, Mapping):
        return np.asarray(np.minimum(_quota(strata, names, allocation), sizes), np.int64)
    if n is None:
        raise InputError(f"Allocation {allocation!r} needs `n`, the rows in all.")
    positive(n)
    if not len(sizes):
        return sizes
    return allocate(n, _shares(strata, sizes, allocation, of), sizes, minimum=minimum)


def _shares(
    strata: pl.DataFrame, sizes: NDArray[np.int64], allocation: str, of: str | None
) -> Floats:
    if allocation == "equal":
        return np.ones(len(sizes))
    if allocation == "proportional":
        return sizes.astype(np.float64)
    if allocation != "neyman":
        raise InputError(
            f"`allocation` is a quota or a name, got {allocation!r}."
            f"{suggest(str(allocation), ('proportional', 'equal', 'neyman'))}"
        )
    if of is None:
        raise InputError("Neyman's allocation needs `of`: the column whose mean is wanted.")
    told, total, squares = (
        strata[f"{_SEPARATOR}{one}"].to_numpy().astype(np.float64)
        for one in ("told", "sum", "squares")
    )
    told = np.maximum(told, 1)
    spread = np.sqrt(np.maximum(squares / told - (total / told) ** 2, 0))
    if not np.isfinite(spread).all():
        raise InputError(f"`{of}` must be finite for Neyman's allocation: drop NaN and inf first.")
    return np.asarray(sizes * spread, np.float64)


def _quota(
    strata: pl.DataFrame, names: Sequence[str], quota: Mapping[object, int]
) -> NDArray[np.int64]:
    values = strata.select(names).rows()
    wanted = [value if len(names) > 1 else value[0] for value in values]
    if missing := [value for value in wanted if quota.get(value, 0) < 1]:
        raise InputError(
            f"A quota gives each stratum at least 1 row, {missing[0]!r} has none: a sample "
            "without it says nothing of the whole; filter it out of the source first if so meant."
        )
    return np.array([quota[value] for value in wanted], np.int64)


def _codes(batch: Batch, names: Sequence[str], lookup: pl.DataFrame) -> NDArray[np.int64]:
    known = batch.frame.select(pl.col(name).cast(lookup.schema[name]) for name in names)
    joined = known.join(lookup, on=list(names), how="left", nulls_equal=True, maintain_order="left")
    return joined[_SEPARATOR].to_numpy().astype(np.int64)
