"""Held out: rows by which a refit is judged, and the ledger that refuses it to learn from them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from homeostat.core import FitLedger, RowSet
from homeostat.loop._history import History

__all__ = ["entered"]


def entered(
    name: str,
    history: History,
    rows: NDArray[np.int64],
    *,
    now: datetime,
    held_out: NDArray[np.int64],
) -> FitLedger:
    """Write a refit into a fit ledger before it is done; return the ledger.

    Held out are the rows that tell what an update forgets, and all whose outcome is not known
    by now: by those the refit will be tried. Rows are known by their key, so that a copy of such
    a row among those learned from is found too; as in a round, few copies warn and one in a
    hundred fails.

    Args:
        name: Of the refit.
        history: Rows and outcomes.
        rows: (k,) positions of the rows it is to learn from.
        now: When it is made.
        held_out: (m,) positions of the rows that tell what an update forgets.

    Raises:
        GateError: If it would learn from a row that is held out.
    """
    later = np.ones(len(history), np.bool_)
    later[history.trainable(history.at(0), now)] = False
    allowed = ~later
    allowed[held_out] = False
    ids = history.ids
    parts = {
        "train": RowSet.of(ids[rows[allowed[rows]]]),
        "validation": RowSet.of(ids[held_out]),
        "test": RowSet.of(ids[later]),
    }
    ledger = FitLedger(parts)
    ledger.record(name, RowSet.of(ids[rows]))
    return ledger
