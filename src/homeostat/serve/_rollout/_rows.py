"""Rows: what of a prediction log is evidence at an instant, and how it is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from homeostat.core import Json
from homeostat.serve._log._failures import read_failures
from homeostat.serve._log._joined import joined
from homeostat.serve._rollout._standing import Standing

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["Rows", "rows_at"]

_FAILED: dict[str, pl.DataType] = {
    "id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "arm": pl.String(),
    "share": pl.Float64(),
    "key": pl.String(),
    "errors": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What is evidence at an instant.

    Args:
        answered: Predictions with their outcomes; see `gather`.
        failed: Requests that an arm has failed.
        seen: What was read: enough to read it again, and to know whether it is the same.
    """

    answered: pl.DataFrame
    failed: pl.DataFrame
    seen: dict[str, Json]


def rows_at(
    record: Record, standing: Standing, at: datetime, seen: Mapping[str, Any] | None = None
) -> Rows:
    """Read the rows that are evidence at an instant.

    Args:
        record: Where the log is.
        standing: Of the rollout.
        at: The instant.
        seen: What a decision saw then; only that is read. None reads all that is there.
    """
    upto = standing.reading.upto(standing.begun, at)
    answered = _answered(record, standing, upto)
    failed = _failed(record, standing, upto)
    if seen is not None:
        answered = _upto(answered, seen["logs"])
        failed = _upto(failed, seen.get("failed", {}))
    told = _told_by_hand(standing, upto)
    found = _seen(answered, failed, told)
    if seen is not None and "failed" not in seen:  # of an older decision, which knew of none
        del found["failed"]
    return Rows(answered, pl.concat([failed.select(list(_FAILED)), told]), found)


def _answered(record: Record, standing: Standing, upto: datetime) -> pl.DataFrame:
    reading = standing.reading
    frame = joined(
        record,
        standing.name,
        since=standing.begun,
        until=upto,
        within=reading.within,
        negative=reading.negative,
        now=upto,
    ).frame
    told = pl.col("outcome_at").is_null() | (pl.col("outcome_at") < upto)
    return (
        _by_lot(_placed(frame, r"^(?<log>.*)-(?<number>\d+)$"), standing)
        .with_columns(outcome=pl.when(told).then("outcome"))
        .sort("at", "log", "number")
    )


def _failed(record: Record, standing: Standing, upto: datetime) -> pl.DataFrame:
    frame = read_failures(record, standing.name, since=standing.begun, until=upto)
    placed = _placed(frame, r"^(?<log>.*)-f(?<number>\d+)$")
    one = pl.lit(1, dtype=pl.Int64)
    return _by_lot(placed, standing).with_columns(errors=one).sort("at", "log", "number")


def _told_by_hand(standing: Standing, upto: datetime) -> pl.DataFrame:
    """Return the failures that older controllers were told, and kept as events."""
    rows = [
        {"at": one.at, "arm": one.arm, "share": one.share, "errors": one.errors}
        for one in standing.failures
        if one.at < upto
    ]
    return pl.DataFrame(rows, schema=_FAILED)


def _placed(frame: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Add the file in which a row stands, and its number there."""
    parts = pl.col("id").str.extract_groups(pattern)
    placed = frame.with_columns(parts.alias("place")).unnest("place")
    return placed.with_columns(pl.col("number").cast(pl.Int64))


def _upto(frame: pl.DataFrame, logs: Mapping[str, int]) -> pl.DataFrame:
    """Return the rows that stand before an end in each file."""
    ends = pl.DataFrame(
        {"log": list(logs), "end": list(logs.values())},
        schema={"log": pl.String, "end": pl.Int64},
    )
    known = frame.join(ends, on="log", maintain_order="left")
    return known.filter(pl.col("number") < pl.col("end"))


def _by_lot(frame: pl.DataFrame, standing: Standing) -> pl.DataFrame:
    """Return the rows of both arms, with the challenger's share by which they got theirs."""
    arms = {standing.champion: "champion", standing.challenger: "challenger"}
    ours = pl.col("experiment").fill_null("").is_in(["", standing.salt])
    drawn = ours & pl.col("exposed").fill_null(value=True)
    share = (
        pl.when(pl.col("arm") == "challenger")
        .then("propensity")
        .otherwise(1 - pl.col("propensity"))
    )
    return (
        frame.filter(pl.col("version").is_in(list(arms)))
        .with_columns(arm=pl.col("version").replace_strict(arms, return_dtype=pl.String))
        .with_columns(share=pl.when(drawn).then(share.round(9)).otherwise(0.0))
    )


def _seen(answered: pl.DataFrame, failed: pl.DataFrame, told: pl.DataFrame) -> dict[str, Json]:
    evidence = answered.select(
        "id", pl.col("at").dt.epoch("us"), "arm", "share", "latency_us", "key", "outcome"
    )
    digest = hashlib.sha256(evidence.write_csv().encode())
    for arm in ("champion", "challenger"):
        said = answered.select(arm)
        flat = said.unnest(arm) if isinstance(said.schema[arm], pl.Struct) else said
        digest.update(flat.write_csv().encode())
    if failed.height:
        lost = failed.select("id", pl.col("at").dt.epoch("us"), "arm", "share", "key")
        digest.update(lost.write_csv().encode())
    return {
        "rows": answered.height,
        "outcomes": answered["outcome"].count(),
        "failures": failed.height + int(told["errors"].sum()),
        "logs": _ends(answered),
        "failed": _ends(failed),
        "sha256": digest.hexdigest(),
    }


def _ends(frame: pl.DataFrame) -> dict[str, Json]:
    """Return, by file, the number after that of its last row."""
    return dict(frame.group_by("log").agg(pl.col("number").max() + 1).sort("log").iter_rows())
