"""The controller: it reads the prediction log, decides, and acts; all can be recomputed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from homeostat.core import Clock, Finding, InputError, Json, RealClock, Verdict, duration
from homeostat.serve._log._joined import joined
from homeostat.serve._rollout._by_hand import guarded, put_into_effect
from homeostat.serve._rollout._gather import Failures, Window, gather
from homeostat.serve._rollout._plans import is_ours
from homeostat.serve._rollout._progress import Progress
from homeostat.serve._rollout._standing import PREFIX, Decision, Standing, standing_of
from homeostat.serve._router._direct import plan_of

if TYPE_CHECKING:
    from homeostat.record import Record, Run

__all__ = ["audit", "decide", "recompute", "rollout_watch"]

_KEPT = timedelta(hours=1)  # a decision that says what the last one said is kept so often
_CONTROLLER = "homeostat"


def decide(
    record: Record,
    name: str,
    *,
    at: datetime | None = None,
    failures: Mapping[str, int] | None = None,
) -> Decision:
    """Read the prediction log, decide what becomes of a model's rollout, and do it.

    May be called at any time, as often as one likes, by any number of processes: bounds hold at
    all times at once, and the evidence is that of the log, whoever looks. The decision is an
    event with all its numbers, but for those that say what the last one said.

    Args:
        record: Where the model is kept, and its servers write their log.
        name: Of the model.
        at: When; now unless told.
        failures: How many more requests each arm has failed since the last call, which no
            prediction log tells: ``{"champion": 3, "challenger": 9}``. Kept as an event.

    Returns:
        The decision, which has taken effect.

    Raises:
        NotFoundError: If there is no rollout.
        InputError: If it is over.
    """
    instant = at or RealClock().now()
    with guarded(record, name):
        standing = standing_of(record, name)
        if standing.ended:
            raise InputError(f"The rollout of {standing.challenger} is over: {standing.ended}.")
        news = _news(record, standing, failures or {})
        for kind, facts in news:
            standing = standing.after(kind, instant, facts)
        decision = _decided(standing, _rows(record, standing, instant, None), instant)
        if not news and not _is_news(standing, decision):
            return decision
        with record.start_run("rollout", name, system=name, capture=False) as run:
            _keep(record, run, standing, news, decision)
    return decision


def rollout_watch(
    record: Record,
    name: str,
    *,
    every: str | timedelta = "1m",
    failures: Callable[[], Mapping[str, int]] | None = None,
    clock: Clock | None = None,
    until: datetime | None = None,
    told: Callable[[Decision], None] | None = None,
) -> Standing:
    """Decide again and again until a rollout is over: the live controller.

    Args:
        record: Where the model is kept.
        name: Of the model.
        every: How often.
        failures: Says how many requests each arm has failed so far, in all: see
            `rollout_failures`.
        clock: The real one unless told.
        until: Where to stop even so; None goes on.
        told: Called with each decision.

    Returns:
        Where the rollout stands.
    """
    now, step = clock or RealClock(), duration(every)
    if step <= timedelta():
        raise InputError("`every` is longer than nothing, such as '1m'.")
    before = dict(failures()) if failures else {}
    instant = now.now()
    while until is None or instant + step <= until:
        instant += step
        now.sleep_until(instant)
        counts = dict(failures()) if failures else {}
        # A server that was restarted counts from nothing.
        more = {
            arm: n - before.get(arm, 0) if n >= before.get(arm, 0) else n
            for arm, n in counts.items()
        }
        before = counts
        decision = decide(record, name, at=now.now(), failures=more)
        if told is not None:
            told(decision)
        if decision.action in {"promote", "rollback"}:
            break
    return standing_of(record, name)


def recompute(record: Record, decision: Decision, name: str) -> Decision:
    """Take a decision again, from the rows of the log that it was taken from.

    Args:
        record: Where it was taken.
        decision: What is to be recomputed.
        name: Of the model that is served.

    Returns:
        What the log and the events before it say today; equal to ``decision``, bit for bit, as
        long as both are what they were.

    Raises:
        NotFoundError: If the record has no such rollout.
    """
    standing = standing_of(record, name, decision.rollout, before=decision)
    return _decided(standing, _rows(record, standing, decision.at, decision.seen), decision.at)


def audit(record: Record, name: str, rollout: str | None = None) -> list[Finding]:
    """Recompute each decision that a rollout has kept.

    Args:
        record: Where they were taken.
        name: Of the model that is served.
        rollout: Id of a rollout; the latest unless told.

    Returns:
        One finding a decision: ``ok`` where it is the same to the last bit, else ``fail``, with
        what differs.
    """
    return [
        _compared(decision, recompute(record, decision, name))
        for decision in standing_of(record, name, rollout).decisions
    ]


def _compared(kept: Decision, again: Decision) -> Finding:
    old, new = kept.to_json(), again.to_json()
    differs = sorted(name for name in old if old[name] != new[name])
    what = f"decision {kept.number} of rollout {kept.rollout}"
    rows = kept.seen.get("rows", 0)
    return Finding(
        check="rollout.audit",
        subject=what,
        verdict=Verdict.FAIL if differs else Verdict.OK,
        summary=f"The log says otherwise today than {what} did, in {', '.join(differs)}: "
        f"{again.summary}"
        if differs
        else f"{what.capitalize()} ({kept.action}) follows to the last bit from {rows:,} rows.",
        evidence={"differs": differs, "kept": kept.seen, "again": again.seen},
    )


def _decided(
    standing: Standing, read: tuple[pl.DataFrame, dict[str, Json]], at: datetime
) -> Decision:
    """Return what a rollout decides at an instant, on rows of the log."""
    frame, seen = read
    progress = Progress(
        standing.rollout,
        standing.challenger,
        standing.champion,
        begun=standing.begun,
        since=standing.since,
        stage=standing.stage,
        held=standing.held,
        tried=standing.tried,
    )
    upto = standing.reading.upto(standing.begun, at)
    window = Window(
        standing.begun, upto, standing.since, standing.units_since, standing.reading.look
    )
    gather(progress, frame, [one for one in standing.failures if one.at < upto], window)
    step = progress.decide(upto)
    number = len(standing.decisions)
    return Decision(
        standing.id, number, at, upto, step.stage, step.action, step.share, step.findings, seen
    )


def _rows(
    record: Record, standing: Standing, at: datetime, seen: Mapping[str, Any] | None
) -> tuple[pl.DataFrame, dict[str, Json]]:
    """Read the rows that are evidence at an instant, or those that a decision saw."""
    reading = standing.reading
    upto = reading.upto(standing.begun, at)
    frame = joined(
        record,
        standing.name,
        since=standing.begun,
        until=upto,
        within=reading.within,
        negative=reading.negative,
        now=upto,
    ).frame
    parts = pl.col("id").str.extract_groups(r"^(?<log>.*)-(?<number>\d+)$")
    frame = frame.with_columns(parts.alias("place")).unnest("place")
    frame = frame.with_columns(pl.col("number").cast(pl.Int64))
    if seen is not None:
        ends = pl.DataFrame(
            {"log": list(seen["logs"]), "end": list(seen["logs"].values())},
            schema={"log": pl.String, "end": pl.Int64},
        )
        frame = frame.join(ends, on="log", maintain_order="left").filter(
            pl.col("number") < pl.col("end")
        )
    told = pl.col("outcome_at").is_null() | (pl.col("outcome_at") < upto)
    arms = {standing.champion: "champion", standing.challenger: "challenger"}
    ours = pl.col("experiment").fill_null("").is_in(["", standing.salt])
    drawn = ours & pl.col("exposed").fill_null(value=True)
    share = (
        pl.when(pl.col("arm") == "challenger")
        .then("propensity")
        .otherwise(1 - pl.col("propensity"))
    )
    frame = (
        frame.filter(pl.col("version").is_in(list(arms)))
        .with_columns(
            outcome=pl.when(told).then("outcome"),
            arm=pl.col("version").replace_strict(arms, return_dtype=pl.String),
        )
        .with_columns(share=pl.when(drawn).then(share.round(9)).otherwise(0.0))
        .sort("at", "log", "number")
    )
    return frame, _seen(frame, [one for one in standing.failures if one.at < upto])


def _seen(frame: pl.DataFrame, failures: list[Failures]) -> dict[str, Json]:
    """Return what was read: enough to read it again, and to know whether it is the same."""
    ends = frame.group_by("log").agg(pl.col("number").max() + 1).sort("log")
    evidence = frame.select(
        "id", pl.col("at").dt.epoch("us"), "arm", "share", "latency_us", "key", "outcome"
    )
    digest = hashlib.sha256(evidence.write_csv().encode())
    for arm in ("champion", "challenger"):
        said = frame.select(arm)
        flat = said.unnest(arm) if isinstance(said.schema[arm], pl.Struct) else said
        digest.update(flat.write_csv().encode())
    return {
        "rows": frame.height,
        "outcomes": frame["outcome"].count(),
        "failures": sum(one.errors for one in failures),
        "logs": dict(ends.iter_rows()),
        "sha256": digest.hexdigest(),
    }


def _news(
    record: Record, standing: Standing, failures: Mapping[str, int]
) -> list[tuple[str, dict[str, Any]]]:
    """Return what is to be kept before the decision: failed requests, and a plan of others."""
    news: list[tuple[str, dict[str, Any]]] = []
    shares = standing.rollout.shares(standing.stage)
    for arm, errors in sorted(failures.items()):
        if arm not in {"champion", "challenger"} or errors < 0:
            raise InputError(
                f"Failures are of 'champion' and 'challenger', at least 0, got {arm!r}: {errors}."
            )
        if errors and shares.keys() == {None}:  # of an audience, counts by arm cannot be compared
            facts = {"arm": arm, "errors": int(errors), "share": round(standing.share, 9)}
            news.append(("failures", {"rollout": standing.id, **facts}))
    plan = plan_of(record, standing.name)
    if not standing.held and not is_ours(plan, standing):
        why = (
            f"the plan in force is not this rollout's ({plan.mode} {plan.trial or 'of nothing'}): "
            "somebody changed it"
        )
        facts = {"who": _CONTROLLER, "why": why}
        news.append(("pause", {"rollout": standing.id, **facts}))
    return news


def _is_news(standing: Standing, decision: Decision) -> bool:
    """Return whether a decision says anything that the last one did not."""
    if not standing.decisions or decision.action not in {"continue", "halt"}:
        return True
    last = standing.decisions[-1]
    said = [
        [(found.subject, found.check, found.verdict) for found in one.findings]
        for one in (last, decision)
    ]
    return last.action != decision.action or said[0] != said[1] or decision.at - last.at >= _KEPT


def _keep(
    record: Record,
    run: Run,
    standing: Standing,
    news: list[tuple[str, dict[str, Any]]],
    decision: Decision,
) -> None:
    """Act, and then say so: whoever dies in between does the same again."""
    for kind, facts in news:
        run.event(f"{PREFIX}{kind}", facts, at=decision.at)
    if decision.action in {"advance", "promote", "rollback"}:
        after = standing.taken(decision.action, decision.at, "")
        put_into_effect(record, after, run, decision.summary)
    run.event(f"{PREFIX}decision", decision.to_json(), at=decision.at)
    if decision.action != "continue":
        run.find_all(decision.findings, at=decision.at)
