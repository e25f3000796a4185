"""A schema as a pydantic model: the rules of the batch, for one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from keyword import iskeyword
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    Strict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from homeostat.core import Column, ColumnType, Schema, suggest
from homeostat.data._check import promises
from homeostat.data._rules import About, RowRule, compile_rule

__all__ = [
    "FieldError",
    "Request",
    "RequestModel",
    "request_model",
    "validate_request",
    "validate_requests",
]

_INT64 = 1 << 63
_RULE = "homeostat_rule"

Test = Callable[[Mapping[str, object]], bool]


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request.

    Args:
        field: Name of the column; several joined by commas for a rule across columns.
        value: What was sent; None where nothing was.
        rule: The rule it breaks, named like the batch's check, such as ``"schema.type"``.
        message: The rule in words.
        row: Number of the request among several, from 0.
    """

    field: str
    value: object
    rule: str
    message: str
    row: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What came of validating: the values by column, or what is wrong with them."""

    values: dict[str, object] | None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule that a single row can be held to."""

    check: str
    rule: RowRule
    test: Test


class RequestModel(BaseModel):
    """What :func:`request_model` makes: fields are the schema's columns.

    A column whose name cannot be an attribute has a made-up one, with the name as its alias.
    """

    column_of: ClassVar[dict[str, str]] = {}
    """Column by field."""

    def values(self) -> dict[str, object]:
        """Return the values by column."""
        return {column: self.__dict__[field] for field, column in self.column_of.items()}


def request_model(
    schema: Schema,
    *,
    columns: Iterable[str] | None = None,
    extra: Literal["refuse", "ignore"] = "refuse",
) -> type[RequestModel]:
    """Compile a schema to a pydantic model of one request.

    It holds a request to what `check` holds a batch to: types (strictly: no text for numbers,
    no 3.0 for 3), nulls, NaN and infinities, categories, and each expectation that one row can
    break. What takes many rows to tell (uniqueness, means) is the batch's; so are expectations
    that only warn or that some rows may break (``mostly`` below 1). Times are ISO 8601 with
    their zone.

    Args:
        schema: What is expected.
        columns: The fields; the schema's features by default, or all columns if it has none.
        extra: Whether a field beyond those is refused or ignored.

    Raises:
        SchemaError: If a column or an expectation does not exist.

    Example:
        >>> schema = Schema((Column("late", ColumnType.INT),)).expect(
        ...     "expect_column_values_to_be_between", "late", min_value=0)
        >>> request_model(schema).model_validate({"late": 5})
        LateRequest(late=5)
    """
    part = schema.select(columns or schema.features or schema.names)
    rules = list(_single_row_rules(part))
    alone: dict[str, list[_Rule]] = {name: [] for name in part.names}
    for rule in rules:
        if len(rule.rule.columns) == 1:
            alone[rule.rule.columns[0]].append(rule)
    across = [rule for rule in rules if len(rule.rule.columns) > 1]
    fields = {_field_name(name, number): name for number, name in enumerate(part.names)}
    definitions: dict[str, Any] = {
        field: _definition(part.column(name), field, alone[name]) for field, name in fields.items()
    }
    model = create_model(
        f"{(schema.name or 'row').title().replace('-', '').replace(' ', '')}Request",
        __base__=RequestModel,
        __cls_kwargs__={"extra": "forbid" if extra == "refuse" else "ignore"},
        __validators__={"hold_across": model_validator(mode="after")(_holder(across))},
        **definitions,
    )
    model.column_of = fields
    return model


def _single_row_rules(schema: Schema) -> Iterable[_Rule]:
    """Yield the rules that refuse a row by themselves, nulls apart: those are the type's."""
    for promise in promises(schema):
        one = promise.expectation
        if promise.check == "schema.null" or one.severity != "fail" or one.mostly < 1:
            continue
        rule = compile_rule(one, About.of(schema, one.column))
        if isinstance(rule, RowRule) and rule.test is not None:
            yield _Rule(promise.check, rule, rule.test)


def _field_name(name: str, number: int) -> str:
    usable = name.isidentifier() and not iskeyword(name) and not name.startswith("_")
    return name if usable and not hasattr(RequestModel, name) else f"column_{number}"


