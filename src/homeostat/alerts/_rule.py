"""Rule: which findings raise an alert, when it is over, and what its message says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import Literal

from homeostat.alerts._template import Template
from homeostat.core import Condition, Finding, InputError, Verdict, duration, finding

__all__ = ["DEFAULT_RULES", "Band", "Rule", "Severity", "score_of"]

Severity = Literal["page", "note"]

_TITLE = "${check} on ${subject}"
_TEXT = "${summary}"


@dataclass(frozen=True, slots=True)
class Band:
    """Two thresholds on a number of the finding: an alert rises at one and clears at the other.

    Between them an alert that fires goes on firing and one that does not is not raised, so that a
    value which lingers at a threshold does not flap. Where `raise_at` is the smaller, low is bad.

    Args:
        measure: Which number of the finding: ``"effect"``, ``"statistic"`` or ``"p_value"``.
        raise_at: The value from which on an alert is raised.
        clear_at: The value at which it is over.

    Example:
        >>> accuracy = Band("statistic", raise_at=0.90, clear_at=0.92)
        >>> accuracy.raises(0.89), accuracy.lasts(0.91), accuracy.lasts(0.93)
        (True, True, False)
    """

    measure: Literal["effect", "statistic", "p_value"]
    raise_at: float
    clear_at: float

    def __post_init__(self) -> None:
        if self.measure not in {"effect", "statistic", "p_value"}:
            raise InputError(
                f"A band is on effect, statistic or p_value of a finding, got {self.measure!r}."
            )
        if not (math.isfinite(self.raise_at) and math.isfinite(self.clear_at)):
            raise InputError(
                f"A band's thresholds must be finite, got {self.raise_at} and {self.clear_at}."
            )

    @property
    def high_is_bad(self) -> bool:
        """Whether an alert rises as the value grows."""
        return self.raise_at > self.clear_at or (
            self.raise_at == self.clear_at and self.measure != "p_value"
        )

    def value(self, found: Finding) -> float | None:
        """Return the finding's number; None where it has none."""
        value = getattr(found, self.measure)
        return None if value is None else float(value)

    def raises(self, value: float) -> bool:
        """Say whether a value is bad enough to raise an alert."""
        return value >= self.raise_at if self.high_is_bad else value <= self.raise_at

    def lasts(self, value: float) -> bool:
        """Say whether a value is bad enough for an alert that fires to go on."""
        return value > self.clear_at if self.high_is_bad else value < self.clear_at


@dataclass(frozen=True, slots=True)
class Rule:
    """When findings become an alert.

    Of several rules that match a finding the first counts. A check that says nothing in an update,
    or says ``unknown``, changes nothing: only a finding that does not match the rule clears.

    Args:
        name: What people call it.
        when: The condition on a finding; see :func:`homeostat.core.finding`.
        severity: ``"page"`` wakes somebody, ``"note"`` waits for the digest.
        hold_for: How long it must have been so before the alert fires (Prometheus' ``for``). It
            fires at the first finding that is still bad so long after the first one was.
        keep_firing_for: How long it must have been well before the alert is resolved.
        stale_after: After how long without a word on the subject an alert ends as stale.
        band: Two thresholds (hysteresis) on a number of the finding.
        owner: Who looks after it.
        runbook: Address of what to do about it.
        labels: More facts by name, to group, silence and route by.
        title: Template of the message's title; see :class:`Template`.
        text: Template of what the message says of the alert.

    Raises:
        InputError: If the name is empty, the severity none, a duration negative, or a template
            names what there is not.

    Example:
        >>> from homeostat.core import Finding, finding
        >>> rule = Rule("accuracy", finding(check="accuracy.*", verdict="fail"), hold_for="2h",
        ...             owner="ranking team", title="Model accuracy is ${statistic}")
        >>> late = Finding(check="accuracy.day", subject="v3", verdict="fail", summary="Worse.")
        >>> rule.bad(late, firing=False)
        True
    """

    name: str
    when: Condition
    _: KW_ONLY
    severity: Severity = "page"
    hold_for: str | timedelta = timedelta()
    keep_firing_for: str | timedelta = timedelta()
    stale_after: str | timedelta = timedelta(days=14)
    band: Band | None = None
    owner: str = ""
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    title: str = _TITLE
    text: str = _TEXT

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("A rule needs a name: it is how people silence and judge it.")
        if self.severity not in {"page", "note"}:
            raise InputError(f"A rule's severity is 'page' or 'note', got {self.severity!r}.")
        for name in ("hold_for", "keep_firing_for", "stale_after"):
            length = duration(getattr(self, name))
            if length < timedelta():
                raise InputError(f"A rule's {name} must not be negative, got {length}.")
            object.__setattr__(self, name, length)
        Template(self.title)
        Template(self.text)

    def bad(self, found: Finding, *, firing: bool) -> bool | None:
        """Say whether a finding raises (or, if it fires, keeps up) an alert; None is no news."""
        matches = self.when.holds(found)
        if found.verdict is Verdict.UNKNOWN and not matches:
            return None
        if self.band is None:
            return matches
        value = self.band.value(found)
        if value is None:
            return None
        return self.band.lasts(value) if firing else matches and self.band.raises(value)


def score_of(found: Finding, band: Band | None) -> float:
    """Return how far a finding is beyond its own threshold, as a ratio; infinite without a scale.

    A missing column has no scale: it is a plain failure, and no threshold can be raised for it.

    Example:
        >>> score_of(Finding(check="shift.ks", subject="x", verdict="fail", summary="Moved.",
        ...                  p_value=1e-6, threshold=1e-3, statistic=0.2), None)
        2.0
    """
    if band is not None and (value := band.value(found)) is not None:
        if band.measure == "p_value":
            return _log_ratio(value, band.raise_at)
        return _ratio(value, band.raise_at, high_is_bad=band.high_is_bad)
    if found.p_value is not None:
        level = found.threshold if found.threshold and 0 < found.threshold < 0.5 else 0.05
        return _log_ratio(found.p_value, level)
    if found.statistic and found.threshold:
        ratio = abs(found.statistic / found.threshold)
        return max(ratio, 1 / ratio)
    return math.inf


def _log_ratio(p_value: float, level: float) -> float:
    level = min(max(level, 1e-300), 0.5)
    return max(1.0, math.log(max(p_value, 1e-300)) / math.log(level))


def _ratio(value: float, threshold: float, *, high_is_bad: bool) -> float:
    if value == 0 or threshold == 0 or (value > 0) != (threshold > 0):
        return 1.0 + abs(value - threshold)
    ratio = value / threshold
    worse = ratio if high_is_bad == (threshold > 0) else 1 / ratio
    return max(1.0, worse)


DEFAULT_RULES = (
    Rule("failure", finding(verdict="fail"), severity="page"),
    Rule("warning", finding(verdict="warn"), severity="note"),
)
"""Whatever fails is a page, whatever warns is a note."""
