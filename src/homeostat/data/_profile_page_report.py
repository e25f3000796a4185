"""The body of the page of one profile."""

from __future__ import annotations

from collections import Counter, defaultdict
from html import escape

import polars as pl

from homeostat.core import Finding
from homeostat.data._correlations import Associations, Pair
from homeostat.data._profile_marks import bar, heat_level
from homeostat.data._profile_page import anchor, findings_list
from homeostat.data._profile_page_column import column_row
from homeostat.data._profile_report import ProfileReport
from homeostat.data._profile_series import normalise
from homeostat.data._profile_words import plural, share, value

__all__ = ["controls", "facts_of", "report_body"]

_FULL, _SHOWN = 400, 3000  # columns that open, and columns that have a line
_MATRIX, _PAIRS = 32, 20
_HEAD_COLUMNS = 24
_UNITS = ("B", "kB", "MB", "GB", "TB")


def report_body(report: ProfileReport) -> str:
    """Return the page of one profile, without its head and foot."""
    names = frozenset(report.profile.columns)
    none = "Nothing odd was found." if names else "There are no columns."
    return "".join(
        (
            f"<h1>{escape(report.title)}</h1>",
            facts_of(_facts(report)),
            "<h2>What stands out</h2>",
            findings_list(report.findings, names, none),
            _columns(report),
            _associations(report.associations),
            _missing(report.associations, report.profile.rows),
            _head(report),
        )
    )


def facts_of(pairs: list[tuple[str, str, str]]) -> str:
    """Return the figures at the head of a page: name, figure, what it is of."""
    items = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(figure)} <small>{escape(of)}</small></dd></div>"
        for name, figure, of in pairs
    )
    return f'<dl class="facts">{"".join(items)}</dl>'


def _facts(report: ProfileReport) -> list[tuple[str, str, str]]:
    kinds = Counter(column.type for column in report.profile.columns.values())
    told = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    found = [
        ("Rows", f"{report.profile.rows:,}", ""),
        ("Columns", f"{len(report.profile.columns):,}", told),
        ("Missing cells", share(report.missing), ""),
    ]
    if report.duplicates is not None:
        rate = report.duplicates.rows / report.profile.rows if report.profile.rows else 0.0
        about = "" if report.duplicates.exact else "\N{ALMOST EQUAL TO} "
        found.append(("Duplicate rows", f"{about}{report.duplicates.rows:,}", share(rate)))
    if report.size_bytes:
        found.append(("In memory", *_size(report.size_bytes)))
    return found


def _size(count: int) -> tuple[str, str]:
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g}", _UNITS[unit]


def controls(orders: dict[str, str]) -> str:
    """Return the tools that the script brings to life; without it they stay hidden."""
    options = "".join(
        f'<option value="{key}">{escape(words)}</option>' for key, words in orders.items()
    )
    return (
        '<div class="tools" hidden><input type="search" placeholder="Find a column" '
        f'aria-label="Find a column"><label>Order <select>{options}</select></label>'
        '<button type="button">Open or close all</button><output></output></div>'
    )


def _columns(report: ProfileReport) -> str:
    columns = report.profile.columns
    if not columns:
        return ""
    about: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        about[finding.subject].append(finding)
    rows = [
        column_row(
            name, column, report.details.get(name), about.get(name, []), report.associations,
            full=i < _FULL,
        )
        for i, (name, column) in enumerate(columns.items())
        if i < _SHOWN
    ]  # fmt: skip
    orders = {"": "as in the table", "name": "name", "findings": "findings",
              "missing": "missing", "distinct": "distinct"}  # fmt: skip
    tools = controls(orders) if len(columns) > 1 else ""
    heads = ("Column", "Distribution", "Missing", "Distinct", "Gist")
    heading = "".join(f"<span>{head}</span>" for head in heads)
    return (
        f'<h2>Columns</h2>{tools}<div class="row heading" aria-hidden="true">{heading}</div>'
        f'<div class="cols">{"".join(rows)}</div>{_left_out(len(columns))}'
    )


def _left_out(count: int) -> str:
    if count <= _FULL:
        return ""
    words = f"The first {_FULL} columns open to all that is known of them"
    if count > _SHOWN:
        words += f"; {count - _SHOWN:,} columns beyond the first {_SHOWN:,} are not shown"
    return f'<p class="note">{words}. The profile itself has them all.</p>'


def _associations(found: Associations | None) -> str:
    if found is None or len(found.names) < 2:
        return ""
    pairs = found.pairs(0.3)[:_PAIRS]
    note = (
        "Numbers by Pearson or Spearman, whichever is stronger; categories by Cram\u00e9r's V; one "
        f"of each by the correlation ratio. Measured on {plural(found.rows, 'row')}."
    )
    if found.left_out:
        note += f" {plural(found.left_out, 'column')} were left out."
    matrix = _matrix(found) if 2 < len(found.names) <= _MATRIX and found.pairs(0.0) else ""
    listed = _pairs(pairs) if pairs else '<p class="none">No pair goes together at 0.3 or more.</p>'
    inner = f'<div class="split">{matrix}<div>{listed}</div></div>' if matrix else listed
    return f'<h2>What goes together</h2><p class="note">{note}</p>{inner}'


def _matrix(found: Associations) -> str:
    names = found.names
    head = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in names)
    rows = []
    for i, name in enumerate(names):
        cells = []
        for j, other in enumerate(names):
            level = "k8" if i == j else heat_level(float(found.strength[i, j]))
            said = f"{name}, {other}: " + (
                "not measured" if level == "na" else f"{float(found.strength[i, j]):.2f}"
            )
            cells.append(f'<td><span class="cell {level}" title="{escape(said)}"></span></td>')
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="scroll"><table class="heat"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _pairs(pairs: list[Pair]) -> str:
    rows = "".join(
        f'<tr><td class="fill"><a href="#{anchor(p.one)}">{escape(p.one)}</a>, '
        f'<a href="#{anchor(p.other)}">{escape(p.other)}</a></td><td class="soft">'
        f'{escape(p.measure)}</td><td class="num">{p.strength:.2f}</td>'
        f"<td>{bar(abs(p.strength))}</td></tr>"
        for p in pairs
    )
    return f'<div class="scroll"><table class="list"><tbody>{rows}</tbody></table></div>'


def _missing(found: Associations | None, rows: int) -> str:
    if found is None or len(found.lacking) < 2 or not rows:
        return ""
    pairs = found.missing_pairs(0.3)[:_PAIRS]
    if not pairs:
        return ""
    note = "Correlation of whether a value is missing: 1 where two columns always lack it together."
    return f'<h2>What is missing together</h2><p class="note">{note}</p>{_pairs(pairs)}'


def _head(report: ProfileReport) -> str:
    if report.head.is_empty():
        return ""
    names = report.head.columns[:_HEAD_COLUMNS]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in zip(*(_cells(report.head[name]) for name in names), strict=True)
    )
    more = report.head.width - len(names)
    note = f'<p class="note">{plural(more, "further column")}.</p>' if more > 0 else ""
    return (
        f'<h2>First rows</h2><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}'
        f"</tbody></table></div>{note}"
    )


def _cells(column: pl.Series) -> list[str]:
    """Write the values of a column; times beyond what Python's calendar holds among them."""
    type_ = "string"
    if column.dtype.is_temporal():
        column, type_ = normalise(column)
    return [
        "\N{EN DASH}"
        if cell is None
        else value(cell if type_ != "string" else str(cell), type_, 32)
        for cell in column.to_list()
    ]
