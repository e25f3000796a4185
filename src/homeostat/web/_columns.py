"""The columns of a list of runs that come from their configs and summaries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeostat.core import InputError
from homeostat.web._flat import leaves
from homeostat.web._words import number

__all__ = ["Cell", "chosen_columns", "facts_of", "quoted", "shown"]

_PARTS = ("config", "summary")
_MOST = {"config": 3, "summary": 3}
_MOST_COLUMNS = 40
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as a list shows it."""

    text: str
    numeric: bool


def facts_of(row: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of a run by column: ``config.lr``, ``summary.auc``.

    Example:
        >>> facts_of({"config": '{"lr": 0.1}', "summary": '{"auc": 0.9}'})
        {'config.lr': 0.1, 'summary.auc': 0.9}
    """
    return {
        f"{part}.{key}": value
        for part in _PARTS
        for key, value in leaves(json.loads(row[part] or "{}")).items()
    }


def chosen_columns(
    asked: Sequence[str], known: Sequence[Mapping[str, object]]
) -> tuple[list[str], list[str]]:
    """Return the columns to show, and all there are to choose from.

    Where none are asked for they are those settings that differ and those results that most runs
    have.

    Args:
        asked: Names such as ``"config.lr"``.
        known: The values of the runs that are shown.

    Raises:
        InputError: If a name is neither of a config nor of a summary.
    """
    counts: dict[str, int] = {}
    for facts in known:
        for name in facts:
            counts[name] = counts.get(name, 0) + 1
    every = sorted(counts, key=lambda name: (name.partition(".")[0], name))
    for name in asked:
        if name.partition(".")[0] not in _PARTS or not name.partition(".")[2]:
            raise InputError(f"A column is config.KEY or summary.KEY, got {name[:60]!r}.")
    if asked:
        return list(dict.fromkeys(asked))[:_MOST_COLUMNS], every
    found = []
    for part in _PARTS:
        common = [name for name in every if name.startswith(f"{part}.")
                  and 2 * counts[name] >= len(known) and _tells(name, known)]  # fmt: skip
        found += common[: _MOST[part]]
    return found, every


def _tells(name: str, known: Sequence[Mapping[str, object]]) -> bool:
    """Say whether a column differs between runs; of a summary, whether it is numbers."""
    values = [facts.get(name) for facts in known]
    if name.startswith("summary."):
        return any(_numeric(value) for value in values)
    return len(known) > 1 and len({json.dumps(value) for value in values}) > 1


def shown(value: object) -> Cell:
    """Write a value for a list.

    Example:
        >>> shown(0.123456).text, shown("adam")
        ('0.1235', Cell(text='adam', numeric=False))
    """
    if value is None:
        return Cell("", numeric=True)
    if _numeric(value):
        return Cell(number(value), numeric=True)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Cell(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…", numeric=False)


def _numeric(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def quoted(name: str) -> str:
    """Return the name of a column as filters and orders take it.

    Example:
        >>> quoted("summary.val/auc"), quoted("config.model.depth")
        ('`summary.val/auc`', 'config.model.depth')
    """
    plain = all(part.isidentifier() for part in name.split("."))
    return name if plain or "`" in name else f"`{name}`"