def _definition(column: Column, field: str, rules: Sequence[_Rule]) -> tuple[Any, Any]:
    kind = _TYPES[column.type]
    if column.nullable:
        kind = kind | None
    if rules:
        kind = Annotated[kind, AfterValidator(_value_holder(column.name, rules))]
    unit = f" ({column.unit})" if column.unit else ""
    said = "; ".join([f"{column.description}{unit}".strip(), *(one.rule.words for one in rules)])
    alias = None if field == column.name else column.name
    return kind, Field(alias=alias, description=said.removeprefix("; ") or None)


def _value_holder(name: str, rules: Sequence[_Rule]) -> Callable[[object], object]:
    tests = [(one.test, one) for one in rules]

    def hold(value: object) -> object:
        row = {name: value}
        for test, one in tests:
            if not test(row):
                _break([one])
        return value

    return hold


def _holder(rules: Sequence[_Rule]) -> Callable[[RequestModel], RequestModel]:
    def hold(request: RequestModel) -> RequestModel:
        if rules:
            values = request.values()
            if broken := [one for one in rules if not one.test(values)]:
                _break(broken)
        return request

    return hold


def _break(rules: Sequence[_Rule]) -> None:
    broken = [
        (", ".join(r.rule.columns), r.check, f"It must hold that {r.rule.words}") for r in rules
    ]
    raise PydanticCustomError(_RULE, "{said}", {"said": broken[0][2], "broken": broken})


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
    ColumnType.INT: Annotated[StrictInt, Field(ge=-_INT64, lt=_INT64)],
    ColumnType.FLOAT: StrictFloat,
    ColumnType.STRING: StrictStr,
    ColumnType.CATEGORY: StrictStr,
    ColumnType.DATE: Annotated[date, Strict(), BeforeValidator(_day)],
    ColumnType.DATETIME: Annotated[datetime, Strict(), BeforeValidator(_instant)],
}


def validate_request(model: type[RequestModel], payload: object) -> Request:
    """Validate one request; nothing is raised, each error names field, value and rule.

    Args:
        model: From :func:`request_model`.
        payload: A mapping from column to value, as read from JSON.

    Example:
        >>> model = request_model(Schema((Column("late", ColumnType.INT),)))
        >>> for error in validate_request(model, {"late": "5"}).errors:
        ...     print(error.field, error.rule, "-", error.message)
        late schema.type - Input should be a valid integer
    """
    try:
        return Request(model.model_validate(payload).values())
    except ValidationError as error:
        details = error.errors(include_url=False)
        return Request(None, tuple(one for found in details for one in _errors(model, found)))


def validate_requests(model: type[RequestModel], payloads: Sequence[object]) -> list[Request]:
    """Validate many requests, one by one, in order; errors carry the number of their row."""
    requests = (validate_request(model, payload) for payload in payloads)
    return [
        Request(request.values, tuple(replace(error, row=row) for error in request.errors))
        for row, request in enumerate(requests)
    ]


def _errors(model: type[RequestModel], details: ErrorDetails) -> Iterable[FieldError]:
    """Turn one of pydantic's errors into ours; one across columns may hold several."""
    field = str(details["loc"][0]) if details["loc"] else ""
    value, message = details["input"], details["msg"]
    if details["type"] == _RULE:
        broken = cast("list[tuple[str, str, str]]", details["ctx"]["broken"])
        across = len(broken) > 1 or not details["loc"]
        for columns, check, said in broken:
            sent = {name: value.get(name) for name in columns.split(", ")} if across else value
            yield FieldError(columns, sent, check, said)
    elif details["type"] == "missing":
        yield FieldError(field, None, "schema.columns", "This field is missing")
    elif details["type"] == "extra_forbidden":
        hint = suggest(field, model.column_of.values())
        yield FieldError(field, value, "schema.columns", f"There is no such field.{hint}")
    elif value is None and field:
        yield FieldError(field, None, "schema.null", "This field must not be null")
    else:
        yield FieldError(field, value, "schema.type", message)
