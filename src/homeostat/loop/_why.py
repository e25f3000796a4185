"""Why a page was raised: what explains the change of the loss, in the rows since it began."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homeostat.core import HomeostatError
from homeostat.loop._history import History, instant
from homeostat.monitor import Alarm, Causes, Monitor, explain
from homeostat.stats import Floats, log_losses

if TYPE_CHECKING:
    from homeostat.core import Json

__all__ = ["told", "why"]

_AT = "_at"
_FEWEST, _MOST = 100, 20_000


def why(
    monitor: Monitor, history: History, shown: Floats, alarm: Alarm, now: datetime
) -> Causes | None:
    """Explain a page by the losses of the rows since it began; None where too few are known.

    Args:
        monitor: What was normal, with a sample of its rows.
        history: Rows and outcomes.
        shown: (n,) what each row was answered; NaN where nothing was.
        alarm: The page.
        now: Outcomes that come later are not looked at.
    """
    rows = np.arange(len(history))[history.predicted(alarm.since, now)]
    known = (history.known_at[rows] < instant(now)) & ~np.isnan(shown[rows])
    rows = rows[known & ~np.isnan(history.label[rows])][-_MOST:]
    if len(rows) < _FEWEST:
        return None
    names = list(monitor.roles.features)
    frame = history.features[rows].with_columns(
        pl.Series("loss", log_losses(history.label[rows], shown[rows])),
        pl.Series(_AT, history.predicted_at[rows]).cast(pl.Datetime("us", "UTC")),
    )
    before = monitor.sample.rename({str(monitor.roles.at): _AT}).select(*names, "loss", _AT)
    try:
        return explain(before, frame, "loss", features=names, time=_AT)
    except HomeostatError:
        return None  # what cannot be explained is told all the same


def told(causes: Causes | None) -> dict[str, Json]:
    """Return what an alarm's event says of its causes."""
    if causes is None:
        return {}
    first, *rest = str(causes).splitlines()
    return {"why": first.strip(), "causes": [line.strip() for line in rest], "cost": causes.change}
