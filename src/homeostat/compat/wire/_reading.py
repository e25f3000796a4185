"""What a run logged, as rows: a dict a step, without the cells that are empty."""

from __future__ import annotations

import json
from typing import Any

from homeostat.record import Record

__all__ = ["Row", "gauge_rows", "history_rows"]

Row = dict[str, Any]


def history_rows(record: Record, run: str) -> list[Row]:
    """Return the history of a run by step, each row with ``_step`` and ``_timestamp``."""
    frame = record.history(run)
    kinds = {name: str(kind) for name, kind in frame.schema.items()}
    texts = {name for name, kind in kinds.items() if kind == "String"}
    rows: list[Row] = []
    for cells in frame.iter_rows(named=True):
        row: Row = {"_step": cells.pop("step"), "_timestamp": cells.pop("time").timestamp()}
        cells.pop("run")
        for name, value in cells.items():
            if value is not None:
                row[name] = json.loads(value) if name in texts else value
        rows.append(row)
    return rows


def gauge_rows(record: Record, run: str) -> list[Row]:
    """Return what the machine did during a run by time, each row with ``_timestamp``."""
    rows: dict[float, Row] = {}
    frame = record.system_metrics(run)
    for name, time, value in frame.select("name", "time", "value").iter_rows():
        moment = time.timestamp()
        rows.setdefault(moment, {"_timestamp": moment})[name] = value
    return [rows[moment] for moment in sorted(rows)]
