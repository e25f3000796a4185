"""The controller: it reads the prediction log, decides, and acts; all can be recomputed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from homeostat.core import Clock, Finding, InputError, RealClock, Verdict, duration
from homeostat.serve._rollout._by_hand import guarded, put_into_effect
from homeostat.serve._rollout._gather import Window, gather
from homeostat.serve._rollout._plans import is_ours
from homeostat.serve._rollout._progress import Progress
from homeostat.serve._rollout._rows import Rows, rows_at
from homeostat.serve._rollout._standing import PREFIX, Decision, Standing, standing_of
from homeostat.serve._router._direct import plan_of

if TYPE_CHECKING:
    from homeostat.record import Record, Run

__all__ = ["audit", "decide", "recompute", "rollout_watch"]

_KEPT = timedelta(hours=1)  # a decision that says what the last one said is kept so often
_CONTROLLER = "homeostat"


def decide(record: Record, name: str, *, at: datetime | None = None) -> Decision:
    """Read the prediction log, decide what becomes of a model's rollout, and do it.

    May be called at any time, as often as one likes, by any number of processes: bounds hold at
    all times at once, and the evidence is that of the log, whoever looks. The decision is an
    event with all its numbers, but for those that say what the last one said.

    Args:
        record: Where the model is kept, and its servers write their log.
        name: Of the model.
        at: When; now unless told.

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
        news = _news(record, standing)
        for kind, facts in news:
            standing = standing.after(kind, instant, facts)
        decision = _decided(standing, rows_at(record, standing, instant), instant)
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
    clock: Clock | None = None,
    until: datetime | None = None,
    told: Callable[[Decision], None] | None = None,
) -> Standing:
    """Decide again and again until a rollout is over: the live controller.

    Args:
        record: Where the model is kept.
        name: Of the model.
        every: How often.
        clock: The real one unless told.
        until: Where to stop even so; None goes on.
        told: Called with each decision.

    Returns:
        Where the rollout stands.
    """
    now, step = clock or RealClock(), duration(every)
    if step <= timedelta():
        raise InputError("`every` is longer than nothing, such as '1m'.")
    instant = now.now()
    while until is None or instant + step <= until:
        instant += step
        now.sleep_until(instant)
        decision = decide(record, name, at=now.now())
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
    return _decided(standing, rows_at(record, standing, decision.at, decision.seen), decision.at)


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


def _decided(standing: Standing, rows: Rows, at: datetime) -> Decision:
    """Return what a rollout decides at an instant, on rows of the log."""
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
    gather(progress, rows.answered, rows.failed, window)
    step = progress.decide(upto)
    number = len(standing.decisions)
    return Decision(
        standing.id,
        number,
        at,
        upto,
        step.stage,
        step.action,
        step.share,
        step.findings,
        rows.seen,
    )


def _news(record: Record, standing: Standing) -> list[tuple[str, dict[str, Any]]]:
    """Return what is to be kept before the decision: that the plan is of others."""
    news: list[tuple[str, dict[str, Any]]] = []
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
