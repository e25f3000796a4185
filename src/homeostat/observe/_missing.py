"""Missing values: how many a scalar, an array, a series, a tensor or each column of a frame has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["columns_of", "missing"]


def columns_of(data: Any) -> Mapping[str, int] | None:  # noqa: ANN401 - a frame of any library
    """Return how many values each column of a frame lacks; None if it is no frame.

    A frame is one of Polars or pandas, a PyArrow table, or a mapping of columns.
    """
    if isinstance(data, Mapping):
        return {str(name): missing(column) for name, column in data.items()}
    if not hasattr(data, "columns") or not hasattr(data, "shape"):
        return None
    if hasattr(data, "null_count") and hasattr(data, "with_columns"):
        return _polars(data)
    if hasattr(data, "isna"):
        gaps = data.isna().to_numpy().sum(axis=0)
        numbers = data.select_dtypes("floating")
        infinite = dict(zip(numbers.columns, _infinite(numbers.to_numpy()), strict=True))
        return {
            str(name): int(gap) + int(infinite.get(name, 0))
            for name, gap in zip(data.columns, gaps, strict=True)
        }
    if hasattr(data, "to_pydict"):
        import polars as pl  # noqa: PLC0415 - whoever has a table can wait for it once

        return _polars(pl.from_arrow(data))
    return None


def missing(values: Any) -> int:  # noqa: ANN401 - an array of any library
    """Return how many values are null, NaN or infinite."""
    import numpy as np  # noqa: PLC0415 - whoever has an array has it loaded

    if hasattr(values, "null_count") and hasattr(values, "is_nan"):  # a Polars series
        floats = values.dtype.is_float()
        return int(values.null_count()) + (int((~values.is_finite()).sum()) if floats else 0)
    if hasattr(values, "isna"):  # a pandas series
        return int(np.asarray(values.isna()).sum()) + (
            int(_infinite(np.asarray(values)).sum()) if values.dtype.kind == "f" else 0
        )
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    if hasattr(values, "__float__") and not hasattr(values, "shape"):
        values = float(values)
    array = np.asarray(values)
    if array.dtype.kind in "fc":
        return int(array.size - np.isfinite(array).sum())
    if array.dtype.kind in "mM":
        return int(np.isnat(array).sum())
    return _objects(array.reshape(-1).tolist()) if array.dtype.kind == "O" else 0


def _objects(items: list[Any]) -> int:
    return sum(
        item is None or (isinstance(item, float) and not math.isfinite(item)) for item in items
    )


def _infinite(array: Any) -> Any:  # noqa: ANN401 - NumPy's
    import numpy as np  # noqa: PLC0415 - as above

    return np.isinf(array.astype(float)).sum(axis=0)


def _polars(frame: Any) -> dict[str, int]:  # noqa: ANN401 - Polars is not loaded for its type
    """Count in one pass over all columns."""
    import polars as pl  # noqa: PLC0415 - whoever has a frame has it loaded

    counted = frame.select(
        pl.col(name).null_count() + ((~pl.col(name).is_finite()).sum() if dtype.is_float() else 0)
        for name, dtype in frame.schema.items()
    )
    sums = counted.row(0) if counted.height else ()
    return {name: int(n) for name, n in zip(counted.columns, sums, strict=True)}
