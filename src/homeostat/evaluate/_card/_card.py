"""Model card: sections of facts, tables and findings, and the forms it is written in."""

from __future__ import annotations

import json
from dataclasses import dataclass

from homeostat.core import Finding, Json, Verdict

__all__ = ["CardSection", "CardTable", "Fact", "ModelCard"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what is known; None is not recorded."""

    name: str
    value: str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CardTable:
    """A table of raw values: an interval is a pair, None is not known.

    Args:
        title: What it tells.
        columns: Their names.
        rows: A value a column.
        marks: Name of the column whose value and interval are drawn; the column after it holds
            the interval. Empty draws nothing.
        line: Where a line is drawn through all rows for comparison.
        against: Name of the column whose value is drawn beside as a tick.
        note: What to know when reading it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Json, ...], ...]
    marks: str = ""
    line: float | None = None
    against: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CardSection:
    """A section of a card."""

    title: str
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[CardTable, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A card about a model, after Mitchell et al. (2019).

    Args:
        title: The model, as people call it.
        verdict: The worst of what was judged.
        lead: The model in a sentence or two.
        problems: What is not ok, the worst first.
        sections: The card's sections, in order.
    """

    title: str
    verdict: Verdict
    lead: str
    problems: tuple[Finding, ...]
    sections: tuple[CardSection, ...]

    def __str__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        from homeostat.evaluate._card._html import fragment  # noqa: PLC0415 - only in a notebook

        return fragment(self)

    def section(self, title: str) -> CardSection:
        """Return a section by its title; raises KeyError if the card has none so called."""
        return {section.title: section for section in self.sections}[title]

    def to_json(self) -> dict[str, Json]:
        """Return the card as a plain JSON object: raw values, all findings with their evidence."""
        return {
            "title": self.title,
            "verdict": self.verdict.value,
            "lead": self.lead,
            "problems": [found.to_json() for found in self.problems],
            "sections": [
                {
                    "title": section.title,
                    "facts": {
                        fact.name: list(v) if isinstance(v := fact.value, tuple) else v
                        for fact in section.facts
                    },
                    "notes": list(section.notes),
                    "tables": [_table(table) for table in section.tables],
                    "findings": [found.to_json() for found in section.findings],
                }
                for section in self.sections
            ],
        }

    def to_bytes(self) -> bytes:
        """Return :meth:`to_json` as text: the same card is the same bytes."""
        return (json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n").encode()

    def to_markdown(self) -> str:
        """Return the card as Markdown, tables in GitHub's form."""
        from homeostat.evaluate._card._markdown import markdown  # noqa: PLC0415 - one of three forms

        return markdown(self)

    def to_html(self) -> str:
        """Return the card as a page that needs nothing else and runs no script."""
        from homeostat.evaluate._card._html import document  # noqa: PLC0415 - likewise

        return document(self)

    def html_body(self) -> str:
        """Return what stands on the page, without head and style; escaped."""
        from homeostat.evaluate._card._html import body  # noqa: PLC0415 - likewise

        return body(self)


def _table(table: CardTable) -> dict[str, Json]:
    return {
        "title": table.title,
        "note": table.note,
        "columns": list(table.columns),
        "rows": [list(row) for row in table.rows],
    }
