"""What causes what among findings: which are roots, which symptoms, which are muted."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from homeostat.core import Finding, Verdict

__all__ = ["attaches", "muted", "rank"]

_CAUSES = (  # from roots to symptoms
    "schema.*",
    "shift.all_null",
    "shift.unit",
    "shift.clock",
    "shift.constant",
    "shift.missing",
    "shift.nan",
    "shift.inf",
    "shift.category",
    "shift.range",
    "shift.feature",
    "shift.concept",
    "shift.label",
    "accuracy.*",
    "prediction.shift",
)
_SYMPTOMS = ("shift.label", "accuracy.*", "prediction.shift")
_BREAKS = (
    "schema.missing_column",
    "schema.type",
    "schema.label",
    "shift.all_null",
    "shift.unit",
    "shift.clock",
)


def rank(check: str) -> int:
    """Return how near to the root of things a check is; 0 is nearest."""
    places = (i for i, pattern in enumerate(_CAUSES) if fnmatchcase(check, pattern))
    return next(places, 0)


def attaches(check: str, cause: str) -> bool:
    """Return whether a check's finding is a symptom of an alarm that another check raised."""
    is_symptom = any(fnmatchcase(check, pattern) for pattern in _SYMPTOMS)
    return is_symptom and rank(cause) < rank(check)


def muted(findings: Iterable[Finding]) -> list[Finding]:
    """Drop what a column's break explains: drift of what is not there.

    Names the shift's kind neither: `shift.kind` says in words what others raise.
    """
    found = list(findings)
    broken = {f.subject for f in found if f.check in _BREAKS and f.verdict is Verdict.FAIL}
    return [
        f
        for f in found
        if f.check != "shift.kind"
        and (f.check in _BREAKS or f.subject not in broken or not f.check.startswith("shift."))
    ]
