"""Predictions joined with what came of them, each exactly once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl

from homeostat.core import InputError, RealClock, duration
from homeostat.record import Record
from homeostat.serve._log._attribute import attributed
from homeostat.serve._log._feedback_frames import read_feedback
from homeostat.serve._log._frames import OUTCOME, FrameKind
from homeostat.serve._log._read import Predictions, read_all
from homeostat.serve._log._segment import with_classes
from homeostat.serve._log._store import Store, folder_of

__all__ = ["Joined", "joined"]

Value = float | str


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions with their outcomes.

    Args:
        frame: One row a prediction, by time: the columns of `read_predictions`; ``champion``,
            ``challenger`` and ``by_arm`` (what each arm said, null where it was not asked);
            ``outcome``, ``outcome_at``, ``delay`` and ``state``: ``"labelled"``, ``"pending"``,
            ``"expired"`` (none came within the window) or ``"late"`` (one came after it).
        coverage: Share of predictions whose outcome came in time; None where there is none.
        unmatched: Feedback that belongs to no prediction of these logs.
        contradicted: Predictions of which different outcomes were told.
        repeated: Outcomes that were told once more, and changed nothing.
        skewed: Outcomes dated before their prediction: the clocks differ.
        watermark: Outcomes of predictions made before this are final; None without a window.
        durability: The levels at which the files of the log were kept.
    """

    frame: pl.DataFrame = field(repr=False)
    coverage: float | None
    unmatched: int
    contradicted: int = 0
    repeated: int = 0
    skewed: int = 0
    watermark: datetime | None = None
    durability: tuple[str, ...] = ()

    @property
    def mature(self) -> pl.DataFrame:
        """The predictions whose outcomes are final: those made before the watermark."""
        if self.watermark is None:
            return self.frame
        return self.frame.filter(pl.col("at") <= self.watermark)


def joined(
    record: Record | Path | str,
    name: str,
    *,
    outcome: str = "outcome",
    within: str | timedelta | None = None,
    negative: Value | None = None,
    keep: Literal["first", "last"] = "first",
    skew: str | timedelta = "5s",
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
) -> Joined:
    """Join predictions with the feedback that came for them, each exactly once.

    However late, often or out of order feedback comes, the result is that of all of it sorted by
    time: of a prediction the first outcome counts, or the last where outcomes are corrected.
    Feedback that names another field than the id goes to the latest prediction made by then (by
    ``skew`` after it at most) with that value.

    Args:
        record: The record, or its folder.
        name: Of the model.
        outcome: Which outcome, where feedback has several by name.
        within: Attribution window: how long after a prediction its outcome counts, such as
            ``"7d"``; None for ever.
        negative: The outcome of predictions of which none came within the window, such as 0 for
            "was not clicked"; None where that says nothing.
        keep: Whether the first or the last outcome of a prediction counts.
        skew: How far clocks of who predicts and who tells may differ.
        since: The earliest time of a prediction.
        until: The time before which predictions were made.
        now: When it is; by the clock unless told.

    Raises:
        InputError: If ``negative`` is given without a window, or ``keep`` is neither.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     joined(folder, "nobody asked").coverage is None
        True
    """
    if negative is not None and within is None:
        raise InputError("Predictions expire as `negative` after a window: give `within` as well.")
    if keep not in {"first", "last"}:
        raise InputError(f"Of several outcomes the 'first' or the 'last' is kept, got {keep!r}.")
    store = Store(folder_of(record, name))
    read = read_all(store, since=since, until=until)
    predictions = read.frame.collect()
    feedback = read_feedback(store).filter(pl.col("name") == outcome)
    window = None if within is None else duration(within)
    given = attributed(feedback, predictions, within=window, skew=duration(skew))
    told = _told(given, keep)
    kinds = read.kinds if outcome == OUTCOME else frozenset()
    frame = _with_arms(predictions, read).join(_values(told, kinds), on="id", how="left")
    instant = now or RealClock().now()
    frame, skewed = _judged(frame, window, negative, instant)
    labelled = int((frame["state"] == "labelled").sum())
    matched = int(frame["outcome_at"].count())
    in_scope = since is None and until is None
    known = given.join(predictions.select("id"), on="id", how="semi")
    different = known.group_by("id").agg(pl.struct("number", "text").n_unique() > 1)
    return Joined(
        frame.sort("at", "id"),
        labelled / frame.height if frame.height else None,
        _unmatched(given, predictions) if in_scope else 0,
        int(different["number"].sum()),
        known.height - matched,
        skewed,
        None if window is None else instant - window,
        read.durability,
    )


def _told(given: pl.DataFrame, keep: str) -> pl.DataFrame:
    """Return one row of feedback a prediction."""
    order = ["received", "log", "place"]
    if keep == "first":
        given = given.filter(pl.col("kind") != FrameKind.CONFLICT)
    else:
        order = ["when", *order]
        given = given.with_columns(when=pl.coalesce("occurred", "received"))
    given = given.filter(pl.col("id").is_not_null()).sort(order)
    return given.unique("id", keep="first" if keep == "first" else "last", maintain_order=True)


