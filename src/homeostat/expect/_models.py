"""Pydantic models as expectations: constraints by whole columns, validators by distinct rows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
import polars as pl
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from homeostat.core import SchemaError, suggest

__all__ = [
    "FINE",
    "fields_of",
    "model_named",
    "name_of_model",
    "quick_checks",
    "register_model",
    "valid_rows",
]

_MODELS: dict[str, type[BaseModel]] = {}
_BATCH = 20_000
FINE = "homeostat fine"
"""Name of a column beside those of a model."""


def register_model(model: type[BaseModel]) -> type[BaseModel]:
    """Make a pydantic model known by its name, so that a suite read from JSON can find it.

    A suite names its models and never imports what it names: reading one runs no code. It may be
    used as a decorator; passing a model to an expectation registers it too.

    Args:
        model: The class.
    """
    name_of_model(model)
    return model


def name_of_model(model: type[BaseModel]) -> str:
    """Register a model and return its name, ``module:class``."""
    name = f"{model.__module__}:{model.__qualname__}"
    _MODELS[name] = model
    return name


def model_named(name: str) -> type[BaseModel]:
    """Return a registered model.

    Raises:
        SchemaError: If there is none of that name.
    """
    if name not in _MODELS:
        raise SchemaError(
            f"There is no pydantic model `{name}`: import its module and call "
            f"`register_model(Model)` first.{suggest(name, _MODELS) if _MODELS else ''}"
        )
    return _MODELS[name]


_LIMITS: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "min_length": lambda values, least: values.str.len_chars() >= least,
    "max_length": lambda values, most: values.str.len_chars() <= most,
}
_STANDING: dict[type, Callable[[pl.DataType], bool]] = {
    int: lambda dtype: dtype.is_integer(),
    float: lambda dtype: dtype.is_float() or dtype.is_integer(),
    str: lambda dtype: dtype == pl.String(),
    bool: lambda dtype: dtype == pl.Boolean(),
}
"""Of which dtypes each value is surely of the type, so that whole columns decide."""
_HARMLESS = {"title", "frozen", "populate_by_name", "validate_by_name", "validate_by_alias"}
"""Settings of a model that change nothing about which values it takes."""


def quick_checks(model: type[BaseModel], dtypes: Mapping[str, pl.DataType]) -> tuple[pl.Expr, bool]:
    """Return what whole columns say of the rows, and whether that decides.

    A field whose type, constraints and dtype are plain (``int``, ``float``, ``str``, ``bool``,
    ``Literal``, optional or not; ``ge``, ``gt``, ``le``, ``lt``, lengths) is decided; with any
    other field, or a validator of the model or of a field, the rows that pass are still to be
    validated.
    """
    decorators = model.__pydantic_decorators__
    late = {"after"}
    before = [one.info for one in decorators.field_validators.values() if one.info.mode not in late]
    coerced = {name for info in before for name in info.fields}
    early = any(one.info.mode not in late for one in decorators.model_validators.values())
    opaque = early or "*" in coerced or decorators.root_validators or decorators.validators
    if opaque or set(model.model_config) - _HARMLESS:
        return pl.lit(value=True), False
    own = (model.__init__, model.model_post_init) != (BaseModel.__init__, BaseModel.model_post_init)
    whole = not (decorators.field_validators or decorators.model_validators or own)
    said = []
    for name, column, field in fields_of(model):
        if column in dtypes:
            found = None if name in coerced else _of_field(pl.col(column), dtypes[column], field)
            whole = whole and found is not None
            said += [] if found is None else [found]
    return reduce(operator.and_, said, pl.lit(value=True)), whole


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield each field: its name, its column (the alias, if it has one), and itself."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        if alias is not None and not isinstance(alias, str):
            raise SchemaError(f"The field `{name}` of {model.__name__} must have one plain alias.")
        yield name, alias or name, field


def _of_field(values: pl.Expr, dtype: pl.DataType, field: FieldInfo) -> pl.Expr | None:
    kind, optional = _optional(field.annotation)
    holds = _of_kind(values, dtype, kind)
    for limit in field.metadata:
        limits = {name: getattr(limit, name, None) for name in _LIMITS}
        given = {name: end for name, end in limits.items() if end is not None}
        length = bool(given.keys() & {"min_length", "max_length"})
        if holds is None or len(given) != 1 or (length and dtype != pl.String()):
            return None
        for name, end in given.items():
            if isinstance(end, bool) or not isinstance(end, (int, float)):
                return None
            # NaN is above everything to Polars, and fails each comparison of Python
            right = ~values.is_nan() if dtype.is_float() else True
            holds = holds & _LIMITS[name](values, end) & right
    if holds is None:
        return None
    return pl.when(values.is_null()).then(optional).otherwise(holds)


def _of_kind(values: pl.Expr, dtype: pl.DataType, kind: object) -> pl.Expr | None:
    if get_origin(kind) is Literal:
        wanted = get_args(kind)
        if dtype == pl.String() and all(isinstance(one, str) for one in wanted):
            return values.is_in(pl.Series(wanted, dtype=pl.String).implode())
        return None
    standing = _STANDING.get(kind) if isinstance(kind, type) else None
    return pl.lit(value=True) if standing is not None and standing(dtype) else None


def _optional(kind: object) -> tuple[object, bool]:
    """Return a type without None, and whether None was in it."""
    if get_origin(kind) not in {Union, UnionType}:
        return kind, False
    parts = [one for one in get_args(kind) if one is not NoneType]
    return (parts[0] if len(parts) == 1 else kind), NoneType in get_args(kind)


def valid_rows(model: type[BaseModel], rows: pl.DataFrame) -> pl.Series:
    """Say of each row whether it validates; where many are equal, they are validated once."""
    kinds = rows.unique(maintain_order=True)
    if 2 * kinds.height > rows.height:
        return _validated(model, rows)
    known = kinds.with_columns(_validated(model, kinds).alias(FINE))
    joined = rows.join(known, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")
    return joined[FINE]


def _validated(model: type[BaseModel], rows: pl.DataFrame) -> pl.Series:
    adapter = TypeAdapter(list[model])  # type: ignore[valid-type]
    bad: set[int] = set()
    for start in range(0, rows.height, _BATCH):
        try:
            adapter.validate_python(rows.slice(start, _BATCH).to_dicts())
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            bad |= {start + int(one["loc"][0]) for one in found}
    fine = np.ones(rows.height, bool)
    fine[list(bad)] = False
    return pl.Series(FINE, fine)
