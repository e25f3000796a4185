"""Following a stream: what is learned of the reference, and what is said of the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.detect._detector import LEAST_ROWS
from homeostat.detect._kernel._points import Floats, Reader, Reduce, Scale, column_scales
from homeostat.detect._kernel._stream import Calibration, Windows, calibrate, check_size
from homeostat.detect._rows import Data, missing_p

__all__ = ["Features", "Follower", "Learned", "learn", "read_reference", "scaler"]

Features = NDArray[np.float32]
_BATCH = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a stream is compared with."""

    reader: Reader
    features: Callable[[Floats], Features]
    calibration: Calibration
    labels: tuple[str, ...]


class Follower:
    """Reads a stream, keeps its windows and makes its findings."""

    def __init__(self, check: str, learned: Learned, expected_run: float) -> None:
        self._check, self._learned, self._run = check, learned, expected_run
        self.windows = Windows(learned.calibration)
        self.given = self.missing = 0

    def update(self, batch: Data) -> Finding:
        """Take rows and judge."""
        rows = self._learned.reader.read(_batch_of(batch, self._learned.reader))
        self.given += rows.given
        self.missing += rows.left_out
        ratios = [
            self.windows.add(self._learned.features(rows.values[start : start + _BATCH]))
            for start in range(0, len(rows), _BATCH)
        ]
        shape = (0, *self._learned.calibration.limits.shape)
        return self._finding(np.concatenate(ratios) if ratios else np.zeros(shape))

    def _finding(self, ratios: Floats) -> Finding:
        known = self._learned.calibration
        reference = self._learned.reader.rows
        p_missing = missing_p(self.missing, self.given, reference.left_out, reference.given)
        newly_missing = p_missing <= 0.1 / self._run
        over = np.flatnonzero((ratios > 1).any(axis=(1, 2)))
        at = int(over[0]) if len(over) else len(ratios) - 1
        ratio, scale, label = self._worst(ratios[at]) if len(ratios) else (0.0, 0, "rows")
        row = self.windows.seen - len(ratios) + at
        verdict = Verdict.OK
        if len(over) or newly_missing:
            verdict = Verdict.FAIL
        elif self.windows.seen < known.scales[0] or not len(ratios):
            verdict = Verdict.UNKNOWN
        return Finding(
            check=self._check,
            subject=label if len(over) else "rows",
            verdict=verdict,
            summary=self._said(verdict, ratio, scale, label, row, newly_missing=newly_missing),
            statistic=ratio,
            threshold=1.0,
            evidence={
                "n": self.windows.seen,
                "n_reference": len(reference),
                "row": row,
                "window": scale,
                "windows": known.scales,
                "expected_run": self._run,
                "simulated_run": known.run_length,
                "left_out": self.missing,
                "p_missing": p_missing,
            },
        )

    def _worst(self, ratios: Floats) -> tuple[float, int, str]:
        known = self._learned.calibration
        scale, group = np.unravel_index(int(ratios.argmax()), ratios.shape)
        return float(ratios.max()), known.scales[int(scale)], self._learned.labels[int(group)]

    def _said(
        self,
        verdict: Verdict,
        ratio: float,
        scale: int,
        label: str,
        row: int,
        *,
        newly_missing: bool,
    ) -> str:
        lost = f"; {self.missing:,} of {self.given:,} rows are incomplete and left out"
        lost = lost if self.missing else ""
        if newly_missing and ratio <= 1:
            was = self._learned.reader.rows
            share = was.left_out / was.given
            return (
                f"{self.missing:,} of the stream's {self.given:,} rows are incomplete, "
                f"{share:.1%} of the reference's were."
            )
        if verdict is Verdict.UNKNOWN:
            least = self._learned.calibration.scales[0]
            return f"{self.windows.seen:,} rows seen, {least:,} fill the shortest window{lost}."
        if verdict is Verdict.OK:
            return (
                f"The last {scale:,} rows are at {ratio:.2f} of the distance that is told once in "
                f"{self._run:,.0f} rows without a change{lost}."
            )
        moved = "" if label == "rows" else f" in {label}"
        return (
            f"At row {row:,} the last {scale:,} rows are {ratio:.2g} times as far from the "
            f"reference{moved} as is told once in {self._run:,.0f} rows without a change{lost}."
        )


def read_reference(
    reference: Data, reduce: Reduce | None, scale: Scale, scales: tuple[int, ...]
) -> Reader:
    reader = Reader.of(reference, reduce=reduce, scale=scale).alone()
    least = max(2 * scales[-1], LEAST_ROWS)
    if len(reader.rows) < least or not reader.rows.values.shape[1]:
        raise InputError(
            f"The reference must have at least {least:,} complete rows, twice the longest "
            f"window, of at least one column; got {len(reader.rows):,} of "
            f"{reader.rows.values.shape[1]}."
        )
    return reader


def scaler(reader: Reader) -> Callable[[Floats], Floats]:
    """Return what centres rows, and scales their columns if the reader does, by the reference."""
    centre, spread = column_scales(reader.rows.values)
    if not reader.scaled:
        return lambda rows: rows - centre
    return lambda rows: np.where(reader.numeric, (rows - centre) / spread, rows)


def learn(
    reader: Reader,
    features: Callable[[Floats], Features],
    labels: tuple[str, ...],
    scales: tuple[int, ...],
    expected_run: float,
    rng: np.random.Generator,
) -> Learned:
    """Calibrate features whose groups, one a label, are of equal size."""
    found = features(reader.rows.values)
    check_size(*found.shape)
    groups = np.arange(len(labels), dtype=np.int64) * (found.shape[1] // len(labels))
    known = calibrate(found, groups, scales, expected_run=expected_run, rng=rng)
    return Learned(reader, features, known, labels)


def _batch_of(batch: Data, reader: Reader) -> Data:
    """Return a single row as a batch of one."""
    if reader.reduce is not None or isinstance(batch, (pl.Series, pl.DataFrame, pl.LazyFrame)):
        return batch
    if hasattr(batch, "__arrow_c_stream__") or reader.levels:
        return batch
    array = np.asarray(batch)
    return array[None] if array.shape == reader.rows.shape else array
