"""The labeling queue in the record: what a person was asked for, and what is still open."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from homeostat.core import SchemaError
from homeostat.loop._release import open_record
from homeostat.serve import joined

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["ask_for_labels", "wanted_labels"]

_EVENT = "label.wanted"
_ITEMS = 1000  # in one event
_COLUMNS = {
    "key": pl.String(),
    "reason": pl.String(),
    "priority": pl.Float64(),
    "source": pl.String(),
    "prediction": pl.Float64(),
    "asked_at": pl.Datetime("us", "UTC"),
}
_TOLD = {**_COLUMNS, "asked_at": pl.Int64()}


def ask_for_labels(record: Record | Path | str, system: str, items: pl.DataFrame) -> int:
    """Put items into the labeling queue of a system; those that are in it already stay as they are.

    Args:
        record: The record, or its folder.
        system: Its name.
        items: As `homeostat.evaluate.to_label` returns them: columns key, reason, priority,
            source, prediction, asked_at.

    Returns:
        How many were new. Two processes that ask for one key at the same time may both count it;
        :func:`wanted_labels` has it once.

    Raises:
        SchemaError: If a column is missing, or a key is.
    """
    if missing := [name for name in _COLUMNS if name not in items.columns]:
        raise SchemaError(
            f"Items for labeling need the columns {', '.join(_COLUMNS)}: {', '.join(missing)} "
            "missing; `homeostat.evaluate.to_label` makes such a frame."
        )
    if nulls := items["key"].null_count():
        raise SchemaError(f"Each item for labeling needs a key, {nulls} have none.")
    opened = open_record(record)
    new = items.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    new = new.unique("key", keep="first", maintain_order=True).join(
        _asked(opened, system).select("key"), on="key", how="anti", maintain_order="left"
    )
    if new.is_empty():
        return 0
    told = new.with_columns(pl.col("asked_at").dt.epoch("us"))
    with opened.start_run("labels", "labels wanted", system=system) as run:
        for part in told.iter_slices(_ITEMS):
            run.event(_EVENT, {"system": system, "items": part.to_dicts()})
    return new.height


def wanted_labels(
    record: Record | Path | str, system: str, *, answered: Iterable[str] = ()
) -> pl.DataFrame:
    """Return the items of a system that wait for a label, each key once, the most wanted first.

    Args:
        record: The record, or its folder.
        system: Its name; outcomes that its servers were told answer items, by the prediction's id
            or the row's key.
        answered: Keys whose outcome is known otherwise.

    Returns:
        The columns of :func:`ask_for_labels`; of a key that was asked for twice the first.
    """
    opened = open_record(record)
    frame = joined(opened, system).frame.filter(pl.col("outcome").is_not_null())
    known = [frame["id"], frame["key"].drop_nulls(), pl.Series(list(answered), dtype=pl.String)]
    done = pl.concat([one.alias("key").cast(pl.String) for one in known]).unique()
    open_ = _asked(opened, system).filter(~pl.col("key").is_in(done.implode()))
    return open_.sort("priority", descending=True, maintain_order=True, nulls_last=True)


def _asked(record: Record, system: str) -> pl.DataFrame:
    """Return all that was ever asked for, the first time of each key."""
    payloads = record.events(_EVENT, system=system)["payload"]
    rows = [item for payload in payloads for item in json.loads(payload)["items"]]
    found = pl.DataFrame(rows, schema=_TOLD, orient="row")
    at = pl.from_epoch("asked_at", time_unit="us").dt.replace_time_zone("UTC")
    found = found.with_columns(at.alias("asked_at")).select(_COLUMNS.keys())
    return found.unique("key", keep="first", maintain_order=True)
