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
import polars as pl
from numpy.typing import NDArray

from homeostat.adapt import TriggerState, forgetting
from homeostat.core import Finding, GateError, Json, Verdict
from homeostat.loop._history import History, instant, moved, zero_or_one
from homeostat.loop._relearn import Relearned, relearn
from homeostat.loop._trial import Trial
from homeostat.loop._version import Version
from homeostat.loop._watching import Answered, Watcher
from homeostat.loop._why import told, why
from homeostat.serve import Rollout, Step

if TYPE_CHECKING:
    from homeostat.alerts import Alerts
    from homeostat.loop._declaration import Retrain, System
    from homeostat.loop._live import Publisher
    from homeostat.monitor import Alarm
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
        publisher: Tells servers what to answer with; None in replay.
        alerts: Tells people; None in replay.
    """

    system: System
    policy: Retrain
    history: History
    run: Run
    watcher: Watcher
    champion: Version
    at: datetime
    publisher: Publisher | None = None
    alerts: Alerts | None = None
    trial: Trial | None = None
    probation: Trial | None = None
    retrains: int = 0
    promotions: int = 0
    rejections: int = 0
    alarms: int = 0
    windows: int = 0
    cpu_s: float = 0.0
    shown: NDArray[np.float64] = field(init=False, repr=False)
    _held_out: NDArray[np.int64] = field(init=False, repr=False)
    _gating: tuple[Finding, ...] = field(init=False, default=())
    _since_update: list[Finding] = field(init=False, repr=False)
    _live_since: datetime | None = field(init=False, default=None)
    _last_update: datetime = field(init=False)
    _last_rebuild: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.shown = np.full(len(self.history), np.nan)
        self._held_out = self.watcher.reference.old_rows
        self._since_update = []
        self._last_update = self._last_rebuild = self.champion.until

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
        judged = ~np.isnan(self.shown[learned]) & zero_or_one(self.history.label[learned])
        learned = learned[judged]
        self._watch(rows, end)
        self._judge_trials(learned, end)
        self._relearn(end)
        self.at = end

    def summary(self) -> dict[str, Json]:
        """Return what happened so far, in numbers."""
        return {
            "retrains": self.retrains,
            "promotions": self.promotions,
            "rejections": self.rejections,
            "alarms": self.alarms,
            "cpu_s": round(self.cpu_s, 3),
        }

    def challenge(self, challenger: Version, at: datetime) -> None:
        """Put a version into shadow beside the champion."""
        self.trial = Trial(challenger, self.champion, self.rollout, at, len(self.history))
        names = {"challenger": challenger.name, "champion": self.champion.name}
        self.run.event("shadow", names, at=at)
        if self.publisher is not None:
            self.publisher.shadow(challenger)

    def resume(self) -> None:
        """Go on with a champion that was live before; number versions after it."""
        self._live_since = self.at
        number = self.champion.name.removeprefix("v")
        self.retrains = int(number) if number.isdigit() else 0
        if self.publisher is not None:
            self.publisher.end()

    def refresh(self, history: History) -> None:
        """Go on with rows and outcomes read anew; answers stay with the rows they belong to."""
        places = history.places_of(self.history)
        self.shown = moved(self.shown, places, len(history))
        held_out = places[self._held_out]
        self._held_out = held_out[held_out >= 0]
        for trial in (self.trial, self.probation):
            if trial is not None:
                trial.move(places, len(history))
        self.history = history

    def _predict(self, rows: slice) -> None:
        features, keys = self.history.features[rows], self.history.keys[rows]
        answers = self.champion.model.predict(features)
        self.shown[rows] = answers
        if self.probation is not None:
            self.probation.answer(rows, features, answers, keys)
        if self.trial is not None:
            self.shown[rows] = self.trial.answer(rows, features, answers, keys)

    def _watch(self, rows: slice, end: datetime) -> None:
        """Look at this window's features and predictions, and at an earlier one's outcomes."""
        length, lag = self.system.watch.length, self.watcher.reference.lag
        since = self.at - lag * length
        before = self.history.predicted(since, since + length)
        look = self.watcher.look(
            self.at,
            self.history.features[rows],
            self._answered(rows),
            self._answered(before, end),
            live_since=self._live_since,
            label=self._labels(before, end),
        )
        if look.metrics:
            self.run.log(look.metrics, step=self.windows - lag)
        for at, findings in look.findings:
            self.run.find_all(findings, at=at)
        for alarm in look.alarms:
            page = alarm.severity == "page"
            self.alarms += page and alarm.change == "opened"
            facts = alarm.to_json() | (self._why(alarm, end) if page else {})
            self.run.event("alarm" if page else "note", facts, at=self.at)
        if self.alerts is not None:
            self.alerts.update(end, look.alarms, run=self.run.id)
            self.alerts.deliver()
        self._since_update += look.pages
        self.windows += 1
        self._gate(look.gating, end)

    def _gate(self, gating: tuple[Finding, ...], end: datetime) -> None:
        """Halt the release while something gates, and let it go on after."""
        if bool(gating) != bool(self._gating):
            words = "; ".join(one.summary for one in gating)
            facts = {"summary": f"Halted, nothing is learned: {words}" if gating else "Goes on."}
            self.run.event("gate", facts, at=end)
        self._gating = gating
        for trial in (self.trial, self.probation):
            if trial is not None:
                trial.gate(shut=bool(gating))

    def _labels(self, rows: slice, now: datetime) -> pl.Series:
        """Return the labels of rows that have come by now."""
        places = np.arange(len(self.history))[rows]
        came = places[self.history.known_at[places] < instant(now)]
        return self.history.labels(self.watcher.reference.label, came)

    def _why(self, alarm: Alarm, now: datetime) -> dict[str, Json]:
        """Explain a page that has just opened, keep what explains it, and say it in words."""
        if not self.system.watch.explain or alarm.change != "opened":
            return {}
        causes = why(self.watcher.reference.monitor, self.history, self.shown, alarm, now)
        if causes is not None:
            self.run.find_all(causes.findings(), at=self.at)
        return told(causes)

    def _answered(self, rows: slice, now: datetime | None = None) -> Answered:
        """Return what was predicted, with the outcomes known by ``now``; none without."""
        label = self.history.label[rows]
        known = now is not None and self.history.known_at[rows] < instant(now)
        return Answered(
            self.history.predicted_at[rows],
            self.shown[rows],
            np.where(known & zero_or_one(label), label, np.nan),
        )

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
            if self.publisher is not None:
                self.publisher.canary(trial.challenger, step.share, salt=trial.salt)
        elif step.action == "promote":
            self.run.event("promote", told | {"replaced": self.champion.name}, at=end)
            if self.publisher is not None:
                self.publisher.promote(trial.challenger)
            self.promotions += 1
            self._live_since = self._live_since or end
            self.probation = Trial(
                trial.challenger, self.champion, self._hold(), end, len(self.history), live=True
            )
            self.champion, self.trial = trial.challenger, None
        elif step.action == "rollback":
            kind = "rollback" if step.stage != "shadow" else "reject"
            self.run.event(kind, told, at=end)
            if self.publisher is not None:
                self.publisher.end()
            self.rejections += 1
            self.trial = None
        if step.action not in {"continue", "halt"}:
            self.run.find_all(step.findings, at=end)

    def _hold(self) -> Rollout:
        """Return how a version must hold up after release: for a while, beside what it replaced."""
        hold = self.rollout.soak
        return replace(self.rollout, shadow=hold, patience=hold, canary=(), undecided="promote")

    def _after_release(self, probation: Trial, step: Step, end: datetime) -> None:
        if step.action == "rollback":
            told = {"version": probation.challenger.name, "summary": step.summary}
            self.run.event("rollback", told | {"restored": probation.champion.name}, at=end)
            self.run.find_all(step.findings, at=end)
            if self.publisher is not None:
                self.publisher.promote(probation.champion)
            self.champion = probation.champion
            self.rejections += 1
            self.trial = None
        if step.action not in {"continue", "halt"}:
            self.probation = None

    def _relearn(self, end: datetime) -> None:
        if self.trial is not None or self._gating:
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
        made = self._relearned(end)
        self._last_update, self._since_update = end, []
        if made is None:
            return
        challenger, report = made.version, made.report
        self.retrains += 1
        self.cpu_s += report.cost.cpu_s
        if challenger.how == "scratch":
            self._last_rebuild = end
        told = {
            "version": challenger.name,
            "how": challenger.how,
            "reason": reason,
            "rows": challenger.rows,
            "cpu_s": round(report.cost.cpu_s, 3),
        } | ({"weighed": made.weighed} if self.policy.weigh is not None else {})
        self.run.event("retrain", told, at=end)
        self.run.find_all(made.findings, at=end)
        forgot = self._forgot(challenger)
        if forgot is not None and forgot.verdict is Verdict.FAIL:
            self.rejections += 1
            self.run.find(forgot, at=end)
            refused = {"version": challenger.name, "summary": forgot.summary}
            self.run.event("reject", refused, at=end)
        else:
            self.challenge(challenger, end)

    def _relearned(self, end: datetime) -> Relearned | None:
        """Make a challenger; one that would learn from held-out rows is refused by the ledger."""
        name = f"v{self.retrains + 1}"
        try:
            return relearn(
                self.policy,
                self.history,
                self.champion,
                name=name,
                now=end,
                last_rebuild=self._last_rebuild,
                shifted_at=self.watcher.shifted_at,
                held_out=self._held_out if self.policy.how != "scratch" else None,
                seed=self.system.seed,
            )
        except GateError as refused:
            self.rejections += 1
            self.run.find_all(refused.findings, at=end)
            self.run.event("reject", {"version": name, "summary": str(refused)}, at=end)
            return None

    def _forgot(self, challenger: Version) -> Finding | None:
        """Compare an update with the champion on old rows, which neither was updated with."""
        if challenger.how == "scratch":
            return None
        old = self._held_out
        return forgetting(
            self.champion.model,
            challenger.model,
            self.history.features[old],
            self.history.label[old],
            margin=self.policy.forget,
            blocks=self.history.days[old],
        )
