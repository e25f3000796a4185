"""What the items of the checklist are filled in from."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from homeostat.core import RecordError
from homeostat.record import Artifact, Record, RunInfo
from homeostat.reproduce._past import Past, past_of
from homeostat.reproduce._spread import Group, groups

__all__ = ["Facts", "Filled", "Question", "as_text", "asked", "facts_of"]


@dataclass(frozen=True, slots=True)
class Filled:
    """What the record says to an item.

    Args:
        text: What it says; else what to do.
        known: Whether it says anything.
        ask: Whether only a person can say it.
    """

    text: str
    known: bool = False
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the runs of a checklist."""

    record: Record = field(repr=False)
    pasts: tuple[Past, ...]
    groups: tuple[Group, ...]
    used: tuple[Artifact, ...]
    made: tuple[Artifact, ...]

    @property
    def runs(self) -> tuple[RunInfo, ...]:
        """The runs."""
        return tuple(past.info for past in self.pasts)

    @property
    def datasets(self) -> list[Artifact]:
        """The artifacts they used that are no models."""
        return [artifact for artifact in self.used if artifact.type != "model"]

    def command(self, past: Past) -> str:
        """Return the command of a run, as one types it in the project's folder."""
        root = past.root
        words = list(past.info.command)
        if words:
            words[0] = "python"
        if root is not None and root.folder:
            words = [word.replace(f"{root.folder}/", "") for word in words]
        seed = "" if past.invocation is None else past.invocation.hash_seed
        return f"{f'PYTHONHASHSEED={seed} ' if seed else ''}{shlex.join(words)}"


Question = tuple[str, str, Callable[[Facts], Filled]]
"""Key, text and filler of an item."""


def facts_of(record: Record, runs: Sequence[str]) -> Facts:
    """Gather what the items ask of the record."""
    pasts = tuple(past_of(record, run) for run in runs)
    infos = [past.info for past in pasts]
    return Facts(
        record=record,
        pasts=pasts,
        groups=tuple(groups(infos)),
        used=tuple(_artifacts(record, (ref for info in infos for ref in info.used))),
        made=tuple(_artifacts(record, (ref for info in infos for ref in info.made))),
    )


def _artifacts(record: Record, references: Iterator[str]) -> Iterator[Artifact]:
    for reference in dict.fromkeys(references):
        try:
            yield record.artifact(reference)
        except RecordError:
            continue  # deleted since: the items then say less


def asked(text: str) -> Callable[[Facts], Filled]:
    """Return the filler of an item that only a person can fill in."""
    return lambda _: Filled(text, ask=True)


def as_text(facts: object) -> str:
    """Return facts as a person reads them: name and value, empty ones left out."""
    if not hasattr(facts, "items"):
        return str(facts)
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))
