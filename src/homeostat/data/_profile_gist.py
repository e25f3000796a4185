"""The gist of a column: one small drawing and half a line."""

from __future__ import annotations

from html import escape

from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_histogram import histogram
from homeostat.data._profile_marks import composition, spark
from homeostat.data._profile_words import counted, share, spans, value

__all__ = ["distinct_words", "gist", "known_rows", "picture"]

_TIMES = {"date", "datetime"}


def known_rows(column: ColumnProfile) -> int:
    """Return how many rows have a value that counts."""
    return column.count - column.nulls if column.type in {"other", "mixed"} else column.present


def picture(name: str, column: ColumnProfile) -> str:
    """Return the small drawing of how a column is distributed."""
    if column.type == "string":
        known = column.present or 1
        shares = [
            (f"{value(v, 'string')}: {share(n / known)}", n / known) for v, n in column.top(6)
        ]
        return composition(shares, f"Most frequent values of {name}")
    drawn = histogram(column)
    return spark(drawn, f"Histogram of {name}") if drawn else "<span></span>"


def gist(column: ColumnProfile) -> str:
    """Say in half a line what a column holds, as marks."""
    if known_rows(column) == 0:
        return "nothing"
    type_, low, high = column.type, column.min, column.max
    if column.distinct == 1 and column.top(1):
        return f"always <b>{escape(value(column.top(1)[0][0], type_))}</b>"
    if type_ in {"string", "bool"}:
        return _gist_of_text(column)
    if low is None or high is None or isinstance(low, str) or isinstance(high, str):
        return "only rows and nulls are counted"
    ends = f"{escape(value(low, type_))} to {escape(value(high, type_))}"
    if type_ in _TIMES:
        return f"<b>{ends}</b>, {spans(float(low), float(high))}"
    middle = column.quantile(0.5)
    at = value(middle[0], type_) if middle else "\N{EN DASH}"
    return f"median <b>{escape(at)}</b>, {ends}"


def _gist_of_text(column: ColumnProfile) -> str:
    if column.type == "bool":
        return f"<b>{share(column.mean or 0.0)}</b> true"
    top = column.top(3)
    if not top or top[0][1] < 2:
        examples = [] if column.sample is None else column.sample.values[:2].tolist()
        return "such as " + ", ".join(
            f"<b>{escape(value(one, 'string', 24))}</b>" for one in examples
        )
    return ", ".join(
        f"<b>{escape(value(v, 'string', 24))}</b> {share(min(1.0, n / column.present))}"
        for v, n in top
    )


def distinct_words(column: ColumnProfile) -> str:
    """Say how many distinct values there are, and whether that is an estimate."""
    sample = column.sample
    if sample is None:
        return "\N{EN DASH}"
    if not sample.complete and bool((sample.counts == 1).all()):
        return "all differ" if column.type in {"string", "int"} else "nearly all"
    return counted(min(sample.distinct, column.present), exact=sample.complete)
