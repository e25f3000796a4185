"""Error budget: how much of what may go wrong has gone wrong, and how fast it is being spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scipy import special

from homeostat.core import Finding, InputError, Json, Verdict, duration
from homeostat.observe._slots import Slots

__all__ = ["BURN_RULES", "BurnRule", "ErrorBudget"]

_LEVEL = 0.01  # chance of so many bad calls in a service that just keeps its promise


@dataclass(frozen=True, slots=True)
class BurnRule:
    """When a budget burns too fast: in a long window, so it matters, and still in a short one.

    Args:
        factor: How many times faster than would spend the budget in just its period.
        long: Such as ``"1h"``.
        short: Such as ``"5m"``; it makes the alarm end soon after its cause.
        verdict: ``fail`` wakes someone, ``warn`` is for working hours.
    """

    factor: float
    long: str
    short: str
    verdict: Verdict

    def spent(self, period: timedelta) -> float:
        """Return the share of a period's budget that is gone when the rule first may fire.

        Example:
            >>> [round(rule.spent(timedelta(days=30)), 3) for rule in BURN_RULES]
            [0.02, 0.05, 0.1]
        """
        return self.factor * (duration(self.long) / period)


BURN_RULES = (
    BurnRule(14.4, "1h", "5m", Verdict.FAIL),
    BurnRule(6.0, "6h", "30m", Verdict.FAIL),
    BurnRule(1.0, "3d", "6h", Verdict.WARN),
)
"""Those of Google's SRE workbook (Beyer et al. 2018, chapter 5) for a period of 30 days."""


