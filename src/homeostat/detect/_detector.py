"""The interface of every detector, and the one way in which each makes its finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, TypeVar, runtime_checkable

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.detect._rows import Data, missing_p
from homeostat.stats import Interval

__all__ = [
    "LEAST_ROWS",
    "Counted",
    "Detector",
    "OnlineDetector",
    "check_level",
    "combined_p",
    "conclude",
    "fitted",
    "too_few",
    "unknown",
]

LEAST_ROWS = 5
"""Fewest complete rows a side from which a detector concludes anything, unless told otherwise."""

_Learned = TypeVar("_Learned")


class Counted(Protocol):
    """One side of a comparison: complete rows or values, and how many were left out."""

    def __len__(self) -> int:
        """Return how many are complete."""

    @property
    def given(self) -> int:
        """Rows given, complete or not."""

    @property
    def nulls(self) -> int:
        """Rows left out for a null or a NaN."""

    @property
    def infs(self) -> int:
        """Rows left out for an infinite number."""


@runtime_checkable
class Detector(Protocol):
    """Compares windows with a reference.

    The constructor stores settings, keyword-only, among them `level` (false alarms a test).
    `fit` learns the reference and returns the detector; `test` judges a window and changes
    nothing. Whatever is in the window, `test` returns a finding: what cannot be judged is
    `unknown`, with the reason in the summary. Only data of another shape or type than the
    reference's are an error, in words.
    """

    def fit(self, reference: Data, /) -> Self:
        """Learn what is normal."""

    def test(self, window: Data, /) -> Finding:
        """Judge a window against what is normal."""


@runtime_checkable
class OnlineDetector(Protocol):
    """Follows a stream row by row, or batch by batch.

    `update` takes one row or a batch of rows and returns one finding of where the stream stands
    after it: `fail` in the update in which a change is told, `warn` while one is suspected,
    `unknown` until enough has been seen, else `ok`. The alarm rate is stated in the evidence.
    """

    def fit(self, reference: Data, /) -> Self:
        """Learn what is normal, and forget the stream."""

    def update(self, batch: Data, /) -> Finding:
        """Take a row or a batch, in the order of time, and judge."""

    def reset(self) -> None:
        """Start the stream anew, as after an alarm that was dealt with."""


def conclude(
    check: str,
    subject: str,
    *,
    said: str,
    reference: Counted,
    window: Counted,
    level: float,
    p_value: float,
    statistic: float,
    threshold: float | None = None,
    effect: float | None = None,
    interval: Interval | None = None,
    margin: float = 0.0,
    adjusted: float | None = None,
    evidence: Mapping[str, Json] | None = None,
) -> Finding:
    """Make the finding of a test: significance permits, the size of the effect decides.

    Not significant is `ok`. Significant is `fail` where the effect's interval lies beyond the
    margin (or no interval is known), else `warn`. Where rows were left out, whether their share
    has changed is tested too and both p-values count (Bonferroni): new missing values are never
    silent.

    Args:
        check: Name, such as `shift.mmd`.
        subject: A column, or `rows` for all of them together.
        said: What moved and by how much, a clause without a full stop; the p-value, the rows
            and what was left out are added here.
        reference: What it was compared with.
        window: What was judged.
        level: False alarms a test, in (0, 1).
        p_value: Of the test.
        statistic: Of the test.
        threshold: What the statistic would have to exceed at this level, if known.
        effect: Size of the change in units that `said` names, at least 0.
        interval: Of the effect.
        margin: Least effect that matters.
        adjusted: The :func:`combined_p` corrected for the tests made beside this one; None where
            it is alone.
        evidence: Anything else a person needs to check the judgement.
    """
    p_missing = _p_missing(reference, window)
    p = combined_p(p_value, reference, window) if adjusted is None else adjusted
    harmless = interval is not None and margin > 0 and interval.low <= margin
    verdict = Verdict.OK
    if p <= level:
        verdict = Verdict.WARN if harmless and 2 * p_missing > level else Verdict.FAIL
    small = f", not surely more than the {margin:g} that matters" if verdict is Verdict.WARN else ""
    p_said = "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
    return Finding(
        check=check,
        subject=subject,
        verdict=verdict,
        summary=f"{said}{small} ({p_said}, {len(window):,} rows against {len(reference):,})"
        f"{_left_out(reference, window)}.",
        statistic=statistic,
        threshold=threshold,
        p_value=p,
        effect=effect,
        evidence={
            "n": len(window),
            "n_reference": len(reference),
            "level": level,
            "margin": margin,
            "effect_low": None if interval is None else interval.low,
            "effect_high": None if interval is None else interval.high,
            "p_test": p_value,
            **_counts(reference, window, p_missing),
            **(evidence or {}),
        },
    )


def combined_p(p_value: float, reference: Counted, window: Counted) -> float:
    """Return the p-value of a test and of whether more rows are missing, together (Bonferroni)."""
    if len(reference) == reference.given and len(window) == window.given:
        return p_value
    return min(1.0, 2 * min(p_value, _p_missing(reference, window)))


def too_few(
    check: str,
    subject: str,
    *,
    reference: Counted,
    window: Counted,
    level: float,
    least: int = LEAST_ROWS,
) -> Finding | None:
    """Return the finding where either side has too few complete rows, else None.

    It is `unknown`, but `fail` where rows are too few because values are newly missing.
    """
    if min(len(window), len(reference)) >= least:
        return None
    p = _p_missing(reference, window)
    surely = p <= level
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict.FAIL if surely else Verdict.UNKNOWN,
        summary=f"{subject}: {len(window):,} complete rows in the window and {len(reference):,} in "
        f"the reference, {least:,} each are needed to tell a shift"
        f"{_left_out(reference, window)}.",
        p_value=p if surely else None,
        evidence={
            "n": len(window),
            "n_reference": len(reference),
            "level": level,
            **_counts(reference, window, p),
        },
    )


def unknown(check: str, subject: str, why: str, **evidence: Json) -> Finding:
    """Return the finding of what cannot be judged, `why` being a full sentence."""
    return Finding(
        check=check, subject=subject, verdict=Verdict.UNKNOWN, summary=why, evidence=evidence
    )


def fitted(learned: _Learned | None, detector: object) -> _Learned:
    """Return what `fit` learned.

    Raises:
        InputError: If it was not called.
    """
    if learned is None:
        raise InputError(
            f"{type(detector).__name__} has no reference yet: call `fit(reference)` first."
        )
    return learned


def check_level(level: float) -> float:
    """Return a rate of false alarms, in (0, 1), or raise InputError."""
    if not 0 < level < 1:
        raise InputError(f"`level` is a rate of false alarms in (0, 1), got {level}.")
    return level


def _p_missing(reference: Counted, window: Counted) -> float:
    return missing_p(_missing(window), window.given, _missing(reference), reference.given)


def _missing(side: Counted) -> int:
    return side.given - len(side)


def _left_out(reference: Counted, window: Counted) -> str:
    if not (_missing(reference) or _missing(window)):
        return ""
    share, was = (
        _missing(side) / side.given if side.given else 0.0 for side in (window, reference)
    )
    which = "null or NaN" if not (window.infs or reference.infs) else "null, NaN or infinite"
    return f"; {share:.1%} of rows are {which} and left out, were {was:.1%}"


def _counts(reference: Counted, window: Counted, p_missing: float) -> dict[str, Json]:
    if not (_missing(reference) or _missing(window)):
        return {}
    return {
        "nulls": window.nulls,
        "infs": window.infs,
        "nulls_reference": reference.nulls,
        "infs_reference": reference.infs,
        "p_missing": p_missing,
    }
