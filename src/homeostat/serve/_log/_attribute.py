"""Attribution: which prediction a piece of feedback is about."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

__all__ = ["attributed"]

_ANY = timedelta(days=365_000)


def attributed(
    feedback: pl.DataFrame,
    predictions: pl.DataFrame,
    *,
    within: timedelta | None,
    skew: timedelta,
) -> pl.DataFrame:
    """Return feedback with the id of its prediction, null where there is none; each event once.

    What names an id is about that. What names another field is about the latest prediction with
    that value that was made by then; O((n + m) log n).

    Args:
        feedback: See `read_feedback`.
        predictions: See `read_predictions`.
        within: How long before the outcome its prediction may have been made.
        skew: How long after it, since clocks differ.
    """
    feedback = _once(feedback)
    keyed = feedback.filter(pl.col("on").is_not_null())
    if not keyed.height:
        return feedback
    found = [feedback.filter(pl.col("on").is_null())]
    for (on,), some in keyed.group_by("on", maintain_order=True):
        found.append(_latest(some, _keys(predictions, str(on)), within or _ANY, skew))
    return pl.concat(found).sort("received", "log", "place")


def _once(feedback: pl.DataFrame) -> pl.DataFrame:
    """Return feedback without events that were sent again."""
    named = feedback.filter(pl.col("event").is_not_null())
    if not named.height:
        return feedback
    once = named.unique(["id", "on", "key", "name", "event"], keep="first", maintain_order=True)
    rest = feedback.filter(pl.col("event").is_null())
    return pl.concat([rest, once]).sort("received", "log", "place")


def _keys(predictions: pl.DataFrame, on: str) -> pl.DataFrame:
    """Return id, time and, as text, the field that feedback names."""
    features = predictions.schema["features"]
    names = [field.name for field in features.fields] if isinstance(features, pl.Struct) else []
    fields = [pl.col("request").str.json_decode(pl.Struct({on: pl.String})).struct.field(on)]
    if on in names:
        fields.append(pl.col("features").struct.field(on).cast(pl.String))
    value = pl.col("key") if on == "key" else pl.coalesce(fields)
    return predictions.select("id", "at", value.alias("key")).drop_nulls("key")


def _latest(
    feedback: pl.DataFrame, keys: pl.DataFrame, within: timedelta, skew: timedelta
) -> pl.DataFrame:
    time = pl.coalesce("occurred", "received").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    asked = feedback.drop("id").with_columns(by=time + skew).sort("by")
    found = asked.join_asof(
        keys.sort("at"),
        left_on="by",
        right_on="at",
        by="key",
        strategy="backward",
        tolerance=within + skew,
        check_sortedness=False,
    )
    return found.select(feedback.columns)
