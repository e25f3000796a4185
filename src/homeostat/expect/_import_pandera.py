"""Schemas of pandera (pandas and Polars), as objects, classes, JSON or YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from homeostat.core import Expectation, Finding, MissingExtraError, SchemaError
from homeostat.expect._imported import Imported, refusal
from homeostat.expect._named import complete
from homeostat.expect._pandera_checks import CHECKS, of_check
from homeostat.expect._rules import IF_PRESENT
from homeostat.expect._suite import Suite

__all__ = ["import_pandera"]

_OF_COLUMN = {"dtype", "nullable", "unique", "coerce", "required", "regex", "checks", "title"}
_OF_COLUMN |= {"description", "default", "metadata", "parsers", "drop_invalid_rows"}


def import_pandera(source: object, *, partial: bool = False) -> Imported:
    """Read a schema of pandera: a ``DataFrameSchema``, a ``DataFrameModel``, or its JSON or YAML.

    What it converts (``coerce``, parsers, defaults) is not taken over: Homeostat checks and never
    changes data. Functions that were written as checks cannot be read either.

    Args:
        source: The schema, of pandas or Polars; a mapping; JSON or YAML text, or a file's path.
        partial: Whether to go on without what cannot be read; each is then in ``refused``.

    Returns:
        The suite, and a finding on each part of the schema that it lacks, with the reason.

    Raises:
        SchemaError: If it is no schema, or (unless ``partial``) something of it is lacking.
        MissingExtraError: If YAML is to be read without PyYAML.

    Example:
        >>> schema = {"columns": {"late": {"dtype": "int64", "greater_than": -60}}}
        >>> for one in import_pandera(schema).suite.expectations:
        ...     print(one.name, dict(one.arguments))
        expect_column_to_exist {}
        expect_column_values_to_be_of_type {'type_': 'int64'}
        expect_column_values_to_not_be_null {}
        expect_column_values_to_be_between {'min_value': -60, 'strict_min': True}
    """
    schema = _Schema.of(source)
    found = list(schema.read())
    kept = tuple(one for one in found if isinstance(one, Expectation))
    refused = tuple(one for one in found if isinstance(one, Finding))
    return Imported(Suite(schema.name, kept), refused).whole(partial=partial)


@dataclass(frozen=True, slots=True)
class _Check:
    """One check: its name, its arguments, and its settings."""

    name: str
    given: Mapping[str, Any]
    ignore_na: bool = True
    warns: bool = False
    grouped: bool = False

    @classmethod
    def of(cls, check: Any) -> Self:  # noqa: ANN401 - an object of pandera
        """Read an object."""
        known = bool(check.statistics) and check.name in CHECKS
        name = str(check.name) if known else str(check.name or "?")
        return cls(
            name if known else f"{name}()",
            dict(check.statistics or {}),
            bool(check.ignore_na),
            bool(check.raise_warning),
            check.groupby is not None,
        )

    @classmethod
    def written(cls, name: str, given: object) -> Self:
        """Read what JSON or YAML has."""
        options: Mapping[str, Any] = {}
        if isinstance(given, Mapping):
            options = given.get("options") or {}
            given = {key: value for key, value in given.items() if key != "options"}
            if set(given) == {"value"} and (key := CHECKS.get(name, ("",))[0]):
                given = {key: given["value"]}
        else:
            given = {CHECKS.get(name, ("value",))[0] or "value": given}
        return cls(
            name,
            given,
            bool(options.get("ignore_na", True)),
            bool(options.get("raise_warning", False)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column of a schema, however that is written."""

    name: str
    dtype: str | None
    nullable: bool = False
    unique: bool = False
    required: bool = True
    changes: Sequence[str] = ()
    regex: bool = False
    checks: Sequence[_Check] = ()

    @classmethod
    def of(cls, name: str, column: Any) -> Self:  # noqa: ANN401 - an object of pandera
        """Read an object."""
        changing = {
            "coerce": column.coerce,
            "default": getattr(column, "default", None) is not None,
            "parsers": getattr(column, "parsers", None),
        }
        return cls(
            name=name,
            dtype=None if column.dtype is None else str(column.dtype),
            nullable=column.nullable,
            unique=column.unique,
            required=column.required,
            changes=[key for key, value in changing.items() if value],
            regex=column.regex,
            checks=[_Check.of(check) for check in column.checks],
        )

    @classmethod
    def written(cls, name: str, data: Mapping[str, Any]) -> Self:
        """Read what JSON or YAML has."""
        listed = data.get("checks") or {}
        if isinstance(listed, Mapping):
            listed = [{key: value} for key, value in listed.items()]
        pairs = [(key, value) for one in listed for key, value in _named_checks(one)]
        pairs += [(key, value) for key, value in data.items() if key not in _OF_COLUMN]
        changing = ("coerce", "default", "parsers")
        return cls(
            name=name,
            dtype=data.get("dtype"),
            nullable=data.get("nullable", False),
            unique=data.get("unique", False),
            required=data.get("required", True),
            changes=[key for key in changing if data.get(key) not in {None, False}],
            regex=data.get("regex", False),
            checks=[_Check.written(*pair) for pair in pairs],
        )

    def read(self) -> Iterator[Expectation | Finding]:
        """Yield what the column promises."""
        if self.regex:
            yield refusal(self.name, "it is a pattern of columns (`regex=True`): name each column")
            return
        if self.required:
            yield complete("expect_column_to_exist", {"column": self.name})
        for key in self.changes:
            why = f"its `{key}` changes values, and a check does not: convert before"
            yield refusal(self.name, why)
        if self.dtype is not None and "coerce" not in self.changes:
            yield self._made("expect_column_values_to_be_of_type", type_=self.dtype)
        if not self.nullable:
            yield self._made("expect_column_values_to_not_be_null")
        if self.unique:
            yield self._made("expect_column_values_to_be_unique")
        for check in self.checks:
            yield self._checked(check)

    def _made(self, name: str, **arguments: Any) -> Expectation:  # noqa: ANN401 - an expectation's
        absent = {} if self.required else {IF_PRESENT: True}
        return complete(name, {"column": self.name, **arguments, **absent})

    def _checked(self, check: _Check) -> Expectation | Finding:
        given = [f"{key}={value!r}" for key, value in check.given.items()]
        if check.grouped:
            return refusal(self.name, f"its check `{check.name}` is by group", given)
        if self.nullable and not check.ignore_na:
            why = f"its check `{check.name}` counts nulls (`ignore_na=False`)"
            return refusal(self.name, why, given)
        try:
            name, arguments = of_check(check.name, check.given)
            severity = "warn" if check.warns else "fail"
            return self._made(name, **arguments, severity=severity)
        except SchemaError as error:
            return refusal(self.name, str(error), given)


