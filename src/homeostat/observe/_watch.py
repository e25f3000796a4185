"""Watch: what a timer saw, held to an SLA look by look: findings, budgets, minutes up and down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from homeostat.core import Clock, Finding, InputError, Json, RealClock, Verdict
from homeostat.observe._buckets import Distribution
from homeostat.observe._budget import BURN_RULES, BurnRule, ErrorBudget
from homeostat.observe._observed import Observed, observed
from homeostat.observe._sla import Objective, Sla, judge
from homeostat.observe._to_run import current

__all__ = ["SlaWatch"]

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class SlaWatch:
    """Holds a timer to an SLA; call `look` every 15 seconds or so, or let `every` do it.

    Args:
        name: The timer.
        promised: The SLA.
        by: Labels to watch apart, such as ``("endpoint", "version")``; each of their values has
            budgets of its own.
        rules: When a budget burns too fast.
        tell: Called with each finding whose verdict is not what it was a look ago; at first, with
            those that warn or fail. It goes to the run of this process, if there is one, unless
            told.
        source: What is looked at; that of this process and those it shares a folder with unless
            told.
        clock: What tells the time.

    Example:
        >>> from homeostat.observe import sla, timer
        >>> watch = SlaWatch("answer", sla(p99="2s", error_rate=0.01), by=["version"])
        >>> for _ in range(2000):
        ...     timer("answer", version="v3").add(0.1)
        >>> for finding in watch.look():
        ...     print(finding.check, finding.verdict, finding.subject)
        sla.latency ok answer, version v3
        sla.burn ok answer, version v3
        sla.budget ok answer, version v3
        sla.errors ok answer, version v3
        sla.burn ok answer, version v3
        sla.budget ok answer, version v3
    """

    def __init__(
        self,
        name: str,
        promised: Sla,
        *,
        by: Sequence[str] = (),
        rules: Sequence[BurnRule] = BURN_RULES,
        tell: Callable[[Finding], object] | None = None,
        source: Callable[[], Observed] = observed,
        clock: Clock | None = None,
    ) -> None:
        if isinstance(by, str):
            raise InputError(f"`by` is a list of labels, got {by!r}: pass [{by!r}].")
        self.name, self.promised, self.by, self.rules = name, promised, tuple(by), tuple(rules)
        self._source, self._clock, self._tell = source, clock or RealClock(), tell or _to_run
        self._verdicts: dict[tuple[str, str, Json], Verdict] = {}
        self._before: dict[tuple[str, ...], Distribution] = {}
        self._kept: dict[tuple[str, ...], _Kept] = {}

    def look(self) -> list[Finding]:
        """Take in what came since the last look, and judge; one list for each value of the labels.

        Returns:
            By objective: the share of bad calls in the last hour (``sla.latency``,
            ``sla.errors``), how fast its budget burns (``sla.burn``) and what is left of it
            (``sla.budget``); the last two also of the minutes down, where the SLA promises a share
            of minutes up. One ``unknown`` if the timer has not been seen.
        """
        now, seen = self._clock.now(), self._source()
        found = seen.by(self.name, *self.by) if self.by else {(): seen.times(self.name)}
        for key, times in found.items():
            kept = self._kept.get(key)
            if kept is None and (times.n or times.failed or not self.by):
                kept = self._kept[key] = self._keep(key)
            if kept is not None:
                earlier = self._before.get(key)
                kept.take(now, times if earlier is None else times.since(earlier))
                self._before[key] = times
        for key in self._kept.keys() - found.keys():
            self._kept[key].take(now, Distribution.of([]))
        if not self._kept:
            return [self._unseen(seen)]
        findings = [one for _, kept in sorted(self._kept.items()) for one in kept.judge(now)]
        self._tell_changes(findings)
        return findings

    def _tell_changes(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            key = finding.check, finding.subject, finding.evidence["objective"]
            before = self._verdicts.get(key, Verdict.OK)
            if finding.verdict == Verdict.UNKNOWN and key not in self._verdicts:
                continue  # that a service has just begun is no news
            self._verdicts[key] = finding.verdict
            if finding.verdict != before:
                self._tell(finding)

    def to_json(self) -> dict[str, Json]:
        """Return the budgets, for `restore` after a restart."""
        return {
            "name": self.name,
            "kept": [[list(key), kept.to_json()] for key, kept in self._kept.items()],
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Go on with the budgets that `to_json` returned; what is counted already is not again."""
        if data["name"] != self.name:
            raise InputError(
                f"These budgets are of the timer {data['name']!r}, and this watches {self.name!r}."
            )
        for key, content in data["kept"]:
            kept = self._kept[tuple(key)] = self._keep(tuple(key))
            kept.restore(content)
        seen = self._source()
        self._before = seen.by(self.name, *self.by) if self.by else {(): seen.times(self.name)}

    def _keep(self, key: tuple[str, ...]) -> _Kept:
        labels = [f"{label} {value}" for label, value in zip(self.by, key, strict=True)]
        return _Kept(", ".join([self.name, *labels]), self.promised, self.rules)

    def _unseen(self, seen: Observed) -> Finding:
        return Finding(
            check="sla.latency",
            subject=self.name,
            verdict=Verdict.UNKNOWN,
            summary=f"No call of the timer {self.name!r} with the labels {list(self.by)} has been "
            f"seen, so its SLA cannot be judged.{seen.missing_name(self.name)}",
        )


