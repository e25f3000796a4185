"""Gathering: from the rows of a prediction log to the evidence of a rollout.

The evidence at an instant is a function of the log's rows before it, cut into looks of fixed
length: it does not depend on when, or how often, anybody has decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from homeostat.core import InputError, duration, suggest
from homeostat.experiment import Sums
from homeostat.serve._rollout._evidence import microseconds
from homeostat.serve._rollout._guard import NoSlower, NotLower, NoWorse, limits
from homeostat.serve._rollout._losses import losses_of
from homeostat.serve._rollout._progress import Progress
from homeostat.serve._rollout._requests import latency_bucket

__all__ = ["Window", "gather"]

_ARMS = ("champion", "challenger")
_UNIT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the log's rows are evidence.

    Args:
        begun: When the rollout began.
        upto: Where the evidence ends.
        since: When the present stage began.
        units_since: From when on users are counted.
        look: Length of a look.
    """

    begun: datetime
    upto: datetime
    since: datetime
    units_since: datetime
    look: timedelta


def gather(progress: Progress, frame: pl.DataFrame, failed: pl.DataFrame, window: Window) -> None:
    """Put what a log says into a rollout that nothing was observed of yet.

    Args:
        progress: The rollout, where it stands.
        frame: Rows of the log: id, at, arm (champion or challenger), share (of the challenger,
            by which the arm was given; 0 where by no lot), latency_us, key, champion and
            challenger (their answers), outcome, features.
        failed: Requests that an arm has failed: at, arm, share, key, errors (how many), id (null
            where a server only counted them).
        window: Which rows count.
    """
    by_lot = (pl.col("share") > 0) & (pl.col("share") < 1)
    drawn, lost = frame.filter(by_lot), failed.filter(by_lot | pl.col("id").is_null())
    _requests(progress, drawn, lost, window)
    given = [drawn, lost.filter(pl.col("id").is_not_null())]
    units = pl.concat([one.select("at", "share", "arm", "key", "id") for one in given])
    _units(progress, units.filter(pl.col("at") >= window.units_since))
    _losses(progress, frame)
    settled = window.upto - duration(progress.rollout.settle)
    recent = drawn.filter((pl.col("at") >= window.since) & (pl.col("at") < settled))
    for guard in progress.rollout.guard:
        if isinstance(guard, NotLower):
            _metric(progress, guard, recent)


def _requests(progress: Progress, drawn: pl.DataFrame, lost: pl.DataFrame, window: Window) -> None:
    """Count requests look by look; the rows of a batch are one request."""
    guards, kept = progress.rollout.guard, progress.requests
    log = pl.col("id").str.replace(r"-[^-]*$", "").alias("log")
    single = drawn.with_columns(log).unique(["log", "at", "latency_us", "arm"], maintain_order=True)
    if any(isinstance(guard, NoSlower) for guard in guards):
        _latencies(progress, single)
    timed = {name: limit.over_s for name, limit in limits(guards).items()}
    slow = [
        (pl.col("latency_us") > 1e6 * (over_s or 0.0)).sum().alias(name)
        for name, over_s in timed.items()
        if over_s is not None
    ]
    number = (pl.col("at").dt.epoch("us") - _us(window.begun)) // (window.look // _UNIT)
    by_look = single.group_by(number.alias("look"), "share", "arm").agg(pl.len().alias("n"), *slow)
    counts: dict[int, list[tuple[str, float, int, dict[str, int]]]] = {}
    for row in by_look.sort("look", "share", "arm").iter_rows(named=True):
        found = counts.setdefault(row["look"], [])
        found.append((row["arm"], row["share"], row["n"], {k: row[k] for k in timed if k in row}))
    failed: dict[int, list[tuple[str, float, int]]] = {}
    sums = lost.group_by(number.alias("look"), "share", "arm").agg(pl.col("errors").sum())
    for look, share, arm, errors in sums.sort("look", "share", "arm").iter_rows():
        failed.setdefault(look, []).append((arm, share, errors))
    for look in sorted({*counts, *failed}):
        for arm, share, n, slow_ones in counts.get(look, []):
            seen = {name: (slow_ones.get(name, 0), n) for name in (*timed, "errors")}
            kept.count(arm, _label(share), seen)
        for arm, share, errors in failed.get(look, []):
            names = [name for name, over_s in timed.items() if over_s is None]
            seen = dict.fromkeys((*names, "errors"), (errors, errors))
            kept.count(arm, _label(share), seen)
        progress.look()