def _named_checks(one: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the checks of an entry: by name, or with the name among the options."""
    name = (one.get("options") or {}).get("check_name")
    if name is not None:
        yield name, one
    else:
        yield from one.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    """A schema, however it is written."""

    name: str
    columns: Sequence[_Column]
    unique: Sequence[Any] = ()
    strict: bool | str = False
    ordered: bool = False
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Any) -> Self:  # noqa: ANN401 - whatever pandera has
        """Read an object or a class of pandera, or what was written from it."""
        if isinstance(source, (Mapping, str, Path)):
            return cls._written(_parsed(source))
        schema = source.to_schema() if hasattr(source, "to_schema") else source
        if not type(schema).__module__.startswith("pandera") or not hasattr(schema, "columns"):
            raise SchemaError(
                "A schema of pandera is a DataFrameSchema, a DataFrameModel, or its JSON or YAML, "
                f"got {type(source).__name__}."
            )
        others = {
            "index": getattr(schema, "index", None),
            "checks": [str(check.name) for check in schema.checks or ()],
            "dtype": schema.dtype,
            "coerce": schema.coerce,
            "parsers": getattr(schema, "parsers", None),
        }
        return cls(
            name=schema.name or "",
            columns=[_Column.of(name, column) for name, column in schema.columns.items()],
            unique=schema.unique or (),
            strict=schema.strict,
            ordered=schema.ordered,
            others=others,
        )

    @classmethod
    def _written(cls, data: Mapping[str, Any]) -> Self:
        columns = data.get("columns")
        if not isinstance(columns, Mapping):
            raise SchemaError("A schema of pandera has `columns`.")
        others = {key: data.get(key) for key in ("index", "checks", "dtype", "coerce")}
        return cls(
            name=data.get("name") or "",
            columns=[_Column.written(name, one or {}) for name, one in columns.items()],
            unique=data.get("unique") or (),
            strict=data.get("strict", False),
            ordered=data.get("ordered", False),
            others=others,
        )

    def read(self) -> Iterator[Expectation | Finding]:
        """Yield all that the schema promises."""
        yield from self._of_table()
        for column in self.columns:
            yield from column.read()
        several = self.unique and not isinstance(self.unique[0], str)
        for names in self.unique if several else [self.unique]:
            if names:
                arguments = {"column_list": [names] if isinstance(names, str) else list(names)}
                yield complete("expect_compound_columns_to_be_unique", arguments)
        for key, value in self.others.items():
            empty = isinstance(value, (list, tuple, dict)) and not value
            if value is not None and value is not False and not empty:
                yield refusal(key, f"the schema's own `{key}` has no like here")

    def _of_table(self) -> Iterator[Expectation | Finding]:
        names = [column.name for column in self.columns]
        firm = all(column.required and not column.regex for column in self.columns)
        if self.strict == "filter":
            yield refusal("strict", "`strict='filter'` drops columns: select them before")
        elif self.strict and not firm:
            yield refusal("strict", "`strict` goes with optional or patterned columns")
        elif self.strict and self.ordered:
            yield complete("expect_table_columns_to_match_ordered_list", {"column_list": names})
        elif self.strict:
            yield complete("expect_table_columns_to_match_set", {"column_set": names})
        if self.ordered and not (self.strict is True and firm):
            yield refusal("ordered", "`ordered` is read only together with `strict=True`")


def _parsed(source: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    text = str(source)
    if isinstance(source, Path) or ("\n" not in text and "{" not in text):
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise SchemaError(f"The schema cannot be read: {error}.") from error
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        data = _yaml(text)
    if not isinstance(data, Mapping):
        raise SchemaError(f"A schema is an object, got {type(data).__name__}.")
    return data


def _yaml(text: str) -> object:
    try:
        yaml = import_module("yaml")
    except ModuleNotFoundError:
        raise MissingExtraError("pyyaml", extra="yaml") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SchemaError(f"The schema is neither JSON nor YAML: {error}.") from error