def _values(told: pl.DataFrame, kinds: frozenset[str]) -> pl.DataFrame:
    """Return outcomes in the type of what is predicted: 0 or 1, a number, or a label.

    One with a name of its own is text where any of them is, and a number otherwise.
    """
    if "classes" in kinds or (not kinds and told["text"].count()):
        value = pl.coalesce("text", pl.col("number").cast(pl.String))
    elif kinds == {"probability"}:
        value = pl.col("number").cast(pl.Int8, strict=False)
    else:
        value = pl.coalesce("number", pl.col("text").cast(pl.Float64, strict=False))
    at = pl.coalesce("occurred", "received").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return told.select("id", outcome=value, outcome_at=at)


def _judged(
    frame: pl.DataFrame, window: timedelta | None, negative: Value | None, now: datetime
) -> tuple[pl.DataFrame, int]:
    """Add how late outcomes came and what they count for; return also how many came too early."""
    delay = pl.col("outcome_at") - pl.col("at")
    frame = frame.with_columns(delay=delay)
    skewed = int((frame["delay"] < timedelta(0)).sum())
    frame = frame.with_columns(pl.col("delay").clip(timedelta(0)))
    came = pl.col("outcome_at").is_not_null()
    if window is None:
        state = pl.when(came).then(pl.lit("labelled")).otherwise(pl.lit("pending"))
        return frame.with_columns(state=state), skewed
    state = (
        pl.when(came & (pl.col("delay") <= window))
        .then(pl.lit("labelled"))
        .when(came)
        .then(pl.lit("late"))
        .when(pl.col("at") <= now - window)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("pending"))
    )
    frame = frame.with_columns(state=state)
    gone = pl.col("state").is_in(["late", "expired"])
    natural = pl.lit(negative, dtype=frame["outcome"].dtype)
    return frame.with_columns(outcome=pl.when(gone).then(natural).otherwise("outcome")), skewed


def _unmatched(given: pl.DataFrame, predictions: pl.DataFrame) -> int:
    """Count what was told of no prediction; an id counts once."""
    by_key = int(given["id"].null_count())
    ids = given.filter(pl.col("id").is_not_null()).unique("id")
    return by_key + ids.join(predictions.select("id"), on="id", how="anti").height


def _with_arms(predictions: pl.DataFrame, read: Predictions) -> pl.DataFrame:
    """Add what each arm said of each prediction, whether it answered or was only asked."""
    classes = "classes" in read.kinds
    answers = [name for name in ("probability", "value") if name in predictions.columns]
    said = pl.col("probabilities") if classes else pl.coalesce(answers)
    mirrors = _mirrored(predictions, read, classes=classes)
    arms = {*predictions["arm"].unique(), *mirrors["mirror"].unique(), "champion", "challenger"}
    frame = predictions
    dtype = predictions.select(said.alias("said")).schema["said"]
    columns = []
    for arm in sorted(arms - {None}):
        mine = mirrors.filter(pl.col("mirror") == arm).unique("id", keep="first")
        place = f"\0{arm}"
        frame = frame.join(mine.select("id", pl.col("said").alias(place)), on="id", how="left")
        frame = frame.with_columns(
            pl.when(pl.col("arm") == arm).then(said).otherwise(place).cast(dtype).alias(place)
        )
        columns.append(pl.col(place).alias(arm))
    pair = {arm: pl.col(f"\0{arm}") for arm in ("champion", "challenger")}
    frame = frame.with_columns(by_arm=pl.struct(columns), **pair)
    return frame.drop(name for name in frame.columns if name.startswith("\0"))


def _mirrored(predictions: pl.DataFrame, read: Predictions, *, classes: bool) -> pl.DataFrame:
    """Return what other versions would have answered: id, ``mirror`` (the arm) and ``said``."""
    other = {"champion": "challenger", "challenger": "champion"}
    own = dict(predictions.select("version", "arm").unique(maintain_order=True).iter_rows())
    pair = pl.col("answered").replace_strict(other, default=None, return_dtype=pl.String)
    mine = pl.col("version").replace_strict(own, default=None, return_dtype=pl.String)
    known = (pair, mine) if set(own.values()) <= set(other) else (mine, pair)
    frame = read.mirrors.join(
        predictions.select("id", answered="arm"), on="id", how="inner", maintain_order="left"
    ).with_columns(mirror=pl.coalesce("arm", *known, "version"))
    if classes:
        frame = with_classes(frame.rename({"answers": "p"}), read.versions, read.labels)
        return frame.select("id", "mirror", said="probabilities")
    return frame.select("id", "mirror", said="answer")
