"""One column on a profile page: a line that tells the gist, and what opens below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from homeostat.core import Finding
from homeostat.data._correlations import Associations, Pair
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_details import Details
from homeostat.data._profile_gist import distinct_words, gist, known_rows, picture
from homeostat.data._profile_histogram import Histogram, histogram
from homeostat.data._profile_marks import bar, labelled
from homeostat.data._profile_page import anchor, marked
from homeostat.data._profile_patterns import patterns
from homeostat.data._profile_words import number, share, spans, value

__all__ = ["bin_words", "column_row", "facts", "top_values"]

_TIMES = {"date", "datetime"}
_TOP = 8
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def column_row(
    name: str,
    column: ColumnProfile,
    details: Details | None,
    findings: Sequence[Finding],
    associations: Associations | None,
    *,
    full: bool,
) -> str:
    """Return a column's line and, if `full`, all that is known of it."""
    lacking = 1 - known_rows(column) / column.count if column.count else 0.0
    distinct = column.distinct or 0.0
    worst = findings[0].verdict.value if findings else ""
    dot = f'<span class="dot {worst}" title="{len(findings)} findings"></span>' if worst else ""
    data = f'data-name="{escape(name)}" data-missing="{lacking:.6f}" data-distinct="{distinct:.0f}"'
    line = (
        f'<summary class="row"><span class="name">{escape(name)}{dot}<small>{column.type}</small>'
        f'</span>{picture(name, column)}<span class="small"><i>missing </i>{share(lacking)}'
        f'{bar(lacking, "w0")}</span><span class="small"><i>distinct </i>{distinct_words(column)}'
        f'</span><span class="gist">{gist(column)}</span></summary>'
    )
    body = _body(name, column, details, findings, associations) if full else ""
    odd = f'data-findings="{len(findings)}"'
    head = f'<details class="col" {data} {odd}>{line}<div class="body" id="{anchor(name)}">'
    return f"{head}{body}</div></details>"


def _body(
    name: str,
    column: ColumnProfile,
    details: Details | None,
    findings: Sequence[Finding],
    associations: Associations | None,
) -> str:
    blocks = []
    if findings:
        items = "".join(
            f'<li><span class="v {f.verdict.value}">{f.verdict.value}</span><span>'
            f"{marked(f.summary)}</span></li>"
            for f in findings
        )
        blocks.append(f'<div class="full"><ul class="says">{items}</ul></div>')
    drawn = histogram(column) if column.type != "string" else None
    if drawn is not None:
        blocks.append(f'<div class="broad"><h3>Histogram</h3>{_large(column, drawn)}</div>')
    blocks.append(_block("Rows", facts(_rows(column, details))))
    if column.type not in {"string", "bool"} and column.present and column.kll is not None:
        blocks.append(_block("Numbers", facts(_numbers(column, details))))
        blocks.append(_block("Quantiles", facts(_quantiles(column))))
        blocks.append(_block("Extremes", facts(_extremes(column, details))))
    if (
        column.type in {"string", "bool"}
        or (column.distinct or 0) <= 50
        or (column.top(1) and column.top(1)[0][1] > 0.01 * column.present)
    ):
        blocks.append(_block("Most frequent", top_values(column)))
    if details is not None and details.lengths is not None:
        title = "Length in characters" if column.type == "string" else "Items"
        blocks.append(_block(title, facts(_lengths(details, column))))
    if found := patterns(column):
        blocks.append(_block("Patterns of distinct values", _patterns(found)))
    if associations is not None and (pairs := associations.of(name)):
        blocks.append(_block("Goes together with", _together(pairs)))
    return "".join(blocks)


