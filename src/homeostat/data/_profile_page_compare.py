"""The body of the page of a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape

from homeostat.core import Finding, Verdict
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_compare import ColumnComparison, ProfileComparison
from homeostat.data._profile_distance import shared_cells
from homeostat.data._profile_gist import known_rows
from homeostat.data._profile_histogram import histograms
from homeostat.data._profile_marks import bar, drift, heat_level, spark, stacked
from homeostat.data._profile_page import anchor, findings_list, marked
from homeostat.data._profile_page_report import controls, facts_of
from homeostat.data._profile_words import counted, share, value

__all__ = ["comparison_body"]

_FULL, _DRAWN, _VALUES = 300, 16, 8
_LEAST_SHARE = 0.01
_QUARTERS = ("25%", "50%", "75%")


def comparison_body(found: ProfileComparison) -> str:
    """Return the page of a comparison, without its head and foot."""
    names = frozenset(column.name for column in found.columns)
    told = tuple(f for f in found.findings if f.verdict is not Verdict.OK)
    small = len(found.findings) - len(told)
    note = f'<p class="note">{small} smaller changes stand with their columns.</p>' if small else ""
    return "".join(
        (
            f"<h1>{escape(found.title)}</h1>",
            facts_of(_facts(found)),
            "<h2>What changed most</h2>",
            findings_list(told, names, "Nothing changed by much."),
            note,
            _columns(found),
        )
    )


def _facts(found: ProfileComparison) -> list[tuple[str, str, str]]:
    rows = [report.profile.rows for report in found.reports]
    changed = sum(column.size >= 0.1 for column in found.columns)
    if len(rows) == 2:
        told = [
            (f"Rows of {name}", f"{n:,}", "") for name, n in zip(found.names, rows, strict=True)
        ]
    else:
        ends = f"{found.names[0]} to {found.names[-1]}"
        told = [
            ("Profiles", str(len(rows)), ends),
            ("Rows of each", f"{min(rows):,} to {max(rows):,}", ""),
        ]
    return [
        *told,
        ("Columns", f"{len(found.columns):,}", ""),
        ("Changed by more than 0.1", f"{changed:,}", ""),
    ]


def _columns(found: ProfileComparison) -> str:
    if not found.columns:
        return ""
    about: dict[str, list[Finding]] = defaultdict(list)
    for finding in found.findings:
        about[finding.subject].append(finding)
    rows = [_row(found, column, about[column.name], full=i < _FULL)
            for i, column in enumerate(found.columns)]  # fmt: skip
    last = "Size, each against the one it is compared with" if len(found.names) > 2 else "Size"
    heads = ("Column", "Distribution", "Size", "Missing", "What changed most")
    heading = "".join(f"<span>{head}</span>" for head in heads)
    ends = found.names[0], found.names[-1]
    key = (f'<p class="note"><span class="key">{escape(ends[0])}</span> &ensp; '
           f'<span class="key other">{escape(ends[1])}</span></p>')  # fmt: skip
    tools = controls({"": "most changed first", "name": "name"})
    return (
        f"<h2>Columns</h2>{key}{tools}"
        f'<div class="row heading" aria-hidden="true" title="{last}">{heading}</div>'
        f'<div class="cols pairwise">{"".join(rows)}</div>'
    )


def _row(
    found: ProfileComparison, column: ColumnComparison, told: Sequence[Finding], *, full: bool
) -> str:
    name = column.name
    held = [report.profile.columns.get(name) for report in found.reports]
    types = list(dict.fromkeys(one.type for one in held if one is not None))
    worst = next((f.verdict.value for f in told if f.verdict is not Verdict.OK), "")
    dot = f'<span class="dot {worst}"></span>' if worst else ""
    lacking = " \N{RIGHTWARDS ARROW} ".join(_lacking(one) for one in (held[0], held[-1]))
    gist = "nothing"
    if told:
        gist = marked(told[0].summary.removeprefix(f"`{name}`").removeprefix(":").strip())
    size = bar(column.size) if len(held) == 2 else _strip(found.names, column.sizes)
    line = (
        f'<summary class="row"><span class="name">{escape(name)}{dot}'
        f"<small>{escape(', '.join(types))}</small></span>{_picture(name, held)}"
        f'<span class="small"><i>size </i>{column.size:.2f}{size}</span>'
        f'<span class="small"><i>missing </i>{lacking}</span>'
        f'<span class="gist">{gist}</span></summary>'
    )
    body = _body(found.names, held, told) if full else ""
    return (
        f'<details class="col" data-name="{escape(name)}">{line}'
        f'<div class="body" id="{anchor(name)}">{body}</div></details>'
    )


def _lacking(column: ColumnProfile | None) -> str:
    if column is None or not column.count:
        return "\N{EN DASH}"
    return share(1 - known_rows(column) / column.count)


def _strip(names: Sequence[str], sizes: Sequence[float]) -> str:
    cells = "".join(
        f'<span class="cell {heat_level(size)}" title="{escape(name)}: {size:.2f}"></span>'
        for name, size in zip(names, sizes, strict=True)
    )
    return f'<span class="strip">{cells}</span>'


def _picture(name: str, held: Sequence[ColumnProfile | None]) -> str:
    first, last = held[0], held[-1]
    label = f"{name}, first and last"
    if any(one is not None and one.type == "string" for one in (first, last)):
        cells = shared_cells(first, last)
        if cells is None:
            return "<span></span>"
        order = (-cells.one).argsort(kind="stable")[:8]
        rows = [[(cells.names[i], float(side[i] / side.sum())) for i in order]
                for side in (cells.one, cells.other)]  # fmt: skip
        return stacked(rows, label)
    drawn = histograms([first, last])
    return spark(drawn[0], label, drawn[1]) or "<span></span>"


def _body(
    names: Sequence[str], held: Sequence[ColumnProfile | None], told: Sequence[Finding]
) -> str:
    blocks = []
    if told:
        items = "".join(
            f'<li><span class="v {f.verdict.value}">{f.verdict.value}</span><span>'
            f"{marked(f.summary)}</span></li>"
            for f in told
        )
        blocks.append(f'<div class="full"><ul class="says">{items}</ul></div>')
    if len(held) > 4 and (image := _drift(names, held)):
        blocks.append(image)
    blocks.append(f'<div class="full scroll">{_table(names, held)}</div>')
    if shares := _shares(names, held):
        blocks.append(f'<div class="full scroll"><h3>Shares of values</h3>{shares}</div>')
    return "".join(blocks)


def _drift(names: Sequence[str], held: Sequence[ColumnProfile | None]) -> str:
    """Return how the distribution moved from profile to profile, as one picture."""
    drawn = histograms(held)
    image = drift(drawn, f"Distribution from {names[0]} to {names[-1]}")
    known = next((h for h in drawn if h is not None), None)
    type_ = next((one.type for one in held if one is not None), "float")
    if not image or known is None:
        return ""
    low, high = (value(float(end), type_) for end in (known.edges[0], known.edges[-1]))
    return (
        f'<figure class="full"><h3>Distribution, from {escape(low)} (below) to {escape(high)} '
        f"(above), darker where more values lie</h3>{image}<figcaption>"
        f"<span>{escape(names[0])}</span><span>{escape(names[-1])}</span></figcaption></figure>"
    )


def _table(names: Sequence[str], held: Sequence[ColumnProfile | None]) -> str:
    """Return the figures of each profile as a line, beside its histogram."""
    picked = _picked(len(held))
    drawn = histograms([held[i] for i in picked])
    heads = ["", "", "rows", "missing", "distinct", "mean", "std", "least", *_QUARTERS, "greatest"]
    figures = [_figures(held[i]) for i in picked]
    used = [
        j for j in range(len(figures[0])) if any(row[j].strip("\N{EN DASH}") for row in figures)
    ]
    head = "".join(f'<th scope="col" class="num">{heads[j + 2]}</th>' for j in used)
    head = f'<td></td><th scope="col"></th>{head}'
    rows = []
    for i, histogram, row in zip(picked, drawn, figures, strict=True):
        cells = "".join(f'<td class="num">{escape(row[j])}</td>' for j in used)
        image = spark(histogram, f"Histogram in {names[i]}") if histogram else ""
        rows.append(f'<tr><th scope="row">{escape(names[i])}</th><td>{image}</td>{cells}</tr>')
    left = len(held) - len(picked)
    more = f'<p class="note">{left} profiles between are not listed.</p>' if left else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


def _picked(count: int) -> list[int]:
    """Choose profiles to be listed: all, or the first, the last and some between."""
    if count <= _DRAWN:
        return list(range(count))
    return sorted({round(i * (count - 1) / (_DRAWN - 1)) for i in range(_DRAWN)})


def _figures(column: ColumnProfile | None) -> list[str]:
    if column is None:
        return ["not there"] + [""] * 9
    type_ = column.type
    known = column.quantile(0.25, 0.5, 0.75)
    quarters: Sequence[float | None] = known or (None, None, None)
    moments = (None, None) if type_ in {"date", "datetime"} else (column.mean, column.std)
    exact = column.sample is not None and column.sample.complete
    return [
        f"{column.count:,}",
        _lacking(column),
        counted(column.distinct, exact=exact),
        *(value(one, "float") for one in moments),
        value(column.min, type_, 20),
        *(value(one, type_) for one in quarters),
        value(column.max, type_, 20),
    ]


def _shares_of(column: ColumnProfile | None) -> dict[float | int | str, float]:
    if column is None or not column.present:
        return {}
    counts = column.frequencies() or dict(column.top(64))
    return {v: n / column.present for v, n in counts.items()}


def _shares(names: Sequence[str], held: Sequence[ColumnProfile | None]) -> str:
    """Return the shares of the most frequent values of texts in each profile."""
    known = [
        one for one in held if one is not None and one.present and one.type in {"string", "bool"}
    ]
    if not known:
        return ""
    values = list(dict.fromkeys(v for one in (known[0], known[-1]) for v, _ in one.top(_VALUES)))
    picked = _picked(len(held))
    tops = [_shares_of(held[i]) for i in picked]
    values = [v for v in values if max(top.get(v, 0.0) for top in tops) >= _LEAST_SHARE]
    if not values:
        return ""
    head = "".join(f'<th scope="col">{escape(names[i])}</th>' for i in picked)
    rows = "".join(
        f'<tr><th scope="row">{escape(value(v, known[0].type, 32))}</th>'
        + "".join(
            f"<td>{share(min(1.0, top.get(v, 0.0)))}{bar(top.get(v, 0.0))}</td>" for top in tops
        )
        + "</tr>"
        for v in values
    )
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"
