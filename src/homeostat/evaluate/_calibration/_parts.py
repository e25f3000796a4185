"""Calibration part by part: on slices, and window by window over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.evaluate._calibration._judge import NAMES, verdict_of
from homeostat.evaluate._slicing._cuts import cut
from homeostat.stats import (
    CalibrationError,
    CalibrationKind,
    benjamini_hochberg,
    block_codes,
    calibration_error,
)

__all__ = ["calibration_over_time", "calibration_slices", "named_windows"]

_FEWEST_BLOCKS = 5
_Codes = NDArray[np.intp]


def calibration_slices(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    by: Sequence[str],
    kind: CalibrationKind | None = None,
    max_ece: float = 0.05,
    minimum: int = 200,
    blocks: ArrayLike | None = None,
    bins: int = 15,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Judge calibration on each slice of some columns: good on the whole can be bad everywhere.

    Args:
        label: As in :func:`calibration`.
        p: Likewise.
        frame: Columns to slice by, n rows.
        by: Their names; numbers are cut at quantiles, missing is a value.
        kind: As in :func:`calibration`.
        max_ece: The error that is allowed on each slice.
        minimum: Slices of fewer rows are unknown.
        blocks: Which block (a day) a row is in.
        bins: How many bins of equal width.
        rng: Generator or seed.

    Returns:
        A finding ``calibration.slice`` for each slice. Its p-value is corrected for how many
        slices were looked at (Benjamini and Hochberg 1995).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p, site = rng.uniform(0.2, 0.8, 4000), np.repeat(["a", "b"], 2000)
        >>> label = rng.random(4000) < p + np.where(site == "b", 0.15, 0.0)
        >>> for one in calibration_slices(label, p, pl.DataFrame({"site": site}), by=["site"]):
        ...     print(one.verdict, one.subject)
        ok site = a
        fail site = b
    """
    if frame.height != len(np.asarray(label)):
        raise InputError(
            f"`frame` must have one row each: {len(np.asarray(label))} rows, got {frame.height}."
        )
    names: list[str] = []
    parts: list[_Codes] = []
    for column in by:
        made = cut(frame, column)
        names += [str(one) for one in made.slices]
        parts += _rows_of(made.codes, len(made.slices))
    judged = _Judged(label, p, kind, blocks, bins, rng)
    return judged.findings("calibration.slice", names, parts, max_ece, minimum)