def _to_run(finding: Finding) -> None:
    run = current()
    if run is not None:
        run.find(finding)


class _Kept:
    """The budgets of one value of the labels, and the minute that is not over yet."""

    def __init__(self, subject: str, promised: Sla, rules: Sequence[BurnRule]) -> None:
        self.subject, self.promised = subject, promised
        self.budgets = {
            objective: self._budget(objective.name, objective.share, "calls", rules)
            for objective in promised.objectives
        }
        self.up: ErrorBudget | None = None
        if promised.up is not None:
            name, share = f"{100 * promised.up:g}% of minutes up", 1 - promised.up
            self.up = self._budget(name, share, "minutes", rules)
        self.minute: datetime | None = None
        self.times = Distribution.of([])

    def _budget(
        self, objective: str, share: float, what: str, rules: Sequence[BurnRule]
    ) -> ErrorBudget:
        return ErrorBudget(
            share,
            subject=self.subject,
            objective=objective,
            what=what,
            period=self.promised.period,
            rules=rules,
        )

    def take(self, now: datetime, times: Distribution) -> None:
        """Take in what came since the last look."""
        for objective, budget in self.budgets.items():
            bad, n = objective.bad(times)
            if n:
                budget.add(now, bad=bad, total=n)
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        if self.minute is not None and minute > self.minute:
            self._close(minute)
        self.minute = minute if self.minute is None else max(minute, self.minute)
        self.times += times

    def _close(self, until: datetime) -> None:
        """Judge the minute that is over; those after it in which nobody looked were quiet."""
        assert self.minute is not None  # noqa: S101 - as the caller saw
        at, times = self.minute, self.times
        self.times = Distribution.of([])
        while self.up is not None and at < until:
            is_up = self.promised.is_up(times)
            if is_up is not None:
                self.up.add(at, bad=int(not is_up), total=1)
            elif self.promised.quiet == "unknown":
                return  # nor is any quiet minute after it known
            at, times = max(at + _MINUTE, until - self.promised.period), self.times

    def judge(self, now: datetime) -> list[Finding]:
        findings = []
        for objective, budget in self.budgets.items():
            bad, n = budget.window(now, _HOUR)
            findings.append(_judged(objective, bad, n, self.subject))
            findings += budget.findings(now)
        return findings + (self.up.findings(now) if self.up is not None else [])

    def to_json(self) -> dict[str, Json]:
        budgets = {o.name: budget.to_json() for o, budget in self.budgets.items()}
        return {"budgets": budgets, "up": self.up.to_json() if self.up else None}

    def restore(self, content: Mapping[str, Any]) -> None:
        for objective, budget in self.budgets.items():
            if objective.name in content["budgets"]:
                budget.restore(content["budgets"][objective.name])
        if self.up is not None and content["up"] is not None:
            self.up.restore(content["up"])


def _judged(objective: Objective, bad: int, n: int, subject: str) -> Finding:
    return judge(objective, bad, n, subject, over=" in the last hour")
