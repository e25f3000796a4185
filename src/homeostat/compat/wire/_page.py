"""Lists in pages, as GraphQL connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from homeostat.core import InputError

__all__ = ["page"]

_Item = TypeVar("_Item")
_MOST = 10_000


def page(
    items: Sequence[_Item],
    view: Callable[[_Item], Any],
    *,
    first: int | None = None,
    after: str | None = None,
    **more: Any,  # noqa: ANN401 - other fields of the connection
) -> dict[str, Any]:
    """Return one page of a list; a cursor is a place in it.

    Example:
        >>> found = page("abc", str.upper, first=2)
        >>> [edge["node"] for edge in found["edges"]], found["page_info"]["has_next_page"]
        (['A', 'B'], True)
    """
    start = _place(after)
    size = _MOST if first is None else max(0, min(int(first), _MOST))
    edges = [
        {"node": view(item), "cursor": str(start + place)}
        for place, item in enumerate(items[start : start + size], 1)
    ]
    end = edges[-1]["cursor"] if edges else after
    info = {"end_cursor": end, "has_next_page": start + len(edges) < len(items)}
    return {"edges": edges, "page_info": info, "total_count": len(items), **more}


def _place(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not cursor.isdigit():
        raise InputError(f"A cursor is one this server gave, got {cursor!r}.")
    return int(cursor)
