"""The columns of a table as it is made: what each holds, and which rows fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from homeostat.core import InputError, suggest
from homeostat.media._cells import MIXED, cell, kind_of_dtype, merged
from homeostat.media._content import Media
from homeostat.media._door import repeated
from homeostat.media._parts import ColumnFacts

__all__ = ["Columns", "Dtype"]

Dtype = type | Mapping[str, object] | Sequence[object] | None

_KINDS: Mapping[object, str] = {
    int: "number",
    float: "number",
    str: "text",
    bool: "bool",
    dict: "json",
    Any: MIXED,
    object: MIXED,
}


class Columns:
    """Names, kinds and roles.

    Args:
        names: In order, each once.
        mixed: Whether a column may hold several kinds of value.
    """

    def __init__(self, names: Iterable[object] = (), *, mixed: bool = False) -> None:
        if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
            raise InputError(f"The columns of a table are a list of names, got {names!r}.")
        names = list(names)
        if twice := repeated(names):
            raise InputError(
                f"A table's columns have different names, got more than once: {', '.join(twice)}."
            )
        self.kinds: dict[str, str | None] = dict.fromkeys(map(str, names))
        self.roles: dict[str, str] = {}
        self.mixed = mixed
        self._required: set[str] = set()

    @classmethod
    def read(cls, facts: Sequence[ColumnFacts]) -> Columns:
        """Return the columns of a table that was stored."""
        found = cls([one.name for one in facts])
        found.kinds = {one.name: one.kind for one in facts}
        found.roles = {one.name: one.role for one in facts if one.role}
        found.mixed = MIXED in found.kinds.values()
        return found

    @property
    def facts(self) -> list[ColumnFacts]:
        """Name, kind and role of each."""
        return [
            ColumnFacts(name, kind, self.roles.get(name, "")) for name, kind in self.kinds.items()
        ]

    def known(self, name: str) -> str:
        """Return a name that is there, or say which is nearest."""
        if name not in self.kinds:
            raise InputError(f"This table has no column `{name}`.{suggest(name, self.kinds)}")
        return name

    def declare(
        self,
        dtype: Dtype,
        optional: bool | Sequence[bool],  # noqa: FBT001 - W&B's name
        roles: Mapping[str, str] | None,
    ) -> None:
        """Set what columns hold, whether cells may be None, and what columns are for."""
        names = list(self.kinds)
        types = _by_name(dtype, names, "dtype") if dtype is not None else {}
        for name, one in types.items():
            self.kinds[self.known(name)] = _kind_of_type(one, name)
        answers = _by_name(optional, names, "optional")
        self._required = {self.known(name) for name, answer in answers.items() if not answer}
        self.roles = {self.known(name): str(role) for name, role in (roles or {}).items()}

    def row(self, values: object) -> tuple[list[object], dict[str, str | None]]:
        """Return a row's cells, and the kinds that columns have with it.

        Raises:
            InputError: If it has more or fewer values, or one does not fit its column.
        """
        cells, kinds = [], dict(self.kinds)
        for name, value in zip(kinds, self._aligned(values), strict=True):
            kept, kinds[name] = self.cell(name, value)
            cells.append(kept)
        return cells, kinds

    def _aligned(self, values: object) -> list[object]:
        names = list(self.kinds)
        if isinstance(values, Mapping):
            by_name = {self.known(str(key)): value for key, value in values.items()}
            return [by_name.get(name) for name in names]
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise InputError(f"A row is a list of values, got {values!r}.")
        found = list(values)
        if len(found) != len(names):
            raise InputError(
                f"A row of this table has {len(names)} values ({', '.join(names)}), "
                f"got {len(found)}."
            )
        return found

    def cell(self, name: str, value: object) -> tuple[object, str | None]:
        """Return a cell as it is kept, and the kind that its column has with it."""
        try:
            kept, kind = cell(value)
        except InputError as error:
            raise InputError(f"Column `{name}`: {error}") from error
        if kind is None and name in self._required:
            raise InputError(f"The column `{name}` is not optional, got None.")
        return kept, self._fits(name, kind, repr(value))

    def frame(self, frame: pl.DataFrame) -> dict[str, str | None]:
        """Return the kinds that columns have with the rows of a frame."""
        return {
            name: self._fits(name, kind_of_dtype(dtype), f"a {dtype} column")
            for name, dtype in frame.schema.items()
        }

    def _fits(self, name: str, kind: str | None, shown: str) -> str | None:
        known = self.kinds[name]
        found = merged(known, kind)
        if found is not None or kind is None:
            return found
        if self.mixed:
            return MIXED
        shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
        raise InputError(
            f"The column `{name}` holds {known}, got {kind}: {shown}. Convert it, or pass "
            "allow_mixed_types=True."
        )


def _by_name(given: object, names: list[str], what: str) -> dict[str, object]:
    if isinstance(given, Mapping):
        return {str(name): one for name, one in given.items()}
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != len(names):
            raise InputError(f"`{what}` has one entry a column ({len(names)}), got {len(given)}.")
        return dict(zip(names, given, strict=True))
    return dict.fromkeys(names, given)


def _kind_of_type(one: object, name: str) -> str | None:
    if one is None or one is list:
        return None  # as the first cells are
    if one in _KINDS:
        return _KINDS[one]
    if isinstance(one, type) and issubclass(one, Media):
        return "media"
    raise InputError(
        f"The dtype of `{name}` is int, float, str, bool, list, dict, Any or a media class, "
        f"got {one!r}."
    )
