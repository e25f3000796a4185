"""A card as HTML: the same marks on a page of its own, in a notebook and on the server.

They are plain strings, escaped where they are made; they carry no style attributes and no script,
so that a strict content policy holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from homeostat.core import Finding, Json, Verdict
from homeostat.data import profile_style
from homeostat.evaluate._card._card import CardSection, CardTable, Fact, ModelCard
from homeostat.evaluate._card._words import NOT_RECORDED, cell, counted

__all__ = ["body", "card_style", "document", "fragment"]

_SHOWN = 8
_VERDICTS = {verdict.value for verdict in Verdict}
_HEX = 64  # length of a SHA-256


@cache
def card_style() -> str:
    """Return the style sheet of cards, which stands on that of profile pages."""
    own = files("homeostat.evaluate").joinpath("_card/_card.css")
    return profile_style() + own.read_text("utf-8")


def document(card: ModelCard) -> str:
    """Return a card as a page that needs nothing else."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Model card: {escape(card.title)}</title>\n<style>\n"
        "html{background:light-dark(#fbfaf7, #161614);color-scheme:light dark}body{margin:0}\n"
        f'{card_style()}</style>\n</head>\n<body>\n<main class="hp mc alone">\n{body(card)}\n'
        "</main>\n</body>\n</html>\n"
    )


def fragment(card: ModelCard) -> str:
    """Return a card with its style, to be shown in a notebook."""
    return f'<style>{card_style()}</style><div class="hp mc alone">{body(card)}</div>'


def body(card: ModelCard) -> str:
    """Return what stands on the page."""
    contents = "".join(
        f'<li><a href="#{_anchor(one.title)}">{escape(one.title)}</a></li>' for one in card.sections
    )
    sections = "\n".join(_section(one) for one in card.sections)
    return (
        f'<header><p class="soft small">Model card</p><h1>{escape(card.title)}</h1>'
        f'<p class="lead">{_marked(card.lead)}</p></header>\n'
        f'<section class="problems"><h2>What is not ok</h2>{_problems(card.problems)}</section>\n'
        f'<nav aria-label="Sections"><ul>{contents}</ul></nav>\n{sections}'
    )


def _problems(problems: Sequence[Finding]) -> str:
    if not problems:
        return '<p class="none">Nothing that was judged.</p>'
    return _findings(problems)


def _section(section: CardSection) -> str:
    parts = [f'<section id="{_anchor(section.title)}"><h2>{escape(section.title)}</h2>']
    if section.facts:
        parts.append(f'<dl class="known">{"".join(map(_fact, section.facts))}</dl>')
    if section.notes:
        notes = "".join(f"<li>{_marked(note)}</li>" for note in section.notes)
        parts.append(f'<ul class="notes">{notes}</ul>')
    parts += map(_table, section.tables)
    if section.findings:
        parts.append(_folded(section.findings))
    return "".join([*parts, "</section>"])


def _fact(fact: Fact) -> str:
    value = fact.value
    if value is None:
        return f'<dt>{escape(fact.name)}</dt><dd class="soft">{NOT_RECORDED}</dd>'
    if isinstance(value, str) or len(value) == 1:
        text = value if isinstance(value, str) else value[0]
        return f"<dt>{escape(fact.name)}</dt><dd>{_value(text)}</dd>"
    if all(len(one) < 24 for one in value):
        return f"<dt>{escape(fact.name)}</dt><dd>{', '.join(map(_value, value))}</dd>"
    items = "".join(f"<li>{_value(one)}</li>" for one in value)
    return f"<dt>{escape(fact.name)}</dt><dd><ul>{items}</ul></dd>"


def _value(text: str) -> str:
    is_digest = len(text) == _HEX and all(c in "0123456789abcdef" for c in text)
    return f"<code>{text}</code>" if is_digest else _marked(text)


def _folded(findings: Sequence[Finding]) -> str:
    """Return findings in words; where all are ok, folded."""
    bad = [one for one in findings if one.verdict is not Verdict.OK]
    good = [one for one in findings if one.verdict is Verdict.OK]
    out = _findings(bad) if bad else ""
    if good:
        out += (
            f'<details class="good"><summary class="more">{counted(len(good), "check")} ok'
            f'</summary><ul class="says">{"".join(map(_said, good))}</ul></details>'
        )
    return out


def _findings(findings: Iterable[Finding]) -> str:
    items = [_said(one) for one in findings]
    listed = f'<ul class="says">{"".join(items[:_SHOWN])}</ul>'
    if len(items) <= _SHOWN:
        return listed
    return (
        f'{listed}<details><summary class="more">{counted(len(items) - _SHOWN, "more finding")}'
        f'</summary><ul class="says">{"".join(items[_SHOWN:])}</ul></details>'
    )