class ErrorBudget:
    """A budget of bad calls over a period, and how fast it burns.

    Unlike the plain rule of two ratios, an alarm needs two bad calls at least, and more in the
    long window than chance explains in a service that keeps its promise (exact binomial, level
    0.01): one failure in a quiet night wakes nobody.

    Args:
        share: The share that may be bad, in (0, 1).
        subject: What is watched.
        objective: What is promised, in words.
        what: What is counted: ``"calls"`` or ``"minutes"``.
        period: Over which the budget is spent.
        rules: When it burns too fast.

    Example:
        >>> from datetime import UTC
        >>> budget = ErrorBudget(0.001, subject="predict", objective="errors < 0.1%")
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> for minute in range(60):
        ...     budget.add(noon + timedelta(minutes=minute), bad=20, total=1000)
        >>> [finding.verdict.value for finding in budget.findings(noon + timedelta(minutes=59))]
        ['fail', 'fail']
    """

    def __init__(
        self,
        share: float,
        *,
        subject: str,
        objective: str,
        what: str = "calls",
        period: timedelta = timedelta(days=30),
        rules: Sequence[BurnRule] = BURN_RULES,
    ) -> None:
        if not 0 < share < 1:
            raise InputError(f"A budget is a share in (0, 1), got {share}.")
        self.share, self.subject, self.objective = share, subject, objective
        self.what, self.period, self.rules = what, period, tuple(rules)
        longest = max((duration(rule.long) for rule in rules), default=timedelta(hours=1))
        self._minutes = Slots(60, max(int(longest.total_seconds() // 60), 60))
        self._hours = Slots(3600, int(period.total_seconds() // 3600))

    def add(self, at: datetime, *, bad: int, total: int) -> None:
        """Add what was counted at a time; what is older than the period counts no more."""
        if not 0 <= bad <= total:
            raise InputError(f"Bad {self.what} lie in [0, {total}], got {bad}.")
        for slots in (self._minutes, self._hours):
            slots.add(at.timestamp(), bad=bad, total=total)

    def window(self, now: datetime, length: str | timedelta) -> tuple[int, int]:
        """Return how many were bad, and of how many, in a window of minutes that ends now."""
        return self._minutes.sum(now.timestamp(), duration(length).total_seconds())

    def burn(self, now: datetime, length: str | timedelta) -> float | None:
        """Return how fast the budget burned in a window, where 1 spends it in its period.

        None of none.
        """
        bad, total = self.window(now, length)
        return bad / total / self.share if total else None

    def findings(self, now: datetime) -> list[Finding]:
        """Judge how fast the budget burns (``sla.burn``) and what is left (``sla.budget``)."""
        return [self._burning(now), self._left(now)]

    def fires(self, rule: BurnRule, now: datetime) -> bool:
        """Say whether a rule's alarm is on."""
        (bad, total), short = self.window(now, rule.long), self.burn(now, rule.short)
        if total == 0 or short is None or rule.factor * self.share >= 1:
            return False  # a rate that no share of calls can reach
        fast = bad / total / self.share >= rule.factor and short >= rule.factor
        return fast and bad > 1 and _chance(bad, total, self.share) <= _LEVEL

    def _burning(self, now: datetime) -> Finding:
        on = [rule for rule in self.rules if self.fires(rule, now)]
        rule = on[0] if on else self.rules[-1]
        bad, total = self.window(now, rule.long)
        burn = bad / total / self.share if total else None
        if on:
            verdict, word = on[0].verdict, f"burns {burn:.3g} times too fast"
        elif total:
            verdict, word = Verdict.OK, "burns no faster than it may"
        else:
            verdict, word = Verdict.UNKNOWN, f"is not known to burn, for want of {self.what}"
        short = self.burn(now, rule.short)
        return Finding(
            check="sla.burn",
            subject=self.subject,
            verdict=verdict,
            summary=f"The budget of {self.objective} for {self.subject} {word}: {bad:,} of "
            f"{total:,} {self.what} were bad in the last {rule.long}.{self._empty_in(now, burn)}",
            statistic=burn,
            threshold=rule.factor,
            p_value=_chance(bad, total, self.share) if total else None,
            effect=bad / (self.share * total) * (duration(rule.long) / self.period)
            if total
            else None,
            evidence=self._facts(bad, total)
            | {
                "long": rule.long,
                "short": rule.short,
                "short_burn": short,
                "rules_on": [f"{one.factor:g}x {one.long}+{one.short}" for one in on],
            },
        )

    def _left(self, now: datetime) -> Finding:
        bad, total = self._hours.sum(now.timestamp(), self.period.total_seconds())
        allowed = self.share * total
        left = 1 - bad / allowed if allowed else None
        if left is None:
            verdict, word = Verdict.UNKNOWN, f"not known, for want of {self.what}"
        elif left < 0:
            sure = _chance(bad, total, self.share) <= _LEVEL
            verdict = Verdict.FAIL if sure else Verdict.WARN
            word = f"overspent: {1 - left:.3g} times what may be"
        else:
            verdict = Verdict.OK if left > _LOW else Verdict.WARN
            word = f"{100 * left:.3g}% left"
        days = self.period / timedelta(days=1)
        return Finding(
            check="sla.budget",
            subject=self.subject,
            verdict=verdict,
            summary=f"The budget of {self.objective} for {self.subject} is {word}: {bad:,} of "
            f"{total:,} {self.what} were bad in {days:g} days, {allowed:.3g} may.",
            statistic=bad / total if total else None,
            threshold=self.share,
            effect=left,
            evidence=self._facts(bad, total) | {"allowed": allowed},
        )

    def _empty_in(self, now: datetime, burn: float | None) -> str:
        """Say when nothing will be left at this rate, if it is too fast."""
        bad, total = self._hours.sum(now.timestamp(), self.period.total_seconds())
        if burn is None or burn <= 1 or total == 0:
            return ""
        left = 1 - bad / (self.share * total)
        if left <= 0:
            return " Nothing is left."
        hours = left * (self.period / timedelta(hours=1)) / burn
        return f" At this rate nothing is left in {hours:.3g} hours."

    def _facts(self, bad: int, total: int) -> dict[str, Json]:
        return {"objective": self.objective, "share": self.share, "bad": bad, "n": total}

    def to_json(self) -> dict[str, Json]:
        """Return what was counted, for `restore` after a restart."""
        return {"minutes": self._minutes.to_json(), "hours": self._hours.to_json()}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Go on from what `to_json` returned."""
        self._minutes.restore(data["minutes"])
        self._hours.restore(data["hours"])


_LOW = 0.25  # share of a budget that is little


def _chance(bad: int, total: int, rate: float) -> float:
    """Return the chance of so many bad or more, each with a probability ``rate``."""
    return float(special.bdtrc(bad - 1, total, rate)) if bad > 0 else 1.0
