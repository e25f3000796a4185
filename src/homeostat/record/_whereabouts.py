"""In which logs a run is."""

from __future__ import annotations

from homeostat.record._index.index import Index
from homeostat.record._index.tables import TABLES

__all__ = ["logs_of"]

_OF_RUNS = [table for table, columns in TABLES.items() if columns.startswith("run TEXT")]


def logs_of(index: Index, run: str) -> tuple[str, ...]:
    """Return the names of the logs that hold frames of a run; its points announce it too."""
    parts = [
        f"SELECT log FROM {table} WHERE run = :run"  # noqa: S608 - our own names
        for table in (*_OF_RUNS, "findings")
    ]
    return tuple(log for (log,) in index.query(f"{' UNION '.join(parts)} ORDER BY 1", {"run": run}))
