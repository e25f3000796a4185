"""The value of freshness: what a model loses by age alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homeostat.adapt._options import Option, cheapest_indistinguishable, compare_options
from homeostat.core import FitLedger, InputError, Model, RowSet, measure
from homeostat.stats import log_losses

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["FreshnessStudy", "freshness"]

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class FreshnessStudy:
    """Loss by the age of the model, with the amount of training data held fixed.

    Args:
        ages_days: Age of each option at the start of a test block.
        options: One an age, compared with the youngest; its cost is that of a year in which
            no model is ever older than its age plus a test block.
        rows: Training rows of each model.
        test_rows: Rows that every age was tested on.
        fits: How many models were fitted.
        cpu_s: CPU seconds of one fit, on average.
        conclusion: In words.
    """

    ages_days: tuple[float, ...]
    options: tuple[Option, ...]
    rows: int
    test_rows: int
    fits: int
    cpu_s: float
    conclusion: str

    def to_json(self) -> dict[str, Any]:
        """Return the study as a plain JSON object."""
        return {
            "ages_days": list(self.ages_days),
            "loss": [option.loss for option in self.options],
            "low": [option.low for option in self.options],
            "high": [option.high for option in self.options],
            "difference": [option.difference for option in self.options],
            "difference_low": [option.difference_low for option in self.options],
            "difference_high": [option.difference_high for option in self.options],
            "cpu_s_a_year": [option.cpu_s for option in self.options],
            "rows": self.rows,
            "test_rows": self.test_rows,
            "fits": self.fits,
            "cpu_s": self.cpu_s,
            "conclusion": self.conclusion,
        }


def freshness(
    features: pl.DataFrame,
    label: NDArray[np.float64],
    times: NDArray[np.int64],
    fit: Callable[[pl.DataFrame, NDArray[np.float64]], Model],
    *,
    ages_days: Sequence[float] = (0, 7, 14, 28, 56, 84),
    window_days: float = 56,
    test_days: float = 7,
    known_at: NDArray[np.int64] | None = None,
    ids: NDArray[np.uint64] | None = None,
    margin: float = 0.0,
    rng: np.random.Generator | int = 0,
) -> FreshnessStudy:
    """Measure what a model loses as it gets older, and only that.

    History is cut into test blocks. For each block and each age, a model is fitted on a window
    that ends so long before the block. All windows hold the same number of rows and every age
    is tested on the same rows, so neither more data nor an easier season can pass for
    freshness. One fitted model serves as several ages of several blocks where ages are
    multiples of ``test_days``.

    Args:
        features: n rows whose outcome came, in the order of time.
        label: 0 and 1, (n,).
        times: When each row is predicted, microseconds since 1970, ascending, (n,).
        fit: From features and labels to a fitted model.
        ages_days: Ages to compare; the youngest is the reference.
        window_days: Length of the training windows; the emptiest sets how many rows each holds.
        test_days: Length of the test blocks.
        known_at: When each label is known, (n,); None takes it as known at once. A label known
            only after a window's end is not in the window.
        ids: Who each row is, (n,); None takes each as another. Copies of rows that a model is
            tested on are known by them.
        margin: As in :func:`cheapest_indistinguishable`.
        rng: Generator or seed of the resampling of days.

    Raises:
        InputError: If shapes or order are wrong, or the history is too short for one block.
        GateError: If a model would be fitted on rows that it is tested on: the fit ledger's.
    """
    known = times if known_at is None else known_at
    _check(features, label, times, known)
    ages = tuple(sorted(ages_days))
    if not ages or ages[0] < 0 or min(window_days, test_days) <= 0:
        raise InputError(
            "Freshness needs at least one age, none negative, and positive lengths, got ages "
            f"{ages}, windows of {window_days} and blocks of {test_days} days."
        )
    blocks = _blocks(times, ages[-1] + window_days, test_days)
    cuts = sorted({start - round(age * _DAY) for start, _ in blocks for age in ages})
    windows = _windows(times, known, cuts, window_days)
    _enter(dict(zip(cuts, windows, strict=True)), blocks, ages, ids)
    with measure() as cost:
        models = [fit(features[window], label[window]) for window in windows]
    by_cut = dict(zip(cuts, models, strict=True))
    losses = {
        _name(age): np.concatenate(
            [
                log_losses(label[rows], by_cut[start - round(age * _DAY)].predict(features[rows]))
                for start, rows in blocks
            ]
        )
        for age in ages
    }
    each = cost.cpu_s / len(cuts)
    days = np.concatenate([times[rows] for _, rows in blocks]) // _DAY
    a_year = {_name(age): each * 365 / (age + test_days) for age in ages}
    options = compare_options(losses, a_year, blocks=days, reference=_name(ages[0]), rng=rng)
    choice = cheapest_indistinguishable(
        compare_options(losses, a_year, blocks=days, rng=rng), margin=margin
    )
    amount = len(windows[0])
    conclusion = f"{_conclude(options, each, amount)} {choice.summary}"
    return FreshnessStudy(ages, tuple(options), amount, len(days), len(cuts), each, conclusion)


def _check(
    features: pl.DataFrame,
    label: NDArray[np.float64],
    times: NDArray[np.int64],
    known: NDArray[np.int64],
) -> None:
    if not features.height == len(label) == len(times) == len(known):
        raise InputError(
            f"Features, label, times and known_at need the same number of rows, got "
            f"{features.height}, {len(label)}, {len(times)} and {len(known)}."
        )
    if len(times) == 0 or np.any(np.diff(times) < 0):
        raise InputError("Freshness needs rows in the order of time: sort them by `times`.")


def _blocks(
    times: NDArray[np.int64], before_days: float, test_days: float
) -> list[tuple[int, slice]]:
    """Return each test block's start and its rows; all whole, none empty."""
    length = round(test_days * _DAY)
    first = int(times[0]) + round(before_days * _DAY)
    starts = range(first, int(times[-1]) - length + 2, length)
    rows = [slice(*np.searchsorted(times, [start, start + length]).tolist()) for start in starts]
    blocks = [(a, taken) for a, taken in zip(starts, rows, strict=True) if taken.stop > taken.start]
    if not blocks:
        raise InputError(
            f"The history of {(times[-1] - times[0]) / _DAY:.1f} days is too short for windows, "
            f"ages and a test block of {before_days + test_days:g} days together: take less."
        )
    return blocks


