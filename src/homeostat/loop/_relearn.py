"""Relearning: from a champion and what has become known to a challenger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from homeostat.adapt import UpdateReport, update
from homeostat.core import Finding, Verdict
from homeostat.loop._held_out import entered
from homeostat.loop._history import History, zero_or_one
from homeostat.loop._version import Version

if TYPE_CHECKING:
    from homeostat.loop._declaration import Retrain

__all__ = ["Relearned", "relearn"]


@dataclass(frozen=True, slots=True)
class Relearned:
    """A challenger that was made.

    Args:
        version: The challenger.
        report: What it cost.
        findings: What is to be kept of its making: copies of rows that are held out, and
            whether rows were weighed.
        weighed: Whether they were.
    """

    version: Version
    report: UpdateReport
    findings: tuple[Finding, ...]
    weighed: bool


def relearn(
    policy: Retrain,
    history: History,
    champion: Version,
    *,
    name: str,
    now: datetime,
    last_rebuild: datetime,
    shifted_at: datetime | None = None,
    held_out: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Relearned | None:
    """Make a challenger from what is known now; the champion stays as it is.

    A stateless policy fits a fresh model on its window. A stateful one hands the champion the
    rows that became known since it last learned; where the champion is of another family than
    the policy's model, or its trunk is due to be rebuilt, it starts from a fresh model too.

    What is learned from is written into a fit ledger first.

    Args:
        policy: How and on what to learn.
        history: Rows and outcomes.
        champion: The version that is live.
        name: Of the challenger.
        now: Only outcomes known before this are seen.
        last_rebuild: When a fresh model was last fitted, be it that it was refused.
        shifted_at: When the last shift began, for a policy that learns since then.
        held_out: (m,) positions of rows that no version may learn from; None where there are none.
        seed: Of what is drawn.

    Returns:
        The challenger; None where nothing new is known.

    Raises:
        GateError: If a row would be learned from that is held out: the fit ledger's.
    """
    kept_back = np.empty(0, np.int64) if held_out is None else held_out
    fresh = policy.model()
    stateless = policy.how == "scratch" or champion.model.family != fresh.family
    stateless |= policy.rebuilds(now - last_rebuild)
    if stateless:
        rows = history.trainable(history.at(0), now)
        window = policy.on.rows(
            history.predicted_at[rows], now, last_update=champion.until, shifted_at=shifted_at
        )
        rows = np.setdiff1d(rows[window], kept_back)
    else:
        rows = np.setdiff1d(history.learned(champion.until, now), kept_back)
    rows = rows[zero_or_one(history.label[rows])]
    if not len(rows):
        return None
    ledger = entered(name, history, rows, now=now, held_out=kept_back)
    findings = [one for one in ledger.findings() if one.verdict is Verdict.WARN]
    weight = None
    if stateless and policy.weigh is not None:
        weight, why = policy.weigh.weights(history, rows, name=name, now=now, seed=seed)
        findings.append(why)
    report = update(
        fresh if stateless else champion.model,
        history.features[rows],
        history.label[rows],
        how="scratch" if stateless else policy.how,
        weight=weight,
    )
    version = Version(name, report.model, now, report.how, len(rows))
    return Relearned(version, report, tuple(findings), weight is not None)
