"""Progress: one rollout under way, from what was observed to what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Json, Verdict, VersionError, duration, suggest
from homeostat.experiment import Sums
from homeostat.observe import Sla
from homeostat.serve._rollout._evidence import Blocks, Times, differences
from homeostat.serve._rollout._guard import (
    Guard,
    NoMoreErrors,
    NoSlower,
    NotLower,
    NoWorse,
    limits,
)
from homeostat.serve._rollout._judge import judge_losses, judge_metric, judge_units
from homeostat.serve._rollout._judge_requests import judge_errors, judge_limit, judge_quantile
from homeostat.serve._rollout._requests import Requests
from homeostat.serve._rollout._rollout import Action, Arm, Rollout, Step
from homeostat.serve._rollout._wait import Setting
from homeostat.stats import TwoRates

__all__ = ["Progress"]

_FORMAT = 2


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
        held: Why it stays where it is until `resume`; "" where it does not.
        tried: When the challenger first answered anybody.

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
    held: str = ""
    tried: datetime | None = None
    requests: Requests = field(default_factory=Requests, repr=False)
    _losses: dict[str, Blocks] = field(default_factory=dict, repr=False)
    _units: dict[float, list[int]] = field(default_factory=dict, repr=False)
    _sums: dict[str, dict[str, tuple[Sums, Sums]]] = field(default_factory=dict, repr=False)

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

    def observe_arm(
        self, metric: str, arm: Arm, *, at: Times, losses: ArrayLike, share: float | None = None
    ) -> None:
        """Add losses of rows that only one arm of a canary answered.

        Args:
            metric: A metric among the guards.
            arm: ``"champion"`` or ``"challenger"``.
            at: When each prediction was made.
            losses: (n,) losses of that arm.
            share: The challenger's share by which these rows got their arm. Rows are compared
                with those of the same share only; None where it never mattered.
        """
        kind = f"arms{_stratum(share)}"
        self._blocks(metric, kind).add(at, losses, challenger=_is_challenger(arm))

    def observe_requests(
        self,
        arm: Arm,
        *,
        latency_ms: ArrayLike = (),
        errors: int = 0,
        share: float | None = None,
    ) -> None:
        """Add requests since the last look, for guards on errors and latency.

        Args:
            arm: Who answered.
            latency_ms: (n,) how long each answered request took.
            errors: How many more failed.
            share: See `observe_arm`.
        """
        _is_challenger(arm)
        guards = self.rollout.guard
        self.requests.add(guards, arm, _stratum(share), latency_ms=latency_ms, errors=errors)

    def observe_units(self, share: float, *, champion: int, challenger: int) -> None:
        """Add users that were given an arm, to see whether the arms hold their shares.

        Args:
            share: The challenger's share by which they were.
            champion: How many more got the champion.
            challenger: How many more got the challenger.
        """
        if not 0 < share < 1 or min(champion, challenger) < 0:
            raise InputError(
                "Users are counted at a share in (0, 1), at least none in each arm, got "
                f"{champion} and {challenger} at {share}."
            )
        counts = self._units.setdefault(float(share), [0, 0])
        counts[0] += int(champion)
        counts[1] += int(challenger)

    def observe_metric(
        self, metric: str, *, champion: Sums, challenger: Sums, share: float | None = None
    ) -> None:
        """Set what users' sums add up to so far, for a `not_lower` guard.

        Args:
            metric: Name of the guard, such as ``"revenue per sessions"``.
            champion: Sums over the champion's users.
            challenger: Sums over the challenger's.
            share: See `observe_arm`; no user may be in two of them.
        """
        known = {guard.name for guard in self.rollout.guard if isinstance(guard, NotLower)}
        if metric not in known:
            raise InputError(f"No guard is about `{metric}`.{suggest(metric, known)}")
        self._sums.setdefault(metric, {})[_stratum(share)] = (champion, challenger)

    def look(self) -> None:
        """End a look: what both arms did in it is compared, and becomes evidence.

        `decide` ends one as well. The shorter a look, the less can happen within it that hits
        arms unequally by chance; the evidence does not depend on when one decides.
        """
        self.requests.look(self.rollout.guard)

    def halt(self, why: str) -> None:
        """Stay at the present stage until `resume`; what is bad is still rolled back."""
        self.held = why or "halted"

    def resume(self) -> None:
        """Go on; users are counted anew, since those so far did not hold their shares."""
        self.held = ""
        self._units.clear()

    def decide(self, at: datetime) -> Step:
        """Say what to do at an instant, from all that was observed so far; moves to that stage.

        Raises:
            InputError: If the rollout is over.
        """
        if self.ended:
            raise InputError(f"The rollout of {self.challenger} is over: {self.ended}.")
        stage = self.rollout.stages[self.stage]
        self.look()
        setting = self._setting(at)
        findings, shown = self._findings(at, setting)
        units = judge_units(self._units, self.rollout.srm_alpha, setting)
        if any(found.verdict is Verdict.FAIL for found in findings):
            action: Action = "rollback"
        elif units is not None and units.verdict is Verdict.FAIL:
            self.held = self.held or "The arms do not hold their shares of users."
            action = "halt"
        elif self.held:
            action = "halt"
        elif shown and at - self.since >= stage.soak:
            action = "promote" if self.stage + 1 == len(self.rollout.stages) else "advance"
        else:
            action = self._undecided(at, findings)
        if units is not None:
            findings.insert(0 if action == "halt" else len(findings), units)
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
            "held": self.held,
            "tried": None if self.tried is None else self.tried.isoformat(),
            "losses": {name: list(blocks.sums.items()) for name, blocks in self._losses.items()},
            "units": [[share, *counts] for share, counts in self._units.items()],
            "sums": {
                name: {stratum: [a.to_json(), b.to_json()] for stratum, (a, b) in sums.items()}
                for name, sums in self._sums.items()
            },
            "requests": self.requests.to_json(),
        }

    @classmethod
    def from_json(cls, rollout: Rollout, data: Mapping[str, Any]) -> Progress:
        """Rebuild the state of a rollout from `to_json`; raises VersionError if it is newer."""
        if data["format"] > _FORMAT:
            raise VersionError(f"The rollout's state has format {data['format']}: upgrade.")
        requests = data.get("requests") or {
            "rates": data["rates"],
            "looks": [],
            "latencies": {},
            "new": {"": data["new"]} if data["new"] else {},
        }
        tried = data.get("tried")
        progress = cls(
            rollout,
            data["challenger"],
            data["champion"],
            datetime.fromisoformat(data["begun"]),
            datetime.fromisoformat(data["since"]),
            data["stage"],
            data["ended"],
            data.get("held", ""),
            None if tried is None else datetime.fromisoformat(tried),
            Requests.from_json(requests),
        )
        block = duration(rollout.block)
        for name, cells in data["losses"].items():
            progress._losses[name] = Blocks(block, {number: list(cell) for number, cell in cells})
        for share, *counts in data.get("units", []):
            progress._units[share] = counts
        for name, sums in data.get("sums", {}).items():
            progress._sums[name] = {
                stratum: (Sums.from_json(a), Sums.from_json(b)) for stratum, (a, b) in sums.items()
            }
        return progress

    def _blocks(self, metric: str, kind: str) -> Blocks:
        known = {guard.metric for guard in self.rollout.guard if isinstance(guard, NoWorse)}
        if metric not in known:
            raise InputError(f"No guard is about `{metric}`.{suggest(metric, known)}")
        return self._losses.setdefault(f"{metric}/{kind}", Blocks(duration(self.rollout.block)))

    def _findings(self, at: datetime, setting: Setting) -> tuple[list[Finding], bool]:
        """Judge each guard; also say whether all that must be was shown."""
        findings: list[Finding] = []
        shown, canary = True, self.rollout.stages[self.stage].share > 0
        for guard in self.rollout.guard:
            if isinstance(guard, NoWorse):
                judged, recent = self._judged_losses(guard, at, setting)
                findings += judged
                shown &= judged[0].verdict is Verdict.OK and recent
            elif not isinstance(guard, Sla):
                found = self._judged(guard, setting)
                findings.append(found)
                if isinstance(guard, NotLower) and guard.must_show and canary:
                    shown &= found.verdict is Verdict.OK
        for name, limit in limits(self.rollout.guard).items():
            findings.append(judge_limit(limit, self.requests.rates.get(name, TwoRates()), setting))
        return findings, shown

    def _judged_losses(
        self, guard: NoWorse, at: datetime, setting: Setting
    ) -> tuple[list[Finding], bool]:
        """Judge a loss on rows that both saw, and on those of each arm; and whether any is new."""
        before, margin = at - duration(self.rollout.settle), self.rollout.margin_of(guard)
        kinds = (f"{guard.metric}/paired", f"{guard.metric}/arms")
        streams = [[b for n, b in sorted(self._losses.items()) if n.startswith(k)] for k in kinds]
        seen = [strata for strata in streams if strata] or [[self._blocks(guard.metric, "paired")]]
        judged = [
            judge_losses(guard.metric, differences(strata, before), margin, setting)
            for strata in seen
        ]
        return judged, any(blocks.rows_since(self.since) > 0 for blocks in seen[0])

    def _judged(self, guard: NoSlower | NoMoreErrors | NotLower, setting: Setting) -> Finding:
        if isinstance(guard, NoSlower):
            return judge_quantile(guard, self.requests.samples(), setting)
        if isinstance(guard, NoMoreErrors):
            return judge_errors(guard, self.requests.looks, setting)
        strata = [sums for _, sums in sorted(self._sums.get(guard.name, {}).items())]
        return judge_metric(guard, strata, setting)

    def _setting(self, at: datetime) -> Setting:
        rollout = self.rollout
        tests = sum(_tests(guard) for guard in rollout.guard)
        total = sum((stage.soak for stage in rollout.stages), timedelta())
        horizon = max(total / duration(rollout.block), float(rollout.fewest))
        return Setting(
            rollout.alpha,
            rollout.alpha / max(tests, 1),
            horizon,
            rollout.fewest,
            self.challenger,
            self.champion,
            duration(rollout.block),
            max(len(rollout.stages) - 1, 1),
            at - (self.tried or self.begun),
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
            self.tried = self.tried or at
        return self.rollout.stages[self.stage].share


def _is_challenger(arm: str) -> bool:
    if arm not in {"champion", "challenger"}:
        raise InputError(f"An arm is 'champion' or 'challenger', got {arm!r}.")
    return arm == "challenger"


def _tests(guard: Guard) -> int:
    """Return how many tests of a guard can stop a rollout: they share its level."""
    if isinstance(guard, NoWorse):
        return 2  # on rows that both saw, and on those of each arm
    return len(guard.objectives) if isinstance(guard, Sla) else 1


def _stratum(share: float | None) -> str:
    return "" if share is None else f"/{share!r}"