def _windows(
    times: NDArray[np.int64], known: NDArray[np.int64], cuts: Sequence[int], days: float
) -> list[NDArray[np.int64]]:
    """Return, for each cut, the last rows before it that were known by then; equally many."""
    windows = []
    for cut in cuts:
        low, high = np.searchsorted(times, [cut - round(days * _DAY), cut])
        windows.append(np.flatnonzero(known[low:high] < cut) + low)
    amount = min(len(window) for window in windows)
    if amount == 0:
        raise InputError(f"A window of {days:g} days is empty: take longer windows.")
    return [window[-amount:] for window in windows]


def _enter(
    windows: Mapping[int, NDArray[np.int64]],
    blocks: Sequence[tuple[int, slice]],
    ages: Sequence[float],
    ids: NDArray[np.uint64] | None,
) -> None:
    """Write each fit into a ledger that knows what its model will be tested on."""
    for cut, window in windows.items():
        judged = [
            np.arange(rows.start, rows.stop)
            for start, rows in blocks
            if any(start - round(age * _DAY) == cut for age in ages)
        ]
        tested = np.concatenate(judged)
        own = window[~np.isin(window, tested)]
        saw, train, test = (
            RowSet.of(rows if ids is None else ids[rows]) for rows in (window, own, tested)
        )
        FitLedger({"train": train, "test": test}).record(f"the fit at {_day(cut)}", saw)


def _day(instant: int) -> str:
    return str(np.datetime64(instant, "us").astype("datetime64[m]"))


def _name(age: float) -> str:
    return f"{age:g} days old"


def _conclude(options: Sequence[Option], each: float, rows: int) -> str:
    oldest, youngest = options[-1], options[0]
    share = f"{100 * oldest.difference / youngest.loss:+.1f} %"
    low, high = oldest.difference_low, oldest.difference_high
    band = "too few days for an interval" if low is None else f"[{low:.4f}, {high:.4f}]"
    return (
        f"With {rows:,} training rows each ({each:.3g} CPU s a fit), a model {oldest.name} loses "
        f"{oldest.difference:.4f} a row more than one {youngest.name} ({share}, {band})."
    )
