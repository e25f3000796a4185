"""A schema as a pydantic model: the rules of the batch, for one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel, ValidationError, create_model, model_validator
from pydantic_core import ErrorDetails

from homeostat.core import Schema, suggest
from homeostat.expect._request_fields import BROKEN, HeldRule, RequestField, refuse, rules_of_a_row

__all__ = [
    "FieldError",
    "Request",
    "RequestModel",
    "request_model",
    "validate_request",
    "validate_requests",
]


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


class RequestModel(BaseModel):
    """What :func:`request_model` makes: its fields are the schema's columns.

    A column whose name cannot be an attribute has a made-up one, with the name as its alias.
    """

    column_of: ClassVar[dict[str, str]] = {}
    """Column by field."""
    checks: ClassVar[dict[str, RequestField]] = {}
    """How each column is checked."""

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
    their zone. An ``expect_expression`` is right but slow, about 0.2 ms a request.

    Args:
        schema: What is expected.
        columns: The fields; the schema's features by default, or all columns if it has none.
        extra: Whether a field beyond those is refused or ignored.

    Raises:
        SchemaError: If a column or an expectation does not exist.

    Example:
        >>> from homeostat.core import Column
        >>> schema = Schema((Column("late", "int"),)).expect(
        ...     "expect_column_values_to_be_between", "late", min_value=0)
        >>> request_model(schema).model_validate({"late": 5})
        RowRequest(late=5)
    """
    part = schema.select(columns or schema.features or schema.names)
    rules = list(rules_of_a_row(part))
    checks = {
        column.name: RequestField(column, [one for one in rules if one.columns == (column.name,)])
        for column in part.columns
    }
    across = [one for one in rules if len(one.columns) > 1]
    column_of = {_field_name(name, number): name for number, name in enumerate(part.names)}
    model = create_model(
        f"{''.join(filter(str.isalnum, (schema.name or 'row').title()))}Request",
        __base__=RequestModel,
        __cls_kwargs__={"extra": "forbid" if extra == "refuse" else "ignore"},
        __validators__={"hold": cast("Any", model_validator(mode="after")(_holder(across)))},
        **{field: checks[name].definition(field) for field, name in column_of.items()},
    )
    model.column_of, model.checks = column_of, checks
    return model


def _field_name(name: str, number: int) -> str:
    usable = name.isidentifier() and not iskeyword(name) and not name.startswith("_")
    return name if usable and not hasattr(RequestModel, name) else f"column_{number}"


def _holder(rules: Sequence[HeldRule]) -> Callable[[RequestModel], RequestModel]:
    """Return what holds a request to the rules across columns; all that it breaks are told."""

    def hold(request: RequestModel) -> RequestModel:
        values = request.values() if rules else {}
        if broken := [one for one in rules if not one.test(values)]:
            refuse(broken)
        return request

    return hold


def validate_request(model: type[RequestModel], payload: object) -> Request:
    """Validate one request; nothing is raised, each error names field, value and rule.

    Args:
        model: From :func:`request_model`.
        payload: A mapping from column to value, as read from JSON.

    Example:
        >>> from homeostat.core import Column
        >>> model = request_model(Schema((Column("late", "int"),)))
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
    field, value = str(details["loc"][0]) if details["loc"] else "", details["input"]
    if details["type"] == BROKEN:
        for rule in cast("list[HeldRule]", details["ctx"]["broken"]):
            sent = value if field else {name: value.get(name) for name in rule.columns}
            yield FieldError(", ".join(rule.columns), sent, rule.check, _must(rule))
    elif details["type"] == "missing":
        yield FieldError(field, None, "schema.columns", "This field is missing")
    elif details["type"] == "extra_forbidden":
        hint = suggest(field, model.column_of.values())
        yield FieldError(field, value, "schema.columns", f"There is no such field.{hint}")
    elif value is None and field:
        yield FieldError(field, None, "schema.null", "This field must not be null")
    elif found := _native(model, field, details):
        yield FieldError(field, value, found.check, _must(found))
    else:
        yield FieldError(field, value, "schema.type", details["msg"])


def _must(rule: HeldRule) -> str:
    return f"It must hold that {rule.words}"


def _native(model: type[RequestModel], field: str, details: ErrorDetails) -> HeldRule | None:
    """Return the rule that one of pydantic's own errors is about, if it is about one."""
    if details["type"] == "literal_error" and not isinstance(details["input"], str):
        return None
    return model.checks[field].by_error.get(details["type"]) if field in model.checks else None
