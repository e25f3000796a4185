"""Asking the record what was logged, without opening it by hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from homeostat.record import Record

__all__ = ["history", "runs"]


def runs(
    filter: str | None = None,  # noqa: A002 - the field's word
    *,
    order: str = "-started",
    project: str | None = None,
    columns: Sequence[str] = (),
    flat: bool = False,
    limit: int | None = None,
    record: Record | str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """Return runs as a frame; see :meth:`homeostat.Record.runs`.

    Args:
        filter: What must hold, such as ``"config.lr < 0.01 and summary.auc > .8"``.
        order: By what, such as ``"-summary.auc"``.
        project: What they belong to; None is all.
        columns: More columns: ``["config.lr", "summary.auc"]``.
        flat: Whether every value in configs and summaries becomes a column.
        limit: How many at most.
        record: The record or its folder; the usual one unless told.

    Raises:
        NotFoundError: If there is no record there.
        InputError: If the filter or the order cannot be understood.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import homeostat as hs
        >>> with TemporaryDirectory() as folder:
        ...     asked = {"record": folder, "settings": {"silent": True, "capture": False}}
        ...     for lr in (0.1, 0.001):
        ...         with hs.init("demo", config={"lr": lr}, **asked):
        ...             hs.log({"auc": 0.9 - lr})
        ...     found = runs("config.lr < 0.01", columns=["summary.auc"], record=folder)
        >>> found["summary.auc"].to_list()
        [0.899]
    """
    return _opened(record).runs(
        filter, order=order, system=project, columns=columns, flat=flat, limit=limit
    )


def history(
    run: str | Sequence[str],
    names: Sequence[str] | None = None,
    *,
    x: str = "step",
    record: Record | str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """Return what runs logged, a row a step and a column a metric; see `homeostat.Record.history`.

    Args:
        run: Id of a run, or several.
        names: Of which metrics; None is all.
        x: What the rows are ordered by: ``"step"``, ``"time"``, or a metric.
        record: The record or its folder; the usual one unless told.
    """
    return _opened(record).history(run, names, x=x)


def _opened(record: Record | str | os.PathLike[str] | None) -> Record:
    from homeostat.record import Record as Opened  # noqa: PLC0415 - loaded when one asks

    if isinstance(record, Opened):
        return record
    return Opened.open(os.fspath(record or os.environ.get("HOMEOSTAT_RECORD") or ".homeostat"))
