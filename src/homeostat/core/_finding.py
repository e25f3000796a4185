"""Finding: the one type of every judgement in the system."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, cast

from homeostat.core._errors import InputError

__all__ = ["Finding", "Json", "Verdict", "worst"]

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


class Verdict(StrEnum):
    """What a check concluded. Too little data is ``UNKNOWN``, never ``OK``."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


_BADNESS = {Verdict.OK: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2, Verdict.FAIL: 3}


def _plain(value: object, where: str) -> Json:
    """Reduce NumPy scalars, tuples and enums to JSON; refuse what has no JSON form."""
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", 0) == 0:
        value = item()
    if value is None or isinstance(value, (bool, int)):
        return cast("Json", value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, Iterable):
        return [_plain(inner, f"{where}[{i}]") for i, inner in enumerate(value)]
    isoformat = getattr(value, "isoformat", None)
    if isoformat is not None:
        return cast("str", isoformat())
    raise InputError(
        f"Evidence must be JSON: {where} is {value!r} of type {type(value).__name__}; "
        "pass numbers, strings, lists and dicts."
    )


def _number(value: object, name: str) -> float | None:
    if value is None:
        return None
    number = float(cast("float", value))
    if not math.isfinite(number):
        raise InputError(
            f"A finding's {name} must be finite, got {number}: a statistic that cannot be "
            "computed is verdict `unknown` with None, and the reason in the summary."
        )
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A judgement: what was checked, on what, and what came out.

    Every check in the system returns this one type, so there is one way to gate a release,
    raise an alarm, trigger a retrain, roll back, or draw a page.

    Args:
        check: Name of the check, dotted from the stage, such as ``"leakage.known_at"``.
        subject: What was judged: a column, a slice, a model version, a window.
        verdict: ``ok``, ``warn``, ``fail`` or ``unknown`` (too little data).
        summary: One sentence with the facts in it, for a person woken at two in the morning.
        statistic: The number that was compared; finite, or None.
        threshold: What it was compared with; finite, or None.
        p_value: In [0, 1], or None where the check has none.
        effect: Size of the effect in the units named by the summary, or None.
        evidence: JSON with whatever lets a person check the judgement.

    Raises:
        InputError: If a number is not finite, a p-value is outside [0, 1], the summary is
            empty, or the evidence has no JSON form.

    Example:
        >>> Finding(check="data.range", subject="dep_delay", verdict=Verdict.FAIL,
        ...         summary="3 of 100 values of dep_delay exceed 1440.", statistic=0.03,
        ...         threshold=0.0)
        Finding(fail data.range on dep_delay: 3 of 100 values of dep_delay exceed 1440.)
    """

    check: str
    subject: str
    verdict: Verdict
    summary: str
    statistic: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    effect: float | None = None
    evidence: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.check or not self.summary:
            raise InputError(f"A finding needs a check and a summary, got {self.check!r}.")
        set_ = object.__setattr__
        set_(self, "verdict", Verdict(self.verdict))
        for name in ("statistic", "threshold", "p_value", "effect"):
            set_(self, name, _number(getattr(self, name), name))
        if self.p_value is not None and not 0 <= self.p_value <= 1:
            raise InputError(f"A p-value lies in [0, 1], got {self.p_value} in {self.check}.")
        set_(self, "evidence", _plain(self.evidence, "evidence"))

    def __repr__(self) -> str:
        return f"Finding({self.verdict} {self.check} on {self.subject}: {self.summary})"

    def to_json(self) -> dict[str, Json]:
        """Return the finding as a plain JSON object."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "verdict": self.verdict.value,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a finding from :meth:`to_json`; unknown keys are ignored."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict among findings; of none at all, ``unknown``.

    The order is ok, warn, unknown, fail: nothing was judged is not a pass.

    Example:
        >>> worst([])
        <Verdict.UNKNOWN: 'unknown'>
    """
    verdicts = [finding.verdict for finding in findings]
    return max(verdicts, key=_BADNESS.__getitem__) if verdicts else Verdict.UNKNOWN
