"""Run a query; what Polars refuses becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from homeostat.core import CorruptionError, InputError, NotFoundError

__all__ = ["collected", "told"]


@contextmanager
def told() -> Iterator[None]:
    """Turn an error of Polars into one of ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"A file of the table is gone: {error}.") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        kind = CorruptionError if "arquet" in first or isinstance(error, OSError) else InputError
        raise kind(f"The table cannot be computed: {first}.") from error


def collected(lazy: pl.LazyFrame, *, whole: bool = False) -> pl.DataFrame:
    """Return the rows of a query.

    Args:
        lazy: The query.
        whole: Whether it needs all rows at once, as a sort does: then the engine that has them all
            in memory takes a tenth of the time of the one that streams.

    Raises:
        NotFoundError: If a file of the table is gone.
        CorruptionError: If one is damaged.
        InputError: If Polars refuses the query.
    """
    with told():
        return lazy.collect(engine="in-memory" if whole else "auto")
