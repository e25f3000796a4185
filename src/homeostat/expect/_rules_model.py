"""The expectation that rows fit a pydantic model."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from pydantic import ValidationError

from homeostat.core import SchemaError
from homeostat.expect._models import (
    FINE,
    fields_of,
    model_named,
    quick_checks,
    valid_rows,
)
from homeostat.expect._rules import About, RowRule, Values, register_expectation

__all__: list[str] = []

_AT = "homeostat at"


@register_expectation("expect_rows_to_match_model")
def match_model(about: About, *, model: str) -> RowRule:
    """Each row validates as a pydantic model, with all its validators.

    Plain types and constraints are decided by whole columns. Where a field or the model has a
    validator (or a type that columns do not decide), the rows that pass so far are validated in
    batches, each distinct row once: about 1 us a distinct row and 1 us a field, on top of what
    the validators cost themselves. A field without a column takes its default.

    Args:
        about: The table.
        model: The class, or its registered name ``module:class``.
    """
    kind = model_named(model)
    columns = {}
    for name, column, field in fields_of(kind):
        if column in about.dtypes:
            columns[column] = name
        elif field.is_required():
            raise SchemaError(f"there is no column `{column}`, which {kind.__name__} requires.")
    if not columns:
        raise SchemaError(f"the table has none of the columns of {kind.__name__}.")
    quick, decided = quick_checks(kind, about.dtypes)

    def validated(rows: pl.Series) -> pl.Series:
        table = rows.struct.unnest().with_row_index(_AT)
        passed = table.filter(pl.col(FINE))
        right = valid_rows(kind, passed.select(*columns))
        fine = table[FINE].to_numpy(writable=True)
        fine[passed[_AT].to_numpy()] = right.to_numpy()
        return pl.Series(rows.name, fine)

    ok = quick
    if not decided:
        held = pl.struct(*columns, quick.alias(FINE))
        ok = held.map_batches(validated, return_dtype=pl.Boolean, is_elementwise=True)

    def errors(row: Mapping[str, object]) -> list[str]:
        try:
            kind.model_validate({column: row[column] for column in columns})
        except ValidationError as error:
            found = error.errors(include_url=False)
            return [f"{'.'.join(map(str, one['loc'])) or 'row'}: {one['msg']}" for one in found]
        return []

    def test(row: Values) -> bool:
        return not errors(row)

    return RowRule(
        ok=ok,
        test=test,
        words=f"each row is a valid {kind.__name__}",
        columns=tuple(columns),
        why=lambda row: "; ".join(errors(row)),
    )
