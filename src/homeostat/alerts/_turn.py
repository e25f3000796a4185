"""Turn: one step of the engine, whose changes are kept together or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homeostat.alerts._alert import Alert, to_plain
from homeostat.alerts._book import Book
from homeostat.core import Json

__all__ = ["Turn"]


@dataclass(slots=True)
class Turn:
    """What one step changes; the book shows it at once, the journal when the step is over.

    Args:
        book: The state before, and after.
        at: When it happens.
        changes: What was changed so far.
        touched: The numbers of the alerts that were.
    """

    book: Book
    at: datetime
    changes: list[dict[str, Json]] = field(default_factory=list)
    touched: dict[int, None] = field(default_factory=dict)

    def put(self, of: str, key: str, **facts: Any) -> None:  # noqa: ANN401 - JSON, or nearly
        """Change something that is not an alert."""
        change = {"of": of, "key": key} | {name: to_plain(value) for name, value in facts.items()}
        self.changes.append(change)
        self.book.change(self.at, change)

    def alert(self, number: int, said: str = "", **facts: Any) -> Alert:  # noqa: ANN401 - likewise
        """Change an alert, say what happened to it, and return it as it is now."""
        plain = {name: to_plain(value) for name, value in facts.items()}
        self.touched[number] = None
        change: dict[str, Json] = {"of": "alert", "key": str(number), "set": plain, "said": said}
        self.changes.append(change)
        self.book.change(self.at, change)
        return self.book.alerts[number]

    def entry(self, *, sender: bool = False) -> dict[str, Json]:
        """Return the changes as an entry of the journal."""
        facts: dict[str, Json] = {"seq": self.book.seq + 1, "at": self.at.isoformat()}
        return facts | {"changes": self.changes} | ({"sender": True} if sender else {})
