"""Page-Hinkley, ADWIN, DDM, EDDM and KSWIN: river's detectors behind our interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, Protocol, Self, cast

import numpy as np

from homeostat.core import Finding, InputError, MissingExtraError, SchemaError, Verdict
from homeostat.detect._detector import fitted
from homeostat.detect._rows import Data
from homeostat.detect._streams._stream import Batch, stream_finding

__all__ = ["ADWIN", "DDM", "EDDM", "KSWIN", "PageHinkley"]

_RECENT = 200  # rows whose mean is told after a change


class _Fed(Protocol):
    """What is asked of a detector of river."""

    drift_detected: bool

    def update(self, x: float) -> object:
        """Take one number."""


class _Streamed(ABC):
    """Feeds a stream to a detector of river, one number at a time.

    `fit` feeds the reference first, so the detector knows what is normal, and counts the alarms
    it makes there: the rate of false alarms to be expected, if the reference is free of change.
    """

    check: str
    _binary = False

    def __init__(self) -> None:
        self.fed_: _Fed | None = None

    @abstractmethod
    def _make(self) -> _Fed:
        """Return a new detector of river."""

    def fit(self, reference: Data, /) -> Self:
        """Feed the reference, in the order of time; forgets the stream.

        Raises:
            SchemaError: If it is not one number a row, or no error where errors are asked for.
            InputError: If no value of it is finite.
            MissingExtraError: If ``homeostat[streams]`` is not installed.
        """
        rows = self._read(reference, "The reference")
        if not len(rows.values):
            raise InputError("A reference must have at least one finite number, got none.")
        self._reference = rows
        self.reset()
        return self

    def reset(self) -> None:
        """Start anew from the reference."""
        if self.fed_ is None and not hasattr(self, "_reference"):
            fitted(self.fed_, self)
        fed, alarms = self._make(), 0
        for value in self._reference.values.tolist():
            fed.update(value)
            alarms += fed.drift_detected
        self.fed_ = fed
        self.alarms_ = alarms
        self.mean_ = float(self._reference.values.mean())
        self._seen, self._changes, self._since = 0, 0, 0
        self._recent = self._reference.values[-_RECENT:]

    def update(self, batch: Data, /) -> Finding:
        """Take a number or a batch, in the order of time; `fail` if a change is told in it."""
        fed = fitted(self.fed_, self)
        rows = self._read(batch, "The batch")
        told, suspected, began = [], False, self._seen
        for number, value in enumerate(rows.values.tolist(), 1):
            fed.update(value)
            if fed.drift_detected:
                told.append(began + number)
        suspected = bool(getattr(fed, "warning_detected", False))
        self._seen += len(rows.values)
        self._recent = np.concatenate([self._recent, rows.values])[-_RECENT:]
        return self._finding(rows, told, suspected=suspected)

    def _finding(self, rows: Batch, told: list[int], *, suspected: bool) -> Finding:
        recent = float(self._recent.mean())
        verdict, said = Verdict.OK, f"No change in {self._seen:,} rows"
        if told:
            self._changes += len(told)
            self._since = told[-1]
            verdict = Verdict.FAIL
            said = f"A change is told at row {told[0]:,} of the stream"
        elif suspected:
            verdict, said = Verdict.WARN, f"A change is suspected at row {self._seen:,}"
        elif self._since:
            said = f"No further change since row {self._since:,}, {self._seen:,} rows seen"
        said += f": the mean of the last {len(self._recent)} is {recent:.4g}, {self.mean_:.4g} in"
        said += " the reference"
        n = len(self._reference.values)
        return stream_finding(
            self.check,
            verdict=verdict,
            said=said,
            batch=rows,
            missing_is_normal=self._reference.left_out > 0,
            effect=recent - self.mean_,
            evidence={
                "rows_since_reset": self._seen,
                "told_at": told[:100],
                "changes": self._changes,
                "n_reference": n,
                "alarms_in_reference": self.alarms_,
                "alarms_per_10000_reference_rows": self.alarms_ * 10_000 / n,
            },
        )

    def _read(self, data: Data, what: str) -> Batch:
        rows = Batch.of(data, what=what)
        if self._binary and not np.isin(rows.values, (0.0, 1.0)).all():
            wrong = rows.values[~np.isin(rows.values, (0.0, 1.0))][0]
            raise SchemaError(
                f"{what} must be errors, 1 where the model was wrong and 0 where it was right, "
                f"got {wrong:g}."
            )
        return rows


class PageHinkley(_Streamed):
    """Page-Hinkley: a cumulated deviation from the running mean (Page 1954).

    Quick to see small steps of a mean, in its own units: `threshold` must suit them, and no
    rate of false alarms follows from it. At its defaults it alarmed without a change in 9 of
    10 streams of 20,000 errors; look at `alarms_in_reference`.

    Args:
        delta: Change of the mean that is tolerated.
        threshold: Cumulated deviation that is a change.
        alpha: Forgetting factor, in (0, 1].
        mode: Changes `up`, `down` or `both`.
        min_rows: Rows before anything is told.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = PageHinkley().fit(rng.random(2000) < 0.2)
        >>> detector.update(rng.random(2000) < 0.4).verdict.value
        'fail'
    """

    check = "shift.page_hinkley"

    def __init__(
        self,
        *,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 0.9999,
        mode: Literal["up", "down", "both"] = "both",
        min_rows: int = 30,
    ) -> None:
        super().__init__()
        self.delta, self.threshold, self.alpha = delta, threshold, alpha
        self.mode, self.min_rows = mode, min_rows

    def _make(self) -> _Fed:
        settings = {"delta": self.delta, "threshold": self.threshold, "alpha": self.alpha}
        return _of_river("PageHinkley", mode=self.mode, min_instances=self.min_rows, **settings)


class ADWIN(_Streamed):
    """ADWIN: a window that is cut where its two parts' means differ (Bifet and Gavaldà 2007).

    The one to begin with for errors or any bounded number: it made no false alarm in 600,000
    rows of a steady error rate, and sees 0.2 become 0.3 in about 420 rows.

    Args:
        delta: False alarms a cut that is tried.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = ADWIN().fit(rng.random(2000) < 0.2)
        >>> detector.update(rng.random(1000) < 0.2).verdict.value
        'ok'
        >>> detector.update(rng.random(1000) < 0.4).verdict.value
        'fail'
    """

    check = "shift.adwin"

    def __init__(self, *, delta: float = 0.002) -> None:
        super().__init__()
        self.delta = delta

    def _make(self) -> _Fed:
        return _of_river("ADWIN", delta=self.delta)


class DDM(_Streamed):
    """DDM: an error rate above the least one that was seen (Gama and others 2004).

    Suspects at `warning` standard deviations, tells at `drift`. Errors only, and only a rise;
    it is slow after a long quiet time.

    Args:
        warning: Standard deviations at which a change is suspected.
        drift: Standard deviations at which it is told.
        min_rows: Rows before anything is told.
    """

    check = "accuracy.ddm"
    _binary = True

    def __init__(self, *, warning: float = 2.0, drift: float = 3.0, min_rows: int = 30) -> None:
        super().__init__()
        self.warning, self.drift, self.min_rows = warning, drift, min_rows

    def _make(self) -> _Fed:
        return _of_river(
            "DDM",
            warm_start=self.min_rows,
            warning_threshold=self.warning,
            drift_threshold=self.drift,
        )


class EDDM(_Streamed):
    """EDDM: errors that come closer together (Baena-García and others 2006).

    Sees slow rises early, at the price of false alarms of a steady error rate. Use it to
    suspect, not to page.

    Args:
        warning: Share of the greatest distance at which a change is suspected.
        drift: Share at which it is told.
        min_rows: Errors before anything is told.
    """

    check = "accuracy.eddm"
    _binary = True

    def __init__(self, *, warning: float = 0.95, drift: float = 0.9, min_rows: int = 30) -> None:
        super().__init__()
        self.warning, self.drift, self.min_rows = warning, drift, min_rows

    def _make(self) -> _Fed:
        return _of_river("EDDM", warm_start=self.min_rows, alpha=self.warning, beta=self.drift)


class KSWIN(_Streamed):
    """KSWIN: the latest of a window of numbers against the rest of it (Raab and others 2020).

    For numbers of any law; slow (hundreds of microseconds a row) and weak with its small
    windows: :class:`SlidingKS` is quicker, and its rate of false alarms is stated.

    Args:
        level: Of each test.
        window: Rows that are kept.
        latest: Rows of them that are tested.
        seed: Of the sample of the rest.
    """

    check = "shift.kswin"

    def __init__(
        self, *, level: float = 0.005, window: int = 100, latest: int = 30, seed: int = 0
    ) -> None:
        super().__init__()
        self.level, self.window, self.latest, self.seed = level, window, latest, seed

    def _make(self) -> _Fed:
        return _of_river(
            "KSWIN",
            alpha=self.level,
            window_size=self.window,
            stat_size=self.latest,
            seed=self.seed,
        )


def _of_river(name: str, **settings: object) -> _Fed:
    try:
        from river import drift  # noqa: PLC0415 - an extra
        from river.drift import binary  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("river", extra="streams") from error
    kind = getattr(binary if name in {"DDM", "EDDM"} else drift, name)
    return cast("_Fed", kind(**settings))
