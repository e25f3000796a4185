"""Progress: one rollout under way, from what was observed to what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Json, Verdict, VersionError, duration, suggest
from homeostat.serve._evidence import Blocks, Times
from homeostat.serve._guard import NoWorse, Setting, judge_limit, judge_losses, limits
from homeostat.serve._rollout import Action, Arm, Rollout, Step
from homeostat.stats import TwoRates

__all__ = ["Progress"]

_FORMAT = 1


@dataclass(slots=True)
class Progress:
    """One rollout under way: what was observed so far, and where it stands.

    Args:
        rollout: How it goes.
        challenger: Version that wants to take over.
        champion: Version that is live.
        begun: When the rollout began.
        since: When the present stage began.
        stage: Number of the present stage.
        ended: ``"promote"`` or ``"rollback"`` once it is over.

    Example:
        >>> from datetime import UTC
        >>> day = datetime(2024, 1, 1, tzinfo=UTC)
        >>> rng = np.random.default_rng(0)
        >>> progress = Rollout(canary=(), shadow="1d").begin(day, challenger="v2", champion="v1")
        >>> times = np.datetime64("2024-01-01") + np.arange(1440) * np.timedelta64(1, "m")
        >>> old = rng.exponential(0.5, 1440)
        >>> progress.observe("logloss", at=times, champion=old, challenger=old - 0.02)
        >>> progress.decide(day + timedelta(days=1)).action
        'promote'
    """

    rollout: Rollout
    challenger: str
    champion: str
    begun: datetime
    since: datetime
    stage: int = 0
    ended: Action | None = None
    _losses: dict[str, Blocks] = field(default_factory=dict, repr=False)
    _rates: dict[str, TwoRates] = field(default_factory=dict, repr=False)
    _new: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict, repr=False)

    def observe(
        self,
        metric: str,
        *,
        at: Times,
        champion: ArrayLike,
        challenger: ArrayLike,
    ) -> None:
        """Add the losses of both models on the same rows: in shadow, or mirrored in a canary.

        Args:
            metric: A metric among the guards.
            at: When each prediction was made: one instant, or one a row.
            champion: (n,) losses of the champion.
            challenger: (n,) losses of the challenger on the same rows.
        """
        if np.shape(champion) != np.shape(challenger):
            raise InputError(
                f"Paired losses have one shape, got {np.shape(champion)} and "
                f"{np.shape(challenger)}; use `observe_arm` for rows that only one model saw."
            )
        blocks = self._blocks(metric, "paired")
        blocks.add(at, champion, challenger=False)
        blocks.add(at, challenger, challenger=True)

    def observe_arm(self, metric: str, arm: Arm, *, at: Times, losses: ArrayLike) -> None:
        """Add losses of rows that only one arm of a canary answered.

        Args:
            metric: A metric among the guards.
            arm: ``"champion"`` or ``"challenger"``.
            at: When each prediction was made.
            losses: (n,) losses of that arm.
        """
        self._blocks(metric, "arms").add(at, losses, challenger=_is_challenger(arm))

    def observe_requests(self, arm: Arm, *, latency_ms: ArrayLike = (), errors: int = 0) -> None:
        """Add requests since the last decision, for the limits of an SLA.

        Args:
            arm: Who answered.
            latency_ms: (n,) how long each answered request took.
            errors: How many more failed.
        """
        _is_challenger(arm)
        latency = np.asarray(latency_ms, dtype=np.float64)
        new = self._new.setdefault(arm, {})
        for name, limit in limits(self.rollout.guard).items():
            old, n = new.get(name, (0, 0))
            if limit.over_ms is None:
                new[name] = (old + errors, n + len(latency) + errors)
            else:
                slow = int(np.count_nonzero(latency > limit.over_ms))
                new[name] = (old + slow, n + len(latency))

    def decide(self, at: datetime) -> Step:
        """Say what to do at an instant, from all that was observed so far; moves to that stage.

        Raises:
            InputError: If the rollout is over.
        """
        if self.ended:
            raise InputError(f"The rollout of {self.challenger} is over: {self.ended}.")
        stage = self.rollout.stages[self.stage]
        findings, shown = self._findings(at)
        if any(found.verdict is Verdict.FAIL for found in findings):
            action: Action = "rollback"
        elif shown and at - self.since >= stage.soak:
            action = "promote" if self.stage + 1 == len(self.rollout.stages) else "advance"
        else:
            action = self._undecided(at, findings)
        return Step(stage.name, action, self._move(action, at), tuple(findings))

    def to_json(self) -> dict[str, Json]:
        """Return the state, to go on from after a restart."""
        return {
            "format": _FORMAT,
            "challenger": self.challenger,
            "champion": self.champion,
            "begun": self.begun.isoformat(),
            "since": self.since.isoformat(),
            "stage": self.stage,
            "ended": self.ended,
            "losses": {name: list(blocks.sums.items()) for name, blocks in self._losses.items()},
            "rates": {n: [r.log_e, *r.base, *r.other] for n, r in self._rates.items()},
            "new": {arm: {n: list(c) for n, c in new.items()} for arm, new in self._new.items()},
        }

    @classmethod
    def from_json(cls, rollout: Rollout, data: Mapping[str, Any]) -> Progress:
        """Rebuild the state of a rollout from `to_json`; raises VersionError if it is newer."""
        if data["format"] > _FORMAT:
            raise VersionError(f"The rollout's state has format {data['format']}: upgrade.")
        progress = cls(
            rollout,
            data["challenger"],
            data["champion"],
            datetime.fromisoformat(data["begun"]),
            datetime.fromisoformat(data["since"]),
            data["stage"],
            data["ended"],
        )
        block = duration(rollout.block)
        for name, cells in data["losses"].items():
            progress._losses[name] = Blocks(block, {number: list(cell) for number, cell in cells})
        for name, (log_e, *counts) in data["rates"].items():
            progress._rates[name] = TwoRates(log_e, tuple(counts[:2]), tuple(counts[2:]))
        for arm, new in data["new"].items():
            progress._new[arm] = {name: tuple(counts) for name, counts in new.items()}
        return progress

    def _blocks(self, metric: str, kind: str) -> Blocks:
        known = {guard.metric for guard in self.rollout.guard if isinstance(guard, NoWorse)}
        if metric not in known:
            raise InputError(f"No guard is about `{metric}`.{suggest(metric, known)}")
        return self._losses.setdefault(f"{metric}/{kind}", Blocks(duration(self.rollout.block)))

    def _findings(self, at: datetime) -> tuple[list[Finding], bool]:
        """Judge each guard; also say whether all losses were shown to be no worse."""
        setting, settled = self._setting(), at - duration(self.rollout.settle)
        findings, shown = [], True
        for guard in self.rollout.guard:
            if isinstance(guard, NoWorse):
                margin = self.rollout.margin_of(guard)
                streams = [self._losses.get(f"{guard.metric}/{k}") for k in ("paired", "arms")]
                seen = [blocks for blocks in streams if blocks] or [
                    self._blocks(guard.metric, "paired")
                ]
                judged = [
                    judge_losses(guard.metric, blocks.settled(settled), margin, setting)
                    for blocks in seen
                ]
                findings += judged
                shown &= judged[0].verdict is Verdict.OK and seen[0].rows_since(self.since) > 0
        return findings + self._judged_limits(setting), shown

    def _judged_limits(self, setting: Setting) -> list[Finding]:
        findings = []
        for name, limit in limits(self.rollout.guard).items():
            base = self._new.get("champion", {}).get(name, (0, 0))
            other = self._new.get("challenger", {}).get(name, (0, 0))
            self._rates[name] = self._rates.get(name, TwoRates()).update(base, other)
            findings.append(judge_limit(limit, self._rates[name], setting))
        self._new.clear()
        return findings

    def _setting(self) -> Setting:
        rollout = self.rollout
        losses = sum(2 for guard in rollout.guard if isinstance(guard, NoWorse))
        tests = max(losses + len(limits(rollout.guard)), 1)
        total = sum((stage.soak for stage in rollout.stages), timedelta())
        horizon = max(total / duration(rollout.block), float(rollout.fewest))
        return Setting(
            rollout.alpha,
            rollout.alpha / tests,
            horizon,
            rollout.fewest,
            self.challenger,
            self.champion,
        )

    def _undecided(self, at: datetime, findings: list[Finding]) -> Action:
        patience = duration(self.rollout.patience)
        if at - self.begun < patience or self.rollout.undecided == "keep":
            return "continue"
        findings.append(
            Finding(
                check="rollout.patience",
                subject=self.challenger,
                verdict=Verdict.UNKNOWN,
                summary=f"{self.challenger} was not shown to be no worse than {self.champion} "
                f"within {patience}: {self.rollout.undecided}.",
            )
        )
        return self.rollout.undecided

    def _move(self, action: Action, at: datetime) -> float:
        """Take the action; return the challenger's share of traffic from now on."""
        if action in {"promote", "rollback"}:
            self.ended = action
            return float(action == "promote")
        if action == "advance":
            self.stage, self.since = self.stage + 1, at
        return self.rollout.stages[self.stage].share


def _is_challenger(arm: str) -> bool:
    if arm not in {"champion", "challenger"}:
        raise InputError(f"An arm is 'champion' or 'challenger', got {arm!r}.")
    return arm == "challenger"
