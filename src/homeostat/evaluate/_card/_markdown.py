"""A card as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from homeostat.core import Finding
from homeostat.evaluate._card._card import CardSection, CardTable, Fact, ModelCard
from homeostat.evaluate._card._words import NOT_RECORDED, cell, counted

__all__ = ["markdown"]

_MOST = 40


def markdown(card: ModelCard) -> str:
    """Write a card as Markdown."""
    lines = [f"# Model card: {_plain(card.title)}", "", _plain(card.lead), ""]
    lines += ["## What is not ok", ""]
    lines += _findings(card.problems) if card.problems else ["Nothing that was judged."]
    for section in card.sections:
        lines += ["", *_section(section)]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: CardSection) -> list[str]:
    lines = [f"## {section.title}", ""]
    lines += [_fact(fact) for fact in section.facts]
    lines += [f"- {_plain(note)}" for note in section.notes]
    parts = [*map(_table, section.tables)]
    if section.findings:
        parts.append(_findings(section.findings))
    for part in parts:
        lines += [*([""] if lines[-1] else []), *part]
    return lines


def _fact(fact: Fact) -> str:
    value = fact.value
    if value is None:
        return f"- **{fact.name}**: *{NOT_RECORDED}*"
    if isinstance(value, str):
        return f"- **{fact.name}**: {_plain(value)}"
    if len(value) == 1:
        return f"- **{fact.name}**: {_plain(value[0])}"
    return "\n".join([f"- **{fact.name}**:", *(f"    - {_plain(one)}" for one in value)])


def _table(table: CardTable) -> list[str]:
    numeric = [
        any(_is_number(row[i]) for row in table.rows)
        and all(_is_number(row[i]) or row[i] is None for row in table.rows)
        for i in range(len(table.columns))
    ]
    lines = [f"### {_plain(table.title)}", ""]
    if table.note:
        lines += [_plain(table.note), ""]
    lines.append("| " + " | ".join(_plain(name) for name in table.columns) + " |")
    lines.append("|" + "|".join("---:" if number else "---" for number in numeric) + "|")
    lines += ["| " + " | ".join(_plain(cell(value)) for value in row) + " |" for row in table.rows]
    return lines


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _findings(findings: Iterable[Finding]) -> list[str]:
    every = list(findings)
    lines = [
        f"- **{one.verdict.value}** {_plain(f'`{one.check}`')}: {_plain(one.summary)}"
        for one in every[:_MOST]
    ]
    if len(every) > _MOST:
        lines.append(f"- {counted(len(every) - _MOST, 'more finding')} in the card's JSON.")
    return lines


_CODE = re.compile(r"(`[\w .,:/()=-]+`)")
_MARK = re.compile(r"[\\*|<&~`]|(?<![^\W_])_|_(?![^\W_])|(?<=\])(?=[(\[:])")


def _plain(text: str) -> str:
    """Escape what Markdown would read as marks; a plain name between backticks stays code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _MARK.sub(lambda mark: f"\\{mark[0]}", text)
