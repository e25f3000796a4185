"""Long lists: sorted by a column, cut into pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from homeostat.web._page import Ask

__all__ = ["Pager", "Sorting", "cut", "filters"]

_PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Sorting:
    """By which column a list is sorted, as its address says: ``name`` or ``-name``."""

    ask: Ask
    key: str | None
    down: bool

    @classmethod
    def of(cls, ask: Ask, columns: Sequence[str]) -> Sorting:
        """Read the parameter ``sort``."""
        signed = [sign + name for name in columns for sign in ("", "-")]
        text = ask.choice("sort", ["", *signed])
        return cls(ask, text.lstrip("-") or None, text.startswith("-"))

    @property
    def text(self) -> str:
        """The parameter's value."""
        return f"{'-' if self.down else ''}{self.key or ''}"

    def href(self, key: str) -> str:
        """Return the address of this list sorted by a column, or turned round if it is."""
        turned = f"-{key}" if self.key == key and not self.down else key
        return self.ask.here(sort=turned, page=None)

    def applied(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows sorted, those without a value last."""
        if self.key is None:
            return frame
        return frame.sort(self.key, descending=self.down, nulls_last=True, maintain_order=True)


@dataclass(frozen=True, slots=True)
class Pager:
    """Which page of a list is shown, and the addresses of the pages beside it."""

    page: int
    count: int
    before: str | None
    after: str | None


def cut(ask: Ask, frame: pl.DataFrame) -> tuple[pl.DataFrame, Pager]:
    """Return the rows of the page that is asked for."""
    count = max(1, -(-len(frame) // _PAGE_ROWS))
    page = min(ask.whole("page", 1), count)
    before = ask.here(page=page - 1 if page > 2 else None) if page > 1 else None
    after = ask.here(page=page + 1) if page < count else None
    return frame.slice((page - 1) * _PAGE_ROWS, _PAGE_ROWS), Pager(page, count, before, after)


def filters(
    ask: Ask, frame: pl.DataFrame, columns: Sequence[str]
) -> tuple[pl.DataFrame, list[dict[str, object]]]:
    """Filter a frame by equality with parameters, and return what there is to choose from."""
    fields: list[dict[str, object]] = []
    chosen = frame
    for name in columns:
        value = ask.get(name)
        values = frame[name].unique().drop_nulls().sort().to_list()
        if value is not None:
            chosen = chosen.filter(pl.col(name) == value)
        fields.append({"name": name, "value": value, "options": [v for v in values if v]})
    return chosen, fields
