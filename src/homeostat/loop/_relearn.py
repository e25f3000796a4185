"""Relearning: from a champion and what has become known to a challenger."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from homeostat.adapt import UpdateReport, update
from homeostat.loop._history import History
from homeostat.loop._version import Version

if TYPE_CHECKING:
    from homeostat.loop._declaration import Retrain

__all__ = ["relearn"]


def relearn(
    policy: Retrain,
    history: History,
    champion: Version,
    *,
    name: str,
    now: datetime,
    last_rebuild: datetime,
    shifted_at: datetime | None = None,
) -> tuple[Version, UpdateReport] | None:
    """Make a challenger from what is known now; the champion stays as it is.

    A stateless policy fits a fresh model on its window. A stateful one hands the champion the
    rows that became known since it last learned; where the champion is of another family than
    the policy's model, or its trunk is due to be rebuilt, it starts from a fresh model too.

    Args:
        policy: How and on what to learn.
        history: Rows and outcomes.
        champion: The version that is live.
        name: Of the challenger.
        now: Only outcomes known before this are seen.
        last_rebuild: When a fresh model was last fitted, be it that it was refused.
        shifted_at: When the last shift began, for a policy that learns since then.

    Returns:
        The challenger and what it cost; None where nothing new is known.
    """
    fresh = policy.model()
    stateless = policy.how == "scratch" or champion.model.family != fresh.family
    stateless |= policy.rebuilds(now - last_rebuild)
    if stateless:
        rows = history.trainable(history.at(0), now)
        window = policy.on.rows(
            history.predicted_at[rows], now, last_update=champion.until, shifted_at=shifted_at
        )
        rows = rows[window]
    else:
        rows = history.learned(champion.until, now)
    if not len(rows):
        return None
    report = update(
        fresh if stateless else champion.model,
        history.features[rows],
        history.label[rows],
        how="scratch" if stateless else policy.how,
    )
    return Version(name, report.model, now, report.how, len(rows)), report
