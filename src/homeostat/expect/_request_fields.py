"""One column of a schema as a field of a pydantic model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from pydantic_core import PydanticCustomError

from homeostat.core import Column, ColumnType, Schema
from homeostat.expect._check import promises
from homeostat.expect._rules import About, RowRule, compile_rule

__all__ = ["BROKEN", "HeldRule", "RequestField", "refuse", "rules_of_a_row"]

BROKEN = "homeostat_rule"
"""Kind of the error that stands for rules of ours."""
_INT64 = 1 << 63
_ERRORS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "allow_inf_nan": "finite_number",
    "pattern": "string_pattern_mismatch",
    "min_length": "string_too_short",
    "max_length": "string_too_long",
    "literal": "literal_error",
}
"""Kind of pydantic's error by the constraint that it is about."""


@dataclass(frozen=True, slots=True)
class HeldRule:
    """A rule that a single row is held to.

    Args:
        check: The batch's name for it.
        words: What must hold.
        columns: What it reads.
        test: Whether a row conforms.
        native: The constraints of pydantic that say the same, if there are.
    """

    check: str
    words: str
    columns: tuple[str, ...]
    test: Callable[[Mapping[str, object]], bool]
    native: Mapping[str, Any]


def rules_of_a_row(schema: Schema) -> Iterator[HeldRule]:
    """Yield the rules that a row can break by itself, but for nulls, which are the type's.

    What only warns, and what some rows may break, refuses no row.
    """
    for promise in promises(schema):
        one = promise.expectation
        if promise.check == "schema.null" or one.severity != "fail" or one.mostly < 1:
            continue
        rule = compile_rule(one, About.of(schema, one.column))
        if isinstance(rule, RowRule) and rule.test is not None:
            yield HeldRule(promise.check, rule.words, rule.columns, rule.test, rule.native or {})


def refuse(rules: Sequence[HeldRule]) -> None:
    """Raise the error, as pydantic wants it, that says which rules are broken."""
    said = "; ".join(one.words for one in rules)
    raise PydanticCustomError(BROKEN, "{said}", {"said": said, "broken": list(rules)})


@dataclass(slots=True)
class RequestField:
    """How one column is checked: by pydantic where it can, since that is quick, else by tests.

    Pydantic's comparisons refuse NaN, so of floats they serve only where NaN is refused anyway.

    Args:
        column: The column.
        rules: Those that read this column alone.
    """

    column: Column
    rules: Sequence[HeldRule]
    by_error: dict[str, HeldRule] = field(default_factory=dict)
    _constraints: dict[str, Any] = field(default_factory=dict)
    _tested: list[HeldRule] = field(default_factory=list)

    def __post_init__(self) -> None:
        for one in self.rules:
            if self._fits(one.native):
                self._constraints.update(one.native)
                self.by_error.update({_ERRORS[name]: one for name in one.native})
            else:
                self._tested.append(one)

    def _fits(self, native: Mapping[str, Any]) -> bool:
        names, taken = set(native), set(self._constraints)
        if self.column.type is ColumnType.FLOAT and "allow_inf_nan" not in names | taken:
            return False
        return bool(names) and not names & taken and not (taken and "literal" in names | taken)

    def definition(self, name: str) -> Any:  # noqa: ANN401 - as `pydantic.create_model` wants it
        """Return type and field; a name other than the column's has that as its alias."""
        kind = self._kind()
        if self.column.nullable:
            kind |= None
        if self._tested:
            kind = Annotated[kind, AfterValidator(self._hold)]
        unit = f" ({self.column.unit})" if self.column.unit else ""
        meaning = f"{self.column.description}{unit}".strip()
        words = "; ".join(filter(None, [meaning, *(one.words for one in self.rules)]))
        alias = None if name == self.column.name else self.column.name
        return kind, Field(alias=alias, description=words or None)

    def _kind(self) -> Any:  # noqa: ANN401 - a type made at run time
        limits = dict(self._constraints)
        if literal := limits.pop("literal", None):
            return Literal[literal]
        if self.column.type is ColumnType.INT:
            limits["ge"] = max(limits.get("ge", -_INT64), -_INT64)
            limits["le"] = min(limits.get("le", _INT64 - 1), _INT64 - 1)
        kind: Any = _TYPES[self.column.type]
        return Annotated[kind, Field(**limits)] if limits else kind

    def _hold(self, value: object) -> object:
        row = {self.column.name: value}
        for one in self._tested:
            if not one.test(row):
                refuse([one])
        return value


def _day(value: object) -> object:
    """Read an ISO date; a number or a time is none."""
    if isinstance(value, str):
        value = _parsed(date.fromisoformat, value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise PydanticCustomError("date", "Input should be a date in ISO 8601")


def _instant(value: object) -> object:
    """Read an ISO time with its zone; a number, or a time without a zone, is none."""
    if isinstance(value, str):
        value = _parsed(datetime.fromisoformat, value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise PydanticCustomError("instant", "Input should be a time in ISO 8601 with its zone")


def _parsed(parse: Callable[[str], object], text: str) -> object:
    try:
        return parse(text)
    except ValueError:
        return None


_TYPES: dict[ColumnType, Any] = {
    ColumnType.BOOL: StrictBool,
    ColumnType.INT: StrictInt,
    ColumnType.FLOAT: StrictFloat,
    ColumnType.STRING: StrictStr,
    ColumnType.CATEGORY: StrictStr,
    ColumnType.DATE: Annotated[date, Strict(), BeforeValidator(_day)],
    ColumnType.DATETIME: Annotated[datetime, Strict(), BeforeValidator(_instant)],
}
