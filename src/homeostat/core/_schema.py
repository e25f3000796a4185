"""Schema: what a dataset's columns are, mean and promise.

Written once, compiled three ways: to one Polars query over a batch and to a pydantic model for
a request (both in `homeostat.expect`), and to the documentation of both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from homeostat.core._errors import SchemaError, VersionError, suggest
from homeostat.core._finding import Json
from homeostat.core._known_at import KnownAt

__all__ = ["Column", "ColumnType", "Expectation", "Role", "Schema"]

_FORMAT = 1


class ColumnType(StrEnum):
    """What a column holds. A category is a string whose set of values is known."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STRING = "string"
    CATEGORY = "category"
    DATE = "date"
    DATETIME = "datetime"


class Role(StrEnum):
    """What a column is for. A column may have several roles, such as feature and slice.

    What is private is never kept in plain in the prediction log.
    """

    FEATURE = "feature"
    LABEL = "label"
    TIME = "time"
    KEY = "key"
    GROUP = "group"
    SLICE = "slice"
    WEIGHT = "weight"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must hold of the data, by the field's usual name for it.

    Args:
        name: Such as ``"expect_column_values_to_be_between"``.
        column: The column it is about; None where it is about the table.
        arguments: The rest, such as ``{"min_value": 60, "max_value": 75}``; JSON.
        mostly: Share of non-null rows, in (0, 1], that must conform.
        severity: ``"fail"`` or ``"warn"``: the verdict where it does not hold.
    """

    name: str
    column: str | None = None
    arguments: Mapping[str, Json] = field(default_factory=dict)
    mostly: float = 1.0
    severity: str = "fail"

    def __post_init__(self) -> None:
        if not 0 < self.mostly <= 1:
            raise SchemaError(f"`mostly` lies in (0, 1], got {self.mostly} in {self.name}.")
        if self.severity not in {"fail", "warn"}:
            raise SchemaError(f"Severity is 'fail' or 'warn', got {self.severity!r}.")

    def mentions(self, columns: Iterable[str]) -> bool:
        """Say whether it is about one of these columns; of a table, whether it names one."""
        if self.column is not None:
            return self.column in columns
        text = json.dumps(dict(self.arguments), ensure_ascii=False)
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in columns)

    def to_json(self) -> dict[str, Json]:
        """Return the expectation as a plain JSON object."""
        return {
            "name": self.name,
            "column": self.column,
            "arguments": dict(self.arguments),
            "mostly": self.mostly,
            "severity": self.severity,
        }


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its roles, and when its value becomes known.

    Args:
        name: Name in the frame.
        type: What it holds.
        roles: What it is for; empty for a column that is only carried along.
        nullable: Whether nulls are allowed.
        known_at: When a row's value is known: ``"always"``, a time column, a time column
            with an offset such as ``"sched_dep_utc - 1h"``, a phase of the schema such as
            ``"at departure"``, or an offset from the row's time such as ``"+ 2h"``. None where
            no rule is given; the leak scan then looks for itself.
        categories: Allowed values of a category, sorted; None where they are open.
        description: For people.
        unit: Such as ``"minutes"``.
    """

    name: str
    type: ColumnType
    roles: frozenset[Role] = frozenset()
    nullable: bool = False
    known_at: str | None = None
    categories: tuple[str, ...] | None = None
    description: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        try:
            set_(self, "type", ColumnType(self.type))
            set_(self, "roles", frozenset(Role(role) for role in self.roles))
        except ValueError as error:
            raise SchemaError(f"Column `{self.name}`: {error}.") from error
        if self.known_at is not None:
            KnownAt.parse(self.known_at)
        if self.categories is not None:
            set_(self, "categories", tuple(sorted(self.categories)))

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers (bool, int or float)."""
        return self.type in {ColumnType.BOOL, ColumnType.INT, ColumnType.FLOAT}

    def to_json(self) -> dict[str, Json]:
        """Return the column as a plain JSON object."""
        return {
            "name": self.name,
            "type": self.type.value,
            "roles": sorted(role.value for role in self.roles),
            "nullable": self.nullable,
            "known_at": self.known_at,
            "categories": None if self.categories is None else list(self.categories),
            "description": self.description,
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns and expectations of a dataset.

    Args:
        columns: In order; names are unique.
        expectations: What must hold beyond types and nulls.
        predicted_at: When a row's prediction is made: a time column with an optional offset,
            such as ``"sched_dep_utc - 1h"``. Every feature must be known by then.
        name: For people.
        phases: When each phase of what a row is about begins: a time column with an optional
            offset, such as ``{"departure": "departed_at"}``, for rules like ``"at departure"``.

    Raises:
        SchemaError: If a name occurs twice, an expectation or a time names no column, or a rule
            names no phase.

    Example:
        >>> schema = Schema((Column("delay", "float", {"label"}), Column("hour", "int")))
        >>> schema = schema.with_roles(feature=["hour"])
        >>> schema.features
        ('hour',)
        >>> Schema.from_json(schema.to_json()) == schema
        True
    """

    columns: tuple[Column, ...]
    expectations: tuple[Expectation, ...] = ()
    predicted_at: str | None = None
    name: str = ""
    phases: Mapping[str, str] = field(default_factory=dict, hash=False)
    _at: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "columns", tuple(self.columns))
        set_(self, "expectations", tuple(self.expectations))
        counts = Counter(column.name for column in self.columns)
        if twice := sorted(name for name, count in counts.items() if count > 1):
            raise SchemaError(f"Column names must be unique, got twice: {', '.join(twice)}.")
        set_(self, "_at", {column.name: column for column in self.columns})
        for expectation in self.expectations:
            if expectation.column is not None:
                self.column(expectation.column)
        times = [column.known_at for column in self.columns]
        for text in [*times, self.predicted_at]:
            known_at = None if text is None else self.rule(text)
            if known_at is not None and known_at.column:
                self.column(known_at.column)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the feature columns, in order."""
        return self.having(Role.FEATURE)

    @property
    def label(self) -> str:
        """Name of the one label column; raises SchemaError if there is none or several."""
        return self._only(Role.LABEL)

    @property
    def time(self) -> str:
        """Name of the one time column; raises SchemaError if there is none or several."""
        return self._only(Role.TIME)

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the columns that together identify a row."""
        return self.having(Role.KEY)

    @property
    def digest(self) -> str:
        """SHA-256 of the schema's canonical JSON, in hex."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def having(self, role: Role | str) -> tuple[str, ...]:
        """Return the names of the columns that have a role, in order."""
        return tuple(column.name for column in self.columns if Role(role) in column.roles)

    def column(self, name: str) -> Column:
        """Return one column; raises SchemaError with the nearest name if there is none."""
        if (column := self._at.get(name)) is None:
            raise SchemaError(f"The schema has no column `{name}`.{suggest(name, self.names)}")
        return column

    def rule(self, text: str) -> KnownAt:
        """Read a time rule: a phase becomes its column, an offset alone counts from the row's time.

        Raises:
            SchemaError: If it is no rule, names no phase, or there is no one time column to
                count from.

        Example:
            >>> schema = Schema((Column("left_at", "datetime"),), phases={"departure": "left_at"})
            >>> schema.rule("at departure + 10m")
            KnownAt(column='left_at', offset=datetime.timedelta(seconds=600), phase='')
        """
        known = KnownAt.parse(text)
        if known.phase:
            if known.phase not in self.phases:
                raise SchemaError(
                    f"The schema dates no phase `{known.phase}`: name its time column in `phases`."
                    f"{suggest(known.phase, self.phases)}"
                )
            if KnownAt.parse(self.phases[known.phase]).phase:
                raise SchemaError(f"A phase begins at a time column, `{known.phase}` at a phase.")
            begins = self.rule(self.phases[known.phase])
            return replace(begins, offset=begins.offset + known.offset)
        return replace(known, column=self.time) if known.column == "" else known

    def select(self, names: Iterable[str]) -> Self:
        """Return a schema of some columns, in the order given, with their expectations."""
        chosen = tuple(self.column(name) for name in names)
        kept = {column.name for column in chosen}
        dropped = set(self.names) - kept
        expectations = (one for one in self.expectations if not one.mentions(dropped))
        known = tuple(replace(c, known_at=self._within(c.known_at, kept)) for c in chosen)
        return replace(
            self,
            columns=known,
            expectations=tuple(expectations),
            predicted_at=self._within(self.predicted_at, kept),
            phases={k: v for k, v in self.phases.items() if self._within(v, kept)},
        )

    def with_column(self, name: str, **changes: Any) -> Self:  # noqa: ANN401 - fields of Column
        """Return a schema with fields of one column changed, or a new column added at the end."""
        if name not in self._at:
            return replace(self, columns=(*self.columns, Column(name, **changes)))
        return self._changed({name: changes})

    def with_roles(self, **roles: Iterable[str]) -> Self:
        """Return a schema in which the named columns have further roles, as ``role=[names]``."""
        more: dict[str, frozenset[Role]] = {}
        for role, names in roles.items():
            for name in names:
                more[name] = more.get(name, self.column(name).roles) | {Role(role)}
        return self._changed({name: {"roles": held} for name, held in more.items()})

    def with_known_at(self, times: Mapping[str, str]) -> Self:
        """Return a schema with known-at rules set, as ``{column: rule}``."""
        return self._changed(
            {self.column(name).name: {"known_at": rule} for name, rule in times.items()}
        )

    def expect(self, name: str, column: str | None = None, **arguments: Any) -> Self:  # noqa: ANN401 - an expectation's own arguments
        """Return a schema with one more expectation; ``mostly`` and ``severity`` are its own.

        Example:
            >>> schema = Schema((Column("temp", "float"),))
            >>> schema.expect("expect_column_values_to_be_between", "temp", min_value=60,
            ...               max_value=75, mostly=0.95).expectations[0].mostly
            0.95
        """
        own = {key: arguments.pop(key) for key in ("mostly", "severity") if key in arguments}
        added = Expectation(name, column, arguments, **own)
        return replace(self, expectations=(*self.expectations, added))

    def to_json(self) -> dict[str, Json]:
        """Return the schema as a plain JSON object."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "predicted_at": self.predicted_at,
            "columns": [column.to_json() for column in self.columns],
            "expectations": [expectation.to_json() for expectation in self.expectations],
            **({"phases": dict(self.phases)} if self.phases else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a schema from :meth:`to_json`.

        Raises:
            VersionError: If it was written by a newer Homeostat.
            SchemaError: If it is no schema.
        """
        if (written := data.get("format", 1)) > _FORMAT:
            raise VersionError(
                f"The schema has format {written}, this Homeostat reads up to {_FORMAT}: upgrade."
            )
        try:
            columns = tuple(Column(**column) for column in data["columns"])
            expectations = tuple(Expectation(**e) for e in data.get("expectations", ()))
        except (KeyError, TypeError) as error:
            raise SchemaError(f"This is no schema's JSON: {error}.") from error
        return cls(
            columns,
            expectations,
            data.get("predicted_at"),
            data.get("name", ""),
            data.get("phases", {}),
        )

    def _changed(self, changes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return a schema with fields of some columns changed, by name."""
        columns = (replace(c, **changes.get(c.name, {})) for c in self.columns)
        return replace(self, columns=tuple(columns))

    def _only(self, role: Role) -> str:
        names = self.having(role)
        if len(names) != 1:
            raise SchemaError(
                f"The schema must have one {role} column, it has {len(names)}"
                f"{': ' + ', '.join(names) if names else ''}; set it with `with_roles`."
            )
        return names[0]

    def _within(self, known_at: str | None, kept: set[str]) -> str | None:
        """Keep a time rule only where the column it stands on is kept."""
        if known_at is None:
            return None
        column = self.rule(known_at).column
        return known_at if column is None or column in kept else None
