"""The 21 items of the checklist."""

from __future__ import annotations

from homeostat.reproduce._items import code, data, model, results
from homeostat.reproduce._items.facts import Question

__all__ = ["ITEMS"]

ITEMS: tuple[Question, ...] = (*model.ITEMS, *data.ITEMS, *code.ITEMS, *results.ITEMS)
"""Key, text and filler of each item."""
