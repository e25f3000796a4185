"""A profile and a comparison in a terminal, in colour."""

from __future__ import annotations

import math
import re
from html import unescape

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from homeostat.core import Finding
from homeostat.data._profile_compare import ProfileComparison
from homeostat.data._profile_gist import gist, known_rows
from homeostat.data._profile_histogram import histogram
from homeostat.data._profile_report import ProfileReport
from homeostat.data._profile_words import counted, share

__all__ = ["rich_comparison", "rich_report"]

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "dim"}
_BLOCKS = " ▁▂▃▄▅▆▇█"
_BARS = 12


def rich_report(report: ProfileReport) -> RenderableType:
    """Return a profile as a table with a line a column, and what is odd below it."""
    rows = f"{report.profile.rows:,} rows, {len(report.profile.columns):,} columns"
    table = Table(
        title=f"{report.title}: {rows}", title_justify="left", box=None, pad_edge=False, expand=True
    )
    table.add_column("column", no_wrap=True, overflow="ellipsis", min_width=12, max_width=24)
    table.add_column("type", no_wrap=True, min_width=6, overflow="ellipsis")
    table.add_column("shape", no_wrap=True, min_width=_BARS)
    for head, wide in (("missing", 7), ("distinct", 9)):
        table.add_column(head, justify="right", no_wrap=True, min_width=wide)
    table.add_column("holds", no_wrap=True, overflow="ellipsis", ratio=1)
    for name, column in report.profile.columns.items():
        lacking = 1 - known_rows(column) / column.count if column.count else 0.0
        exact = column.sample is not None and column.sample.complete
        drawn = histogram(column, _BARS)
        shares = [] if drawn is None or len(drawn.shares) > 3 * _BARS else drawn.shares.tolist()
        top = max(shares, default=1.0) or 1.0
        bars = "".join(_BLOCKS[math.ceil(8 * one / top)] for one in shares[:_BARS])
        table.add_row(
            Text(name, style="bold"), column.type, bars, share(lacking),
            counted(column.distinct, exact=exact), unescape(re.sub("<[^>]*>", "", gist(column))),
        )  # fmt: skip
    return Group(table, *(_line(finding) for finding in report.findings))


def rich_comparison(found: ProfileComparison) -> RenderableType:
    """Return what changed, most-changed first."""
    head = ", ".join(
        f"{name}: {report.profile.rows:,} rows"
        for name, report in zip(found.names, found.reports, strict=True)
    )
    return Group(Text(head, style="bold"), *(_line(finding) for finding in found.findings))


def _line(finding: Finding) -> Text:
    verdict = finding.verdict.value
    return Text.assemble((f"{verdict:8}", _COLOURS[verdict]), finding.summary)
