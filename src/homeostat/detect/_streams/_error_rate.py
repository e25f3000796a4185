"""ErrorRate: a rise of a model's errors, told with a stated rate of false alarms."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, SchemaError, Verdict
from homeostat.detect._detector import fitted
from homeostat.detect._rows import Data
from homeostat.detect._streams._stream import Batch, stream_finding
from homeostat.stats import wilson

__all__ = ["ErrorRate"]

_ODDS = np.array([1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0])
_CHUNK = 4096
_SUSPECTED = 0.05  # of the evidence that tells a change


class ErrorRate:
    """Tells when errors, or a loss in [0, 1], have become more than in the reference.

    Evidence is a bet on each row against "the mean is at most what it was", at nine sizes of
    rise at once, summed over all rows at which the rise may have begun (Shiryaev-Roberts): at
    least `expected_run_time` rows pass on average before a false alarm, whatever the law of the
    losses, as long as rows are no worse on average than the reference, given those before them
    (Shin, Ramdas and Rinaldo 2023, E-detectors). The reference's mean is taken at the upper end
    of its 95 % interval, as it is an estimate too: a longer reference sees sooner.

    Args:
        expected_run_time: Rows to a false alarm on average, at least.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> watch = ErrorRate().fit(rng.random(5000) < 0.1)
        >>> watch.update(rng.random(5000) < 0.1).verdict.value
        'ok'
        >>> found = watch.update(rng.random(1000) < 0.2)
        >>> found.verdict.value, abs(found.evidence["since"] - 5000) < 100
        ('fail', True)
    """

    def __init__(self, *, expected_run_time: float = 100_000.0) -> None:
        if not expected_run_time >= 10:
            raise InputError(f"`expected_run_time` is at least 10 rows, got {expected_run_time:g}.")
        self.expected_run_time = expected_run_time
        self.mean_: float | None = None

    def fit(self, reference: Data, /) -> Self:
        """Learn the usual mean; forgets the stream.

        Raises:
            SchemaError: If a value is outside [0, 1].
            InputError: If no value is finite.
        """
        rows = _read(reference, "The reference")
        if not len(rows.values):
            raise InputError("A reference must have at least one finite number, got none.")
        total, n = float(rows.values.sum()), len(rows.values)
        self.mean_, self.n_reference_ = total / n, n
        self.missing_ = rows.left_out > 0
        upper = min(wilson(total, n, level=0.9).high, 1 - 1e-9)  # one-sided 95 %
        odds = upper / (1 - upper) * _ODDS
        self.upper_, self._stakes = upper, (odds / (1 + odds) - upper) / (upper * (1 - upper))
        self.reset()
        return self

    def reset(self) -> None:
        """Forget all evidence and start counting rows anew."""
        fitted(self.mean_, self)
        self._seen = 0
        self._anew()

    def _anew(self) -> None:
        sizes = len(_ODDS)
        self._evidence = np.full(sizes, -np.inf)  # log of each sum over beginnings
        self._walk = np.zeros(sizes)  # log of each bet's wealth
        self._least, self._since = np.zeros(sizes), np.full(sizes, self._seen)

    def update(self, batch: Data, /) -> Finding:
        """Take a row or a batch, in the order of time; `fail` if a rise is told in it."""
        mean = fitted(self.mean_, self)
        rows, told, since = _read(batch, "The batch"), [], None
        left = rows.values
        while len(left):
            at = self._take(left[:_CHUNK])
            left = left[min(len(left), _CHUNK) if at is None else at :]
            if at is not None:
                told.append(self._seen)
                begun = int(self._since[int(np.argmax(self._evidence))])
                since = begun if since is None else since
                self._anew()
        statistic = float(self._log_mean(self._evidence))
        limit = math.log(self.expected_run_time)
        verdict, said = Verdict.OK, f"No rise in {self._seen:,} rows above the usual {mean:.4g}"
        if told:
            verdict = Verdict.FAIL
            said = f"A rise above the usual {mean:.4g} is told at row {told[0]:,} of the stream"
            said += f", since about row {since:,}"
        elif statistic > limit + math.log(_SUSPECTED):
            verdict, said = Verdict.WARN, f"A rise above the usual {mean:.4g} is suspected"
        if len(rows.values):
            said += f"; the mean of these {len(rows.values):,} rows is {rows.values.mean():.4g}"
        return stream_finding(
            "accuracy.error_rate",
            verdict=verdict,
            said=said,
            batch=rows,
            missing_is_normal=self.missing_,
            statistic=statistic if math.isfinite(statistic) else None,
            threshold=limit,
            effect=float(rows.values.mean()) - mean if len(rows.values) else None,
            evidence={
                "rows_since_reset": self._seen,
                "told_at": told[:100],
                "since": since,
                "n_reference": self.n_reference_,
                "usual": mean,
                "usual_at_most": self.upper_,
                "expected_run_time": self.expected_run_time,
            },
        )

    def _take(self, values: NDArray[np.float64]) -> int | None:
        """Add rows to the evidence, up to and with the one that tells; return how many then."""
        steps = np.log(np.maximum(1 + self._stakes * (values[:, None] - self.upper_), 1e-12))
        walk = np.cumsum(steps, axis=0)
        begun = np.vstack([np.zeros(len(_ODDS)), -walk[:-1]])  # a rise may begin at any row
        begun[0] = np.logaddexp(begun[0], self._evidence)
        evidence = walk + np.logaddexp.accumulate(begun, axis=0)
        over = np.flatnonzero(self._log_mean(evidence) >= math.log(self.expected_run_time))
        taken = int(over[0]) + 1 if len(over) else len(values)
        path = self._walk + walk[:taken]
        lowest = np.argmin(path, axis=0)
        lower = path[lowest, np.arange(len(_ODDS))] < self._least
        self._since = np.where(lower, self._seen + lowest + 1, self._since)
        self._least = np.minimum(self._least, path.min(axis=0))
        self._walk, self._evidence = path[-1], evidence[taken - 1]
        self._seen += taken
        return taken if len(over) else None

    @staticmethod
    def _log_mean(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.logaddexp.reduce(evidence, axis=-1) - math.log(evidence.shape[-1]))


def _read(data: Data, what: str) -> Batch:
    rows = Batch.of(data, what=what)
    if (wrong := rows.values[(rows.values < 0) | (rows.values > 1)]).size:
        raise SchemaError(
            f"{what} must be errors (1 wrong, 0 right) or losses in [0, 1], got {wrong[0]:g}."
        )
    return rows
