"""Trial: two versions scored side by side on the same rows, until one of them goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict, suggest
from homeostat.loop._history import History, moved
from homeostat.loop._version import Version
from homeostat.serve import NoWorse, Progress, Rollout, Step, assign
from homeostat.stats import log_losses

__all__ = ["Trial"]

Floats = NDArray[np.float64]
_GATED = "What is served is not what was trained on."
_LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "logloss": log_losses,
    "brier": lambda label, p: np.square(label - p),
}


@dataclass(slots=True)
class Trial:
    """A rollout under way, with both versions' answers on the rows since it began.

    Before release the challenger is beside the champion that is live. After release it is the
    other way round: the challenger is live and the version it replaced is kept beside it.

    Args:
        challenger: The version that must show itself no worse.
        champion: The version it is compared with.
        rollout: How it is tried.
        begun: When.
        rows: Number of rows in the history.
        live: Whether the challenger is the one that is live.
    """

    challenger: Version
    champion: Version
    rollout: Rollout
    begun: datetime
    rows: int
    live: bool = False
    share: float = 0.0
    compared: int = 0
    difference: float = 0.0
    progress: Progress = field(init=False)
    _answers: dict[str, Floats] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for guard in self.rollout.guard:
            if isinstance(guard, NoWorse) and guard.metric not in _LOSSES:
                raise InputError(
                    f"The loop guards {' and '.join(_LOSSES)}, not `{guard.metric}`."
                    f"{suggest(guard.metric, _LOSSES)}"
                )
        self.progress = self.rollout.begin(
            self.begun, challenger=self.challenger.name, champion=self.champion.name
        )
        self._answers = {arm: np.full(self.rows, np.nan) for arm in ("challenger", "champion")}

    @property
    def salt(self) -> str:
        """Names the trial for the assignment of keys, here and on servers."""
        return f"{self.champion.name}/{self.challenger.name}"

    def answer(
        self, rows: slice, features: pl.DataFrame, answers: Floats, keys: pl.Series
    ) -> Floats:
        """Predict with the version that is not live, and return what users are shown.

        Args:
            rows: Where the rows stand in the history.
            features: Their features.
            answers: (n,) predictions of the version that is live.
            keys: (n,) what each row is routed by.
        """
        beside, arm = (self.champion, "champion") if self.live else (self.challenger, "challenger")
        other = beside.model.predict(features)
        self._answers[arm][rows] = other
        self._answers["challenger" if self.live else "champion"][rows] = answers
        if not self.share or self.live:
            return answers
        return np.where(assign(keys, self.share, salt=self.salt), other, answers)

    def observe(self, learned: NDArray[np.int64], history: History) -> None:
        """Take in the outcomes of rows that both versions answered."""
        both = learned[~np.isnan(self._answers["challenger"][learned])]
        if not len(both):
            return
        at, label = history.predicted_at[both].astype("datetime64[us]"), history.label[both]
        champion, challenger = (
            log_losses(label, self._answers[arm][both]) for arm in ("champion", "challenger")
        )
        self.compared += len(both)
        self.difference += float((challenger - champion).sum())
        for guard in self.rollout.guard:
            if isinstance(guard, NoWorse):
                loss = _LOSSES[guard.metric]
                self.progress.observe(
                    guard.metric,
                    at=at,
                    champion=loss(label, self._answers["champion"][both]),
                    challenger=loss(label, self._answers["challenger"][both]),
                )

    def move(self, places: NDArray[np.int64], rows: int) -> None:
        """Go on with a history of other rows, in which those so far have new places."""
        self._answers = {arm: moved(p, places, rows) for arm, p in self._answers.items()}
        self.rows = rows

    def gate(self, *, shut: bool) -> None:
        """Halt where it stands while what is served cannot be trusted; rolling back goes on."""
        if shut and not self.progress.held:
            self.progress.halt(_GATED)
        elif not shut and self.progress.held == _GATED:
            self.progress.resume()

    def decide(self, at: datetime) -> Step:
        """Say what to do, and route the share of traffic that follows from it.

        Before release it is not enough not to be shown worse: many small losses, each within the
        margin, would add up over many releases. So a challenger goes on only while its mean
        loss is also below the champion's.
        """
        step = self.progress.decide(at)
        if step.action in {"advance", "promote"} and not self.live and self.difference > 0:
            step = Step(step.stage, "rollback", 0.0, (*step.findings, self._not_better()))
        self.share = step.share
        return step

    def _not_better(self) -> Finding:
        mean = self.difference / self.compared
        return Finding(
            check="rollout.not_better",
            subject=self.challenger.name,
            verdict=Verdict.FAIL,
            summary=(
                f"{self.challenger.name} loses {mean:+.4f} more than {self.champion.name} over "
                f"{self.compared:,} rows: it is no worse than the margin, but no better either."
            ),
            statistic=mean,
            threshold=0.0,
            effect=mean,
        )
