"""By hand: a rollout is started, paused, resumed, promoted or rolled back by a person.

Each is an event with who and why, beside what the rollout decided by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from homeostat.core import InputError, NotFoundError, RealClock, duration, suggest
from homeostat.record import alone
from homeostat.serve._log._frames import log_folder
from homeostat.serve._rollout._declared import declared
from homeostat.serve._rollout._guard import NoWorse
from homeostat.serve._rollout._losses import LOSSES
from homeostat.serve._rollout._plans import is_ours, plan_for
from homeostat.serve._rollout._rollout import Rollout
from homeostat.serve._rollout._standing import PREFIX, Reading, Standing, standing_of, started
from homeostat.serve._router._arms import CHAMPION
from homeostat.serve._router._direct import direct, must_be_model, plan_of
from homeostat.serve._router._plan import Plan

if TYPE_CHECKING:
    from homeostat.record import Record, Run

__all__ = [
    "guarded",
    "put_into_effect",
    "rollout_pause",
    "rollout_promote",
    "rollout_resume",
    "rollout_rollback",
    "rollout_start",
    "rollout_status",
]


def rollout_start(
    record: Record,
    name: str,
    challenger: str,
    rollout: Rollout | None = None,
    *,
    who: str,
    why: str = "",
    look: str | timedelta = "1m",
    lag: str | timedelta = "5s",
    within: str | timedelta | None = None,
    negative: float | str | None = None,
    at: datetime | None = None,
) -> Standing:
    """Start a rollout of a model that is served: its first stage, the shadow, takes effect.

    `decide`, or `rollout_watch` again and again, then carries it on.

    Args:
        record: Where the model is kept.
        name: Of the model.
        challenger: Reference of the version that wants to take over, such as ``"delay:v4"``.
        rollout: How it goes; `Rollout()` unless told.
        who: Who starts it.
        why: And why.
        look: Length of a look: arms are compared within it, so what hits both at once is no
            evidence.
        lag: How long a prediction may take to be on the log that the controller reads.
        within: How long after a prediction its outcome counts; None for ever.
        negative: The outcome of a prediction of which none came within that; None for none.
        at: When; now unless told.

    Raises:
        InputError: If another rollout or plan is under way, the challenger is live already or
            is no model, or a guard asks for a loss that the log does not tell.
        NotFoundError: If the record has no such model, or none in production.
    """
    declaration = rollout or Rollout()
    _check_losses(declaration)
    instant, by = _now(at), _said(who, "Who starts a rollout")
    wanted, live = record.artifact(challenger), record.artifact(f"{name}:{CHAMPION}")
    must_be_model(wanted)
    if wanted.id == live.id:
        raise InputError(
            f"{wanted.reference} is in production already: nothing is to be rolled out."
        )
    reading = Reading(
        duration(look), duration(lag), None if within is None else duration(within), negative
    )
    if reading.look <= timedelta() or reading.lag < timedelta():
        raise InputError("A look is longer than nothing, such as '1m', and a lag no less.")
    facts = {
        "rollout": uuid4().hex[:12],
        "name": name,
        "challenger": wanted.reference,
        "champion": live.reference,
        "declared": declared(declaration),
        "reading": reading.to_json(),
        "who": by,
        "why": why,
    }
    standing = started(instant, facts)
    with guarded(record, name):
        _must_be_free(record, name, standing)
        with _run(record, name) as run:
            direct(run, name, plan_for(standing), why=f"{by}: {why or 'rollout'}")
            run.event(f"{PREFIX}start", facts, at=instant)
    return standing


def rollout_status(record: Record, name: str, rollout: str | None = None) -> Standing:
    """Return where a rollout stands, what it decided and why; the latest unless told.

    Raises:
        NotFoundError: If there is none.
    """
    return standing_of(record, name, rollout)


def rollout_pause(
    record: Record, name: str, *, who: str, why: str, at: datetime | None = None
) -> Standing:
    """Keep a rollout at its stage until `rollout_resume`; what is bad is still rolled back."""
    return _act(record, name, "pause", who, why, at)


def rollout_resume(
    record: Record, name: str, *, who: str, why: str, at: datetime | None = None
) -> Standing:
    """Let a rollout go on. Its plan is put in force again, and its users are counted anew."""
    return _act(record, name, "resume", who, why, at)


def rollout_promote(
    record: Record, name: str, *, who: str, why: str, at: datetime | None = None
) -> Standing:
    """Let the challenger take over now, whatever has been shown."""
    return _act(record, name, "promote", who, why, at)


def rollout_rollback(
    record: Record, name: str, *, who: str, why: str, at: datetime | None = None
) -> Standing:
    """Let the champion answer everybody again, now."""
    return _act(record, name, "rollback", who, why, at)


def put_into_effect(record: Record, standing: Standing, run: Run, why: str) -> None:
    """Have servers do what a rollout stands at; doing so twice changes nothing."""
    if standing.ended == "promote":
        record.alias(standing.challenger, CHAMPION, run)
    plan = Plan() if standing.ended else plan_for(standing)
    direct(run, standing.name, plan, why=why)


@contextmanager
def guarded(record: Record, name: str) -> Iterator[None]:
    """Hold a model's rollout for the block: two controllers decide one after the other."""
    folder = log_folder(record.path, name)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "rollout.lock"):
        yield


def _act(record: Record, name: str, act: str, who: str, why: str, at: datetime | None) -> Standing:
    instant = _now(at)
    with guarded(record, name):
        standing = standing_of(record, name)
        if standing.ended:
            raise InputError(f"The rollout of {standing.challenger} is over: {standing.ended}.")
        if act == "resume" and not standing.held:
            raise InputError(f"The rollout of {standing.challenger} is not on hold.")
        facts = {"rollout": standing.id, "who": _said(who, "Who"), "why": _said(why, "Why")}
        after = standing.after(act, instant, facts)
        with _run(record, name) as run:
            if act != "pause":
                put_into_effect(record, after, run, f"{act} by {who}: {why}")
            run.event(f"{PREFIX}{act}", facts, at=instant)
    return after


def _run(record: Record, name: str) -> Run:
    return record.start_run("rollout", name, system=name, capture=False)


def _must_be_free(record: Record, name: str, wanted: Standing) -> None:
    try:
        earlier = standing_of(record, name)
    except NotFoundError:
        earlier = None
    if earlier is not None and not earlier.ended:
        raise InputError(
            f"A rollout of {earlier.challenger} is under way for `{name}`: promote it or roll it "
            "back first."
        )
    plan = plan_of(record, name)
    if plan.mode != "single" and not is_ours(plan, wanted):
        raise InputError(
            f"Servers of `{name}` try {plan.trial or 'another plan'} already: end that with "
            "`direct(run, name, Plan())` first."
        )


def _check_losses(rollout: Rollout) -> None:
    for guard in rollout.guard:
        if isinstance(guard, NoWorse) and guard.metric not in LOSSES:
            raise InputError(
                f"A rollout reads {', '.join(LOSSES)} off the log, not `{guard.metric}`."
                f"{suggest(guard.metric, LOSSES)}"
            )


def _said(text: str, what: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{what} is kept with the event: give a text, got {text!r}.")
    return text.strip()


def _now(at: datetime | None) -> datetime:
    instant = at or RealClock().now()
    if instant.tzinfo is None:
        raise InputError(f"An instant needs a time zone, got {instant.isoformat()} without one.")
    return instant
