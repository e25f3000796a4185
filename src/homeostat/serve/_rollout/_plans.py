"""Plans: what servers are told in each stage of a rollout."""

from __future__ import annotations

from dataclasses import replace

from homeostat.serve._rollout._standing import Standing
from homeostat.serve._router._arms import Audience
from homeostat.serve._router._plan import Plan

__all__ = ["is_ours", "plan_for"]


def plan_for(standing: Standing) -> Plan:
    """Return the plan of a rollout's present stage."""
    shares = standing.rollout.shares(standing.stage)
    rest = shares.pop(None)
    audience = [Audience(str(when), _weights(share)) for when, share in shares.items()]
    if audience and rest:
        audience.append(Audience("true", _weights(rest)))
    return Plan(
        standing.challenger,
        rest or max(shares.values(), default=0.0),
        mirror=True,
        salt=standing.salt,
        audience=audience,
    )


def is_ours(plan: Plan, standing: Standing) -> bool:
    """Return whether a plan is that of a rollout's present or next stage.

    The next, since a controller may have died between putting it in force and saying so.
    """
    known = [standing]
    if standing.stage + 1 < len(standing.rollout.stages):
        known.append(replace(standing, stage=standing.stage + 1))
    return any(_told(plan) == _told(plan_for(one)) for one in known)


def _weights(share: float) -> dict[str, float]:
    return {"champion": 1 - share, "challenger": share}


def _told(plan: Plan) -> tuple[object, ...]:
    """Return what a plan asks for, without how it lays out keys after ramps."""
    return (
        plan.salt,
        {name: tuple(arm) for name, arm in plan.arms.items()},
        [(one.when, dict(one.weights)) for one in plan.audience],
    )
