"""Frames as tables for a terminal."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["show"]

_WHOLE = {"id", "kind", "status", "verdict"}  # columns whose words are not broken
_COLOURS = {
    **dict.fromkeys(("ok", "finished"), "green"),
    **dict.fromkeys(("warn", "running"), "yellow"),
    **dict.fromkeys(("fail", "failed", "crashed"), "red"),
    "unknown": "magenta",
}


def show(frame: pl.DataFrame, *, rows: int = 50, console: Console | None = None) -> None:
    """Print the first rows of a frame, and how many there are."""
    console = console or Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = [name for name in frame.columns if _worth_showing(frame[name])]
    for name in shown:
        dtype = frame[name].dtype
        table.add_column(
            name.replace("_", " "),
            justify="right" if dtype.is_numeric() else "left",
            overflow="fold",
            no_wrap=dtype.is_temporal() or name in _WHOLE,
        )
    for row in frame.head(rows).select(shown).iter_rows():
        table.add_row(*(_cell(value) for value in row))
    console.print(table)
    if frame.height > rows:
        console.print(f"... {rows} of {frame.height:,} rows; --output csv prints all.", style="dim")


def _worth_showing(column: pl.Series) -> bool:
    """Leave out what is empty in every row, and JSON meant for programs."""
    if column.name in {"evidence", "config", "metadata", "payload"}:
        return False
    if column.null_count() == len(column):
        return False
    return column.dtype != pl.String or bool((column != "").any())


def _cell(value: object) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M}")
    if isinstance(value, list):
        return Text(", ".join(map(str, value)))
    text = str(value)
    return Text(text, style=_COLOURS.get(text, ""))
