"""Operation: a model in production, one tick of the clock at a time.

The same ticks run live and in replay; only the clock differs. A tick predicts what asks to be
predicted, learns the outcomes that became known, watches, tries the challenger beside the
champion, and relearns when a trigger says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from homeostat.adapt import TriggerState
from homeostat.core import Finding
from homeostat.loop._history import History, instant
from homeostat.loop._relearn import Relearning
from homeostat.loop._trial import Trial
from homeostat.loop._version import Version
from homeostat.loop._watching import Watcher
from homeostat.serve import Rollout, Step

if TYPE_CHECKING:
    from homeostat.loop._declaration import Retrain, System
    from homeostat.record import Run

__all__ = ["Operation"]


@dataclass(slots=True)
class Operation:
    """The state of one system under one policy.

    Args:
        system: The declaration.
        policy: When and how to retrain.
        history: Rows and outcomes; nothing is read before it is known.
        run: Where events, metrics and findings are written.
        watcher: What is watched.
        champion: The version that answers at the start.
        at: Where the operation stands.
    """

    system: System
    policy: Retrain
    history: History
    run: Run
    watcher: Watcher
    champion: Version
    at: datetime
    trial: Trial | None = None
    probation: Trial | None = None
    retrains: int = 0
    promotions: int = 0
    rejections: int = 0
    alarms: int = 0
    cpu_s: float = 0.0
    shown: NDArray[np.float64] = field(init=False, repr=False)
    _since_update: list[Finding] = field(init=False, repr=False)
    _last_update: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.shown = np.full(len(self.history), np.nan)
        self._since_update = []
        self._last_update = self.champion.until

    @property
    def rollout(self) -> Rollout:
        """How a challenger is tried under this policy."""
        return self.policy.release or self.system.release

    def tick(self, end: datetime) -> None:
        """Go from where the operation stands to ``end``."""
        rows = self.history.predicted(self.at, end)
        if rows.stop > rows.start:
            self._predict(rows)
        learned = self.history.learned(self.at, end)
        learned = learned[~np.isnan(self.shown[learned])]
        self._watch(rows, end)
        self._judge_trials(learned, end)
        self._relearn(end)
        self.at = end

    def challenge(self, challenger: Version, at: datetime) -> None:
        """Put a version into shadow beside the champion."""
        self.trial = Trial(challenger, self.champion, self.rollout, at, len(self.history))
        names = {"challenger": challenger.name, "champion": self.champion.name}
        self.run.event("shadow", names, at=at)

    def _predict(self, rows: slice) -> None:
        features, keys = self.history.features[rows], self.history.keys[rows]
        answers = self.champion.model.predict(features)
        self.shown[rows] = answers
        if self.probation is not None:
            self.probation.answer(rows, features, answers, keys)
        if self.trial is not None:
            self.shown[rows] = self.trial.answer(rows, features, answers, keys)

    def _watch(self, rows: slice, end: datetime) -> None:
        """Look at this window's features and predictions, and at the last one's outcomes."""
        before = self.history.predicted(self.at - (end - self.at), self.at)
        known = self.history.known_at[before] < instant(end)
        look = self.watcher.look(
            self.at,
            features=self.history.features[rows],
            predictions=self.shown[rows],
            label_before=np.where(known, self.history.label[before], np.nan),
            predictions_before=self.shown[before],
        )
        if look.metrics:
            self.run.log(look.metrics, step=look.step)
        self.run.find_all(look.findings, at=end)
        for alarm in look.alarms:
            self.alarms += 1
            self.run.event("alarm", alarm, at=end)
        self._since_update += look.findings

    def _judge_trials(self, learned: NDArray[np.int64], end: datetime) -> None:
        if self.probation is not None:
            self.probation.observe(learned, self.history)
            self._after_release(self.probation, self.probation.decide(end), end)
        if self.trial is not None:
            self.trial.observe(learned, self.history)
            self._before_release(self.trial, self.trial.decide(end), end)

    def _before_release(self, trial: Trial, step: Step, end: datetime) -> None:
        told = {"challenger": trial.challenger.name, "version": trial.challenger.name}
        told |= {"champion": trial.champion.name, "summary": step.summary}
        if step.action == "advance":
            self.run.event("canary", told | {"share": step.share}, at=end)
        elif step.action == "promote":
            self.run.event("promote", told | {"replaced": self.champion.name}, at=end)
            self.promotions += 1
            self.probation = Trial(
                trial.challenger, self.champion, self._hold(), end, len(self.history), live=True
            )
            self.champion, self.trial = trial.challenger, None
        elif step.action == "rollback":
            kind = "rollback" if step.stage != "shadow" else "reject"
            self.run.event(kind, told, at=end)
            self.rejections += 1
            self.trial = None
        if step.action != "continue":
            self.run.find_all(step.findings, at=end)

    def _hold(self) -> Rollout:
        """Return how a version must hold up after release: for a while, beside what it replaced."""
        hold = self.rollout.soak
        return replace(
            self.rollout, shadow=hold, patience=hold, canary=(), undecided="promote"
        )

    def _after_release(self, probation: Trial, step: Step, end: datetime) -> None:
        if step.action == "rollback":
            told = {"version": probation.challenger.name, "summary": step.summary}
            self.run.event("rollback", told | {"restored": probation.champion.name}, at=end)
            self.run.find_all(step.findings, at=end)
            self.champion = probation.champion
            self.rejections += 1
            self.trial = None
        if step.action != "continue":
            self.probation = None

    def _relearn(self, end: datetime) -> None:
        if self.trial is not None:
            return
        state = TriggerState(
            now=end,
            last_update=self._last_update,
            rows_since_update=len(self.history.learned(self._last_update, end)),
            findings=tuple(self._since_update),
        )
        reason = next(filter(None, (trigger.due(state) for trigger in self.policy.when)), None)
        if reason is None:
            return
        learned = Relearning(self.system, self.policy, self.history).run(
            self.champion, f"v{self.retrains + 1}", end
        )
        self._last_update, self._since_update = end, []
        if learned is None:
            return
        challenger, cost = learned
        self.retrains += 1
        self.cpu_s += cost.cpu_s
        told = {"version": challenger.name, "how": challenger.how, "reason": reason}
        self.run.event(
            "retrain", told | {"rows": challenger.rows, "cpu_s": round(cost.cpu_s, 3)}, at=end
        )
        self.challenge(challenger, end)
