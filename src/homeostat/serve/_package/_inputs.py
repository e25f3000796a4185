"""Inputs: the container that a Python model takes its rows in."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from homeostat.core import InputError, MissingExtraError, suggest
from homeostat.serve._package._columns import Columns

__all__ = ["CONTAINERS", "contained", "has_pandas", "must_be_container"]

CONTAINERS = ("polars", "pandas", "numpy")


def contained(frame: pl.DataFrame, container: str, columns: Columns) -> Any:  # noqa: ANN401 - a frame or an array
    """Return rows as a Polars frame, a pandas frame or a NumPy array, columns in order.

    In pandas and NumPy a null is NaN among numbers and None among text; columns with levels are
    pandas categories, in NumPy their codes.
    """
    chosen = frame.select(columns.names)
    if container == "polars":
        return chosen
    if container == "pandas":
        return _to_pandas(chosen, columns)
    if all(
        n in columns.levels or d.is_numeric() or d == pl.Boolean for n, d in chosen.schema.items()
    ):
        return columns.matrix(chosen)
    return np.array(chosen.rows(), dtype=object).reshape(chosen.shape)


def has_pandas() -> bool:
    """Say whether pandas can be imported."""
    try:
        import pandas  # noqa: F401, ICN001, PLC0415 - only asked whether it is there
    except ImportError:
        return False
    return True


def must_be_container(name: str) -> None:
    """Raise InputError unless it names a container."""
    if name not in CONTAINERS:
        raise InputError(
            f"`inputs` is one of {', '.join(CONTAINERS)}, got {name!r}.{suggest(name, CONTAINERS)}"
        )


def _to_pandas(frame: pl.DataFrame, columns: Columns) -> Any:  # noqa: ANN401 - of pandas
    try:
        import pandas as pd  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise MissingExtraError("pandas", extra="sources") from error
    held: dict[str, Any] = {}
    for name in columns.names:
        series = frame.get_column(name)
        if name in columns.levels:
            held[name] = pd.Categorical(series.to_list(), categories=list(columns.levels[name]))
        elif series.dtype.is_temporal():
            held[name] = pd.Series(series.to_list())
        else:
            held[name] = series.to_numpy()
    return pd.DataFrame(held, columns=list(columns.names))