def _said(found: Finding) -> str:
    return (
        f'<li><span class="v {found.verdict.value}">{found.verdict.value}</span>'
        f"<span>{_marked(found.summary)} "
        f'<code class="soft">{escape(found.check)}</code></span></li>'
    )


def _table(table: CardTable) -> str:
    drawn = table.columns.index(table.marks) if table.marks in table.columns else None
    scale = None if drawn is None else _scale(table, drawn)
    head = "".join(
        f'<th scope="col"{_class(_numeric(table, i))}>{escape(name)}</th>'
        + ('<th scope="col" class="drawn"></th>' if scale and drawn is not None and i == drawn + 1
           else "")
        for i, name in enumerate(table.columns)
    )  # fmt: skip
    rows = "".join(_row(table, row, drawn, scale) for row in table.rows)
    note = f'<p class="note">{_marked(table.note)}</p>' if table.note else ""
    return (
        f'<h3>{escape(table.title)}</h3>{note}<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(table.title)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(
    table: CardTable,
    row: Sequence[Json],
    drawn: int | None,
    scale: tuple[float, float] | None,
) -> str:
    first = _numeric(table, 0) or "fill"
    cells = [f'<th scope="row" class="{first}">{_marked(cell(row[0]))}</th>']
    beside = [end for i in _beside(table) for end in _ends(row[i])]
    for i, value in enumerate(row[1:], start=1):
        cells.append(_cell(table, i, value))
        if scale is not None and drawn is not None and i == drawn + 1:
            cells.append(
                f'<td class="drawn">{_mark(row[drawn], value, scale, table.line, beside)}</td>'
            )
    return f"<tr>{''.join(cells)}</tr>"


def _cell(table: CardTable, i: int, value: Json) -> str:
    text = cell(value)
    if value is None:
        return f'<td class="soft{" num" if _numeric(table, i) else ""}">{text}</td>'
    if text in _VERDICTS:
        return f'<td><span class="v {text}">{text}</span></td>'
    if isinstance(value, str):
        if len(text) == _HEX:
            return f"<td>{_value(text)}</td>"
        return f"<td{_class('fill' if len(text) > 40 else '')}>{_marked(text)}</td>"
    return f"<td{_class(_numeric(table, i))}>{escape(text)}</td>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _numeric(table: CardTable, i: int) -> str:
    values = [row[i] for row in table.rows if row[i] is not None]
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return "num" if numbers else ""


def _ends(value: Json) -> list[float]:
    inner = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [float(one) for one in inner if isinstance(one, (int, float)) and math.isfinite(one)]


def _scale(table: CardTable, drawn: int) -> tuple[float, float] | None:
    """Return the ends of the axis on which the values and intervals of a table are drawn."""
    places = [drawn, drawn + 1, *_beside(table)]
    every = [end for row in table.rows for i in places for end in _ends(row[i])]
    every += [] if table.line is None else [table.line]
    if len(every) < 2 or min(every) == max(every):
        return None
    return min(every), max(every)


def _beside(table: CardTable) -> list[int]:
    return [table.columns.index(table.against)] if table.against in table.columns else []


def _mark(
    value: Json,
    interval: Json,
    scale: tuple[float, float],
    line: float | None,
    beside: Sequence[float],
) -> str:
    """Draw a value and its interval; the text beside it says the same."""

    def at(number: float) -> float:
        return round(6 + 148 * (number - scale[0]) / (scale[1] - scale[0]), 1)

    marks = ['<svg viewBox="0 0 160 16" aria-hidden="true">']
    if line is not None:
        marks.append(f'<path class="axis" d="M{at(line)} 0V16"/>')
    if len(ends := _ends(interval)) == 2:
        low, high = at(ends[0]), at(ends[1])
        marks.append(f'<rect class="span" x="{low}" y="6.5" width="{max(1, round(high - low, 1))}" '
                     'height="3"/>')  # fmt: skip
    marks += [f'<path class="tick" d="M{at(one)} 2V14"/>' for one in beside]
    if point := _ends(value):
        marks.append(f'<circle class="s0" cx="{at(point[0])}" cy="8" r="4"/>')
    return "".join([*marks, "</svg>"])


def _anchor(title: str) -> str:
    return "mc-" + "".join(c if c.isalnum() else "-" for c in title.lower())


def _marked(text: str) -> str:
    """Escape a sentence, what stands between backticks as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