def calibration_over_time(
    label: ArrayLike,
    p: ArrayLike,
    at: ArrayLike | pl.Series,
    *,
    every: str = "1d",
    kind: CalibrationKind | None = None,
    max_ece: float = 0.05,
    minimum: int = 200,
    blocks: ArrayLike | None = None,
    bins: int = 15,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Judge calibration window by window: it drifts before the ranking does.

    Args:
        label: As in :func:`calibration`.
        p: Likewise.
        at: When each prediction was made, shape (n,); datetimes or dates, none missing.
        every: Length of a window, counted from 1970 in UTC.
        kind: As in :func:`calibration`.
        max_ece: The error that is allowed in each window.
        minimum: Windows of fewer rows are unknown.
        blocks: Which block (an hour) a row is in.
        bins: How many bins of equal width.
        rng: Generator or seed.

    Returns:
        A finding ``calibration.window`` for each window that has a row, in their order; p-values
        are corrected for how many there are.
    """
    names, codes = named_windows(at, every, len(np.asarray(label)))
    judged = _Judged(label, p, kind, blocks, bins, rng)
    parts = _rows_of(codes, len(names))
    return judged.findings("calibration.window", names, parts, max_ece, minimum)


def named_windows(at: ArrayLike | pl.Series, every: str, n: int) -> tuple[list[str], _Codes]:
    """Return the windows that hold a row, in order, and which of them each of n rows is in."""
    times = at if isinstance(at, pl.Series) else pl.Series(np.asarray(at))
    starts, codes = np.unique(_windows(times, every), return_inverse=True)
    if len(codes) != n:
        raise InputError(f"`at` must have one value a row: {n} rows, got {len(codes)}.")
    return [_named(start.item()) for start in starts], codes


def _windows(at: pl.Series, every: str) -> NDArray[np.datetime64]:
    if not (isinstance(at.dtype, pl.Datetime) or at.dtype == pl.Date):
        raise InputError(f"`at` must hold datetimes or dates, it is {at.dtype}.")
    if nulls := at.null_count():
        raise InputError(f"`at` must have a time in each row, {nulls} are missing.")
    length = round(duration(every).total_seconds() * 1e6)
    if length <= 0:
        raise InputError(f"`every` must be a length of time above 0, got {every!r}.")
    micros = at.dt.epoch("us").to_numpy()
    return (micros // length * length).astype("datetime64[us]")


def _named(start: datetime) -> str:
    whole_day = (start.hour, start.minute, start.second) == (0, 0, 0)
    return start.date().isoformat() if whole_day else start.isoformat(sep=" ")


def _rows_of(codes: _Codes, n: int) -> list[_Codes]:
    """Return the rows of each part, ascending, by one sort of all rows."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.searchsorted(codes[order], np.arange(1, n)))


class _Judged:
    """Predictions, to be judged part by part."""

    def __init__(
        self,
        label: ArrayLike,
        p: ArrayLike,
        kind: CalibrationKind | None,
        blocks: ArrayLike | None,
        bins: int,
        rng: np.random.Generator | int,
    ) -> None:
        self.label, self.p, self.kind, self.bins = np.asarray(label), np.asarray(p), kind, bins
        self.blocks = None if blocks is None else block_codes(blocks, len(self.label))[0]
        self.rng = np.random.default_rng(rng)
        if self.p.shape[:1] != self.label.shape:
            raise InputError(
                f"`p` must have one row each: {len(self.label)} rows, got {len(self.p)}."
            )

    def findings(
        self, check: str, names: list[str], parts: list[_Codes], max_ece: float, minimum: int
    ) -> list[Finding]:
        found = [self._error(rows, minimum) for rows in parts]
        tested = [one.p_value for one in found if isinstance(one, CalibrationError)]
        corrected = iter(benjamini_hochberg(tested).tolist() if tested else [])
        return [
            _unknown(check, name, len(rows), one, max_ece)
            if isinstance(one, str)
            else _finding(check, name, one, next(corrected), max_ece)
            for name, rows, one in zip(names, parts, found, strict=True)
        ]

    def _error(self, rows: _Codes, minimum: int) -> CalibrationError | str:
        if len(rows) < minimum:
            return f"of {minimum} rows that it takes"
        block = None if self.blocks is None else self.blocks[rows]
        if block is not None and (n_blocks := len(np.unique(block))) < _FEWEST_BLOCKS:
            return f"in {n_blocks} blocks, which are too few"
        return calibration_error(
            self.label[rows],
            self.p[rows],
            kind=self.kind,
            blocks=block,
            bins=self.bins,
            rng=self.rng,
        )


def _unknown(check: str, name: str, n: int, why: str, max_ece: float) -> Finding:
    return Finding(
        check=check,
        subject=name,
        verdict=Verdict.UNKNOWN,
        summary=f"Calibration of {name} is unknown: {n:,} rows {why}.",
        threshold=max_ece,
        evidence={"n": n},
    )


def _finding(
    check: str, name: str, found: CalibrationError, p_value: float, max_ece: float
) -> Finding:
    verdict, words = verdict_of(found, max_ece, p_value)
    return Finding(
        check=check,
        subject=name,
        verdict=verdict,
        summary=(
            f"{NAMES[found.kind]} of {name} is {found.ece:.4f} [{found.low:.4f}, "
            f"{found.high:.4f}] over {found.n:,} rows, {words} (allowed {max_ece:g})."
        ),
        statistic=found.ece,
        threshold=max_ece,
        p_value=p_value,
        effect=found.debiased,
        evidence=asdict(found),
    )
