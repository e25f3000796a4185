"""What the server remembers beside runs and artifacts: documents, kept as events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from homeostat.core import Clock, NotFoundError
from homeostat.record import Record, Run

__all__ = ["Document", "Shelf"]

Document = dict[str, Any]
_KIND = "wandb"
_JOURNAL = "wandb-server"


class Shelf:
    """Documents by table and key: the fold of the record's events of kind ``"wandb"``.

    Each change is one event of the run ``wandb-server``; what is in memory is the sum of them, so
    a server that starts anew knows what the last one knew. One process writes them at a time.

    Args:
        record: Where the events are.
        clock: Where the time comes from.

    Example:
        >>> from homeostat.core import RealClock
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(folder, capture=False) as record:
        ...     shelf = Shelf(record, RealClock())
        ...     _ = shelf.put("sweeps", "s1", state="RUNNING")
        ...     _ = shelf.put("sweeps", "s1", runs=3)
        ...     Shelf(record, RealClock()).get("sweeps", "s1")
        {'state': 'RUNNING', 'runs': 3}
    """

    def __init__(self, record: Record, clock: Clock) -> None:
        self.record = record
        self.clock = clock
        self._tables: dict[str, dict[str, Document]] = {}
        self._journal: Run | None = None
        for payload in record.events(kind=_KIND)["payload"]:
            self._apply(json.loads(payload))

    @property
    def journal(self) -> Run:
        """The run that the changes are events of; it ended as it began, so it cannot crash."""
        if self._journal is None:
            try:
                self._journal = self.record.attach_run(_JOURNAL)
            except NotFoundError:
                now = self.clock.now()
                self.record.start_run(_JOURNAL, _JOURNAL, id=_JOURNAL, at=now).finish()
                self._journal = self.record.attach_run(_JOURNAL)
        return self._journal

    def get(self, table: str, key: str) -> Document | None:
        """Return a document, or None; it is changed by :meth:`put` alone."""
        return self._tables.get(table, {}).get(key)

    def items(self, table: str) -> Iterator[tuple[str, Document]]:
        """Yield keys and documents, the oldest first."""
        yield from list(self._tables.get(table, {}).items())

    def put(self, table: str, key: str, **fields: Any) -> Document:  # noqa: ANN401 - JSON
        """Set fields of a document, which is made if there is none, and return it."""
        self._write({"table": table, "key": key, "set": fields})
        return self._tables[table][key]

    def drop(self, table: str, key: str) -> None:
        """Forget a document."""
        if self.get(table, key) is not None:
            self._write({"table": table, "key": key, "drop": True})

    def _write(self, change: Document) -> None:
        self.journal.event(_KIND, change)
        self._apply(change)

    def _apply(self, change: Document) -> None:
        table = self._tables.setdefault(change["table"], {})
        if change.get("drop"):
            table.pop(change["key"], None)
        else:
            table.setdefault(change["key"], {}).update(change["set"])