def _block(title: str, marks: str) -> str:
    return f"<div><h3>{title}</h3>{marks}</div>" if marks else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values as a list of two columns."""
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs)
    return f'<dl class="pairs">{items}</dl>' if items else ""


def _rows(column: ColumnProfile, details: Details | None) -> list[tuple[str, str]]:
    found = [("rows", f"{column.count:,}"), ("null", f"{column.nulls:,}")]
    if column.type == "float":
        found += [("NaN", f"{column.nans:,}"), ("infinite", f"{column.infs:,}")]
    found.append(("distinct", distinct_words(column)))
    if details is not None and column.type in {"int", "float"}:
        found += [("zero", f"{details.zeros:,}"), ("negative", f"{details.negatives:,}")]
    if details is not None and column.type == "string":
        found += [("blank", f"{details.blanks:,}"), ("padded", f"{details.padded:,}")]
    if details is not None and details.rising is not None and column.count > 1:
        found.append(("rises row by row", "yes" if details.rising else "no"))
    return found


def _numbers(column: ColumnProfile, details: Details | None) -> list[tuple[str, str]]:
    type_ = column.type
    if type_ in _TIMES:
        low, high = float(column.min or 0), float(column.max or 0)
        return [("first", value(low, type_)), ("last", value(high, type_)),
                ("mean", value(column.mean, type_)), ("range", spans(low, high))]  # fmt: skip
    found = [("mean", value(column.mean, type_)), ("std", value(column.std, type_))]
    mean, std = column.mean, column.std
    if mean and std is not None and type_ in {"int", "float"}:
        found.append(("std / mean", number(std / abs(mean), 3)))
        found.append(("sum", number(float(column.sum))))
    if details is not None:
        found.append(("skewness", number(details.shape.skewness, 3)))
        found.append(("kurtosis", number(details.shape.kurtosis, 3)))
    return found


def _quantiles(column: ColumnProfile) -> list[tuple[str, str]]:
    found = column.quantile(*_QUANTILES)
    return [(f"{q:.0%}", value(v, column.type)) for q, v in zip(_QUANTILES, found, strict=True)]


def _extremes(column: ColumnProfile, details: Details | None) -> list[tuple[str, str]]:
    if details is None or not details.least:
        return [
            ("least", value(column.min, column.type)),
            ("greatest", value(column.max, column.type)),
        ]
    found = []
    for name, ends in (("least", details.least), ("greatest", details.greatest)):
        ranked = enumerate(dict.fromkeys(ends))
        found += [("" if i else name, value(v, column.type)) for i, v in ranked]
    return found


def _lengths(details: Details, column: ColumnProfile) -> list[tuple[str, str]]:
    lengths = details.lengths
    if lengths is None or lengths.present == 0:
        return []
    quartiles = lengths.quantile(0.5, 0.95)
    found = [
        ("shortest", number(_number(lengths.min))),
        ("mean", number(lengths.mean, 3)),
        ("median", number(quartiles[0])),
        ("95%", number(quartiles[1])),
        ("longest", number(_number(lengths.max))),
    ]
    if column.type == "string":
        found += [("first in order", value(column.min, "string", 24)),
                  ("last in order", value(column.max, "string", 24))]  # fmt: skip
    return found


def _number(given: float | str | None) -> float | None:
    return None if isinstance(given, str) else given


def top_values(column: ColumnProfile, most: int = _TOP) -> str:
    """Return the most frequent values with bars."""
    known = column.present
    top = column.top(most)
    if not top or not known:
        return ""
    cells = [
        f"<span>{escape(value(v, column.type, 32))}</span>{bar(n / known)}"
        f"<span>{n:,} ({share(min(1.0, n / known))})</span>"
        for v, n in top
    ]
    rest = known - sum(n for _, n in top)
    if rest > 0 and (column.distinct or 0) > len(top):
        cells.append(f'<span class="soft">all others</span>{bar(rest / known, "g5")}'
                     f"<span>{rest:,} ({share(rest / known)})</span>")  # fmt: skip
    marks = "".join(cells).replace("<svg", "<span><svg").replace("</svg>", "</svg></span>")
    return f'<div class="top">{marks}</div>'


def _patterns(found: Iterable[tuple[str, float, str]]) -> str:
    cells = "".join(
        f'<dt><code>{escape(name)}</code> <span class="soft">{escape(value(example, "string", 24))}'
        f"</span></dt><dd>{share(part)}</dd>"
        for name, part, example in found
    )
    return f'<dl class="pairs">{cells}</dl>'


def _together(pairs: Iterable[Pair]) -> str:
    cells = "".join(
        f'<dt><a href="#{anchor(pair.other)}">{escape(pair.other)}</a> <span class="soft">'
        f"{escape(pair.measure)}</span></dt><dd>{pair.strength:.2f}</dd>"
        for pair in pairs
    )
    return f'<dl class="pairs">{cells}</dl>'


def _large(column: ColumnProfile, drawn: Histogram) -> str:
    ends = value(float(drawn.edges[0]), column.type), value(float(drawn.edges[-1]), column.type)
    outside = ""
    if drawn.below or drawn.above:
        outside = f'<p class="small soft">{share(drawn.below + drawn.above)} of values lie outside what is drawn.</p>'  # noqa: E501 - one line of marks
    return labelled(drawn, bin_words(drawn, column.type), *ends) + outside


def bin_words(drawn: Histogram, type_: str) -> list[str]:
    """Say of each bar where it lies and how much it holds."""
    names = [value(float(edge), type_) for edge in drawn.edges]
    if drawn.single:
        return [f"{n}: {share(s)}" for n, s in zip(names, drawn.shares.tolist(), strict=True)]
    return [
        f"{low} to {high}: {share(s)}"
        for low, high, s in zip(names, names[1:], drawn.shares.tolist(), strict=False)
    ]