def _latencies(progress: Progress, single: pl.DataFrame) -> None:
    buckets = pl.Series("bucket", latency_bucket(single["latency_us"].to_numpy() / 1000))
    by_bucket = single.with_columns(buckets).group_by("share", "arm", "bucket").len()
    for (share, arm), part in sorted(by_bucket.partition_by("share", "arm", as_dict=True).items()):
        codes, numbers = part.sort("bucket")["bucket"].to_list(), part.sort("bucket")["len"]
        progress.requests.count_latencies(
            str(arm), _label(float(share)), dict(zip(codes, numbers.to_list(), strict=True))
        )


def _units(progress: Progress, drawn: pl.DataFrame) -> None:
    """Count who was given which arm: users by their key, and requests without one by themselves."""
    by_share = (
        drawn.select("share", "arm", _unit())
        .unique()
        .group_by("share")
        .agg((pl.col("arm") == arm).sum().alias(arm) for arm in _ARMS)
    )
    for share, champion, challenger in by_share.sort("share").iter_rows():
        progress.observe_units(share, champion=champion, challenger=challenger)


def _losses(progress: Progress, frame: pl.DataFrame) -> None:
    known = frame.filter(pl.col("outcome").is_not_null())
    paired = known.filter(pl.all_horizontal(pl.col(*_ARMS).is_not_null()))
    alone = known.filter(
        pl.any_horizontal(pl.col(*_ARMS).is_null()) & (pl.col("share") > 0) & (pl.col("share") < 1)
    ).sort("share", "at", "id")
    for guard in progress.rollout.guard:
        if not isinstance(guard, NoWorse):
            continue
        champion, challenger = (
            losses_of(guard.metric, paired["outcome"], paired[arm]) for arm in _ARMS
        )
        progress.observe(guard.metric, at=paired["at"], champion=champion, challenger=challenger)
        for (share, arm), part in alone.partition_by("share", "arm", as_dict=True).items():
            progress.observe_arm(
                guard.metric,
                "challenger" if arm == "challenger" else "champion",
                at=part["at"],
                losses=losses_of(guard.metric, part["outcome"], part[str(arm)]),
                share=float(share),
            )


def _metric(progress: Progress, guard: NotLower, recent: pl.DataFrame) -> None:
    """Sum a metric over each user's requests, and the users of each arm."""
    columns = [_column(recent, guard.metric).alias("value")]
    if guard.per is not None:
        columns.append(_column(recent, guard.per).alias("per"))
    names = [column.meta.output_name() for column in columns]
    users = (
        recent.select("share", "arm", _unit(), *columns)
        .drop_nulls(names)
        .group_by("share", "arm", "unit")
        .agg(pl.col(names).cast(pl.Float64).sum())
        .sort("share", "arm", "unit")
    )
    for (share,), part in users.partition_by("share", as_dict=True).items():
        sums = [_sums(part.filter(pl.col("arm") == arm), names) for arm in _ARMS]
        progress.observe_metric(
            guard.name, champion=sums[0], challenger=sums[1], share=float(share)
        )


def _sums(users: pl.DataFrame, names: Sequence[str]) -> Sums:
    return Sums.of(
        users["value"].to_numpy(), per=users["per"].to_numpy() if "per" in names else None
    )


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a metric: ``requests``, a column of the log, or a feature."""
    if name == "requests":
        return pl.lit(1.0)
    if name in frame.columns and frame.schema[name].is_numeric():
        return pl.col(name)
    features = frame.schema.get("features")
    fields = [f.name for f in features.fields] if isinstance(features, pl.Struct) else []
    if name in fields:
        return pl.col("features").struct.field(name)
    known = ["requests", *(c for c, kind in frame.schema.items() if kind.is_numeric()), *fields]
    raise InputError(
        f"The log has no metric `{name}`.{suggest(name, known)} A `not_lower` guard sums "
        f"requests, numbers of the log such as outcome, or features."
    )


def _unit() -> pl.Expr:
    has_key = pl.col("key").is_not_null() & (pl.col("key") != "")
    return pl.when(has_key).then("key").otherwise("id").alias("unit")


def _label(share: float) -> str:
    return f"/{share!r}"


def _us(at: datetime) -> int:
    return int(microseconds(at, 1)[0])
