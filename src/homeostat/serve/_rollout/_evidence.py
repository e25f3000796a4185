"""Evidence: losses of two models, summed by block of time, whatever order they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats import ClusteredMean, clustered_mean

__all__ = ["Blocks", "Differences", "Times", "compare", "differences", "microseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Times = datetime | pl.Series | ArrayLike


def microseconds(at: Times, n: int) -> NDArray[np.int64]:
    """Return instants as (n,) microseconds since 1970, UTC.

    Args:
        at: One aware datetime for all rows, a Polars series of datetimes, datetime64, or
            integers that are microseconds already.
        n: How many rows there must be.
    """
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise InputError(f"An instant needs a time zone, got {at.isoformat()} without one.")
        return np.full(n, (at - _EPOCH) // timedelta(microseconds=1), dtype=np.int64)
    if isinstance(at, pl.Series) and at.dtype.is_temporal():
        at = at.dt.epoch("us").to_numpy()
    array = np.asarray(at)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]").astype(np.int64)
    if array.dtype.kind not in "iu" or array.shape != (n,):
        raise InputError(
            f"Give each of {n} rows an instant (datetimes or whole microseconds since 1970), "
            f"got {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.int64)


@dataclass(slots=True)
class Blocks:
    """Counts and sums of both models' losses in each block of time.

    Within a block both see the same hour of the world, so only the difference within blocks is
    used: what moves both alike, an incident or a change of traffic, cancels.

    Args:
        block: Length of a block.
        sums: By block number, [rows of champion, their sum, rows of challenger, their sum].
    """

    block: timedelta
    sums: dict[int, list[float]] = field(default_factory=dict)

    def add(self, at: Times, losses: ArrayLike, *, challenger: bool) -> None:
        """Add rows of one model.

        Args:
            at: When each prediction was made.
            losses: (n,) one finite loss a row.
            challenger: Whose they are.
        """
        values = np.asarray(losses, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).all():
            raise InputError(
                f"Losses are finite numbers of shape (n,), got shape {values.shape} with "
                f"{np.count_nonzero(~np.isfinite(values))} that are not finite."
            )
        numbers = microseconds(at, len(values)) // (self.block // timedelta(microseconds=1))
        found, codes = np.unique(numbers, return_inverse=True)
        counts = np.bincount(codes, minlength=len(found))
        totals = np.bincount(codes, weights=values, minlength=len(found))
        place = 2 if challenger else 0
        for number, count, total in zip(found.tolist(), counts, totals, strict=True):
            cell = self.sums.setdefault(number, [0, 0.0, 0, 0.0])
            cell[place] += int(count)
            cell[place + 1] += float(total)

    def settled(self, before: datetime) -> dict[int, list[float]]:
        """Return the sums of blocks that ended by ``before`` and hold rows of both, by number."""
        last = (before - _EPOCH) // self.block
        return {
            number: cell
            for number, cell in sorted(self.sums.items())
            if number < last and cell[0] and cell[2]
        }

    def rows_since(self, start: datetime) -> int:
        """Return how many rows of the challenger lie in blocks that begin at ``start`` or later."""
        first = -((_EPOCH - start) // self.block)
        return int(sum(cell[2] for number, cell in self.sums.items() if number >= first))


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """By block of time, how much more the challenger loses.

    Args:
        values: (n,) challenger minus champion.
        weights: (n,) what each block's is worth.
        rows: Rows of the challenger in them.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    rows: int

    def __len__(self) -> int:
        return len(self.values)


def differences(strata: Sequence[Blocks], before: datetime) -> Differences:
    """Return what settled blocks say, over all strata.

    Rows of a stratum were given their arm by the same lot. Both arms are compared within it, and
    then the strata of a block are averaged, by the weights of Mantel and Haenszel (1959): so a
    ramp, or an audience of which the challenger sees more, moves nothing.

    Args:
        strata: Sums of each.
        before: Only blocks that ended by then.
    """
    found = [blocks.settled(before) for blocks in strata]
    if len(found) == 1:
        cells = np.array(list(found[0].values()), dtype=np.float64).reshape(-1, 4)
        n_old, old, n_new, new = cells.T
        values, weights = new / n_new - old / n_old, n_old * n_new / (n_old + n_new)
        return Differences(values, weights, int(n_new.sum()))
    sums: dict[int, list[float]] = {}
    rows = 0
    for settled in found:
        for number, (in_old, old_, in_new, new_) in settled.items():
            weight = in_old * in_new / (in_old + in_new)
            cell = sums.setdefault(number, [0.0, 0.0])
            cell[0] += weight * (new_ / in_new - old_ / in_old)
            cell[1] += weight
            rows += int(in_new)
    merged = np.array([sums[number] for number in sorted(sums)], dtype=np.float64).reshape(-1, 2)
    return Differences(merged[:, 0] / merged[:, 1], merged[:, 1], rows)


def compare(found: Differences, *, horizon: float, alpha: float) -> ClusteredMean:
    """Return the weighted mean of the differences, with bounds valid at any time."""
    return clustered_mean(found.values, found.weights, horizon=horizon, alpha=alpha)
