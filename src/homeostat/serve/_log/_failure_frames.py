"""Failures as they stand in a prediction log: requests that reached an arm and got no answer."""

from __future__ import annotations

import io
from collections.abc import Mapping

import polars as pl

__all__ = ["FAILURES", "failures_of"]

_RAW: dict[str, pl.DataType] = {
    "i": pl.Int64(),
    "t": pl.Int64(),
    "v": pl.String(),
    "a": pl.String(),
    "w": pl.String(),
    "st": pl.Int64(),
    "us": pl.Int64(),
    "k": pl.String(),
    "q": pl.Float64(),
    "e": pl.String(),
    "o": pl.Boolean(),
    "n": pl.Int64(),
    "x": pl.String(),
}
FAILURES: dict[str, pl.DataType] = {
    "id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "version": _RAW["v"],
    "arm": _RAW["a"],
    "reason": _RAW["w"],
    "status": _RAW["st"],
    "latency_us": _RAW["us"],
    "key": _RAW["k"],
    "propensity": _RAW["q"],
    "experiment": _RAW["e"],
    "exposed": _RAW["o"],
    "rows": _RAW["n"],
    "row": _RAW["x"],
}


def failures_of(payloads: Mapping[str, list[bytes]]) -> pl.DataFrame:
    """Return failures as `read_failures` gives them, in the order they were written.

    Args:
        payloads: Of their frames, by the file that their ids name.
    """
    frames = [pl.DataFrame(schema=FAILURES)]
    for epoch, some in payloads.items():
        raw = pl.read_ndjson(io.BytesIO(b"\n".join(some)), schema=_RAW)
        named = raw.select(
            pl.format("{}-f{}", pl.lit(epoch), "i").alias("id"),
            pl.from_epoch("t", time_unit="us").dt.replace_time_zone("UTC").alias("at"),
            version="v",
            arm="a",
            reason="w",
            status="st",
            latency_us="us",
            key="k",
            propensity=pl.col("q").fill_null(1.0),
            experiment=pl.col("e").fill_null(""),
            exposed=pl.col("o").fill_null(value=True),
            rows="n",
            row="x",
        )
        frames.append(named.cast(FAILURES))  # type: ignore[arg-type]  # of names to dtypes
    return pl.concat(frames)
