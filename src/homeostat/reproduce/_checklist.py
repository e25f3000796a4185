"""The reproducibility checklist, filled in from the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from homeostat.core import InputError
from homeostat.record import Record
from homeostat.reproduce._items.facts import Facts, Filled, facts_of
from homeostat.reproduce._items.items import ITEMS
from homeostat.reproduce._spread import Group

__all__ = ["Checklist", "Item", "State", "checklist"]


class State(StrEnum):
    """How an item stands."""

    KNOWN = "known"
    """The record has it."""
    ANSWERED = "answered"
    """A person said it."""
    ASKED = "asked"
    """No record can know it: a person has to say."""
    RED = "missing"
    """The record should have it, and has not."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist.

    Args:
        key: Its short name, by which an answer is given, such as ``"model.assumptions"``.
        text: What is asked for.
        state: How it stands.
        answer: What is there; for an item that is missing, what to do.
    """

    key: str
    text: str
    state: State
    answer: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """The checklist of some runs.

    Args:
        items: The 21 items, in their order.
        groups: The results, with their spread.
        commands: The command of each run, each once.
    """

    items: tuple[Item, ...]
    groups: tuple[Group, ...] = field(repr=False)
    commands: tuple[str, ...] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is missing that the record should have."""
        return all(item.state is not State.RED for item in self.items)

    @property
    def asked(self) -> tuple[Item, ...]:
        """What a person still has to say."""
        return tuple(item for item in self.items if item.state is State.ASKED)

    def markdown(self) -> str:
        """Return it as Markdown: the results, the commands, and the items by section."""
        lines = ["# Reproducibility checklist", "", *_table(self.groups), ""]
        lines += ["```sh", *self.commands, "```"]
        section = ""
        for item in self.items:
            here = item.key.partition(".")[0]
            if here != section:
                section = here
                lines += ["", f"## {_SECTIONS[section]}", ""]
            box = "x" if item.state in {State.KNOWN, State.ANSWERED} else " "
            mark = "" if box == "x" else f" **{item.state}**"
            lines += [f"- [{box}] {item.text}{mark}", f"  {_indented(item.answer)}"]
        return "\n".join(lines) + "\n"


_SECTIONS = {
    "model": "Models and algorithms",
    "theory": "Theoretical claims",
    "data": "Data sets",
    "code": "Shared code",
    "result": "Experimental results",
}


def checklist(
    record: Record, runs: Sequence[str], *, answers: Mapping[str, str] | None = None
) -> Checklist:
    """Fill the 21 items of the machine-learning reproducibility checklist from the record.

    What a record cannot know (assumptions, complexity, proofs, how data were collected) is asked,
    never invented. Source: Pineau et al., 2021, "Improving Reproducibility in Machine Learning
    Research", JMLR 22(164).

    Args:
        record: Where the runs are.
        runs: Ids of the runs whose results are reported; those that differ only in their seed
            make one row with a spread.
        answers: What a person says, by the key of an item.

    Raises:
        NotFoundError: If there is no such run.
        InputError: If there is no run, or an answer is to no item.
    """
    if not runs:
        raise InputError("A checklist is of at least one run, got none: name the runs.")
    said = dict(answers or {})
    unknown = said.keys() - {key for key, _, _ in ITEMS}
    if unknown:
        known = ", ".join(key for key, _, _ in ITEMS)
        raise InputError(f"Answers are to {known}; got {', '.join(sorted(unknown))}.")
    facts = facts_of(record, runs)
    items = tuple(_item(key, text, fill(facts), said.get(key)) for key, text, fill in ITEMS)
    return Checklist(items, tuple(facts.groups), _commands(facts))


def _item(key: str, text: str, filled: Filled, said: str | None) -> Item:
    if said:
        shown = f"{said} ({filled.text})" if filled.known else said
        return Item(key, text, State.ANSWERED, shown)
    if filled.known:
        return Item(key, text, State.KNOWN, filled.text)
    return Item(key, text, State.ASKED if filled.ask else State.RED, filled.text)


def _commands(facts: Facts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(facts.command(past) for past in facts.pasts))


def _table(groups: Sequence[Group]) -> list[str]:
    names = list(dict.fromkeys(name for group in groups for name in group.results))
    if not names:
        return ["The runs have no results."]
    head = ["", *names] if len(groups) > 1 else names
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for group in groups:
        cells = [str(group.results.get(name, "")) for name in names]
        row = [group.name, *cells] if len(groups) > 1 else cells
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
