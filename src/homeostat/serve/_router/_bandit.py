"""Bandits in the router: a plan whose weights are propensities learns, and is directed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.experiment import Bandit
from homeostat.serve._log._joined import joined
from homeostat.serve._router._direct import direct, plan_of
from homeostat.serve._router._plan import Plan

if TYPE_CHECKING:
    from homeostat.record import Record, Run

__all__ = ["learn", "learn_from_log"]


def learn(run: Run, record: Record, name: str, rewards: Mapping[str, ArrayLike]) -> Plan:
    """Tell the bandit of a live plan what its arms have earned, and direct servers by it.

    From then on keys are drawn anew with the new propensities: a new period has begun.

    Args:
        run: The run that decides so.
        record: Where the plan is.
        name: Of the model.
        rewards: By arm, those not told before.

    Returns:
        The plan that is live from now on.

    Raises:
        InputError: If the plan has no bandit, there is no such arm, or a reward is none.
    """
    plan = _bandit_plan(record, name)
    bandit = Bandit.from_json(plan.bandit or {})
    for arm, earned in rewards.items():
        bandit.update(arm, earned)
    return _go_on(run, name, plan, bandit)


def learn_from_log(run: Run, record: Record, name: str) -> Plan:
    """Have the bandit of a live plan learn all that the prediction log knows of its trial.

    Its rewards are the outcomes of what it answered, summed up anew, so that to learn twice, or
    late feedback, counts nothing twice. Call it as often as the bandit may change its mind.

    Args:
        run: The run that decides so.
        record: Where the plan and the log are.
        name: Of the model.

    Returns:
        The plan that is live from now on: the same one where there is nothing new.

    Raises:
        InputError: If the plan has no bandit.
    """
    plan = _bandit_plan(record, name)
    state = dict(plan.bandit or {})
    before, bandit = Bandit.from_json(state), Bandit.from_json(state | {"sums": {}})
    answered = joined(record, name).frame
    mine = answered.filter(
        (answered["experiment"] == plan.trial) & answered["outcome"].is_not_null()
    )
    for arm in bandit.arms:
        earned = mine.filter(mine["arm"] == arm)["outcome"].cast(float).to_numpy()
        bandit.update(arm, np.asarray(earned, np.float64))
    return plan if bandit.sums == before.sums else _go_on(run, name, plan, bandit)


def _bandit_plan(record: Record, name: str) -> Plan:
    plan = plan_of(record, name)
    if plan.bandit is None:
        raise InputError(
            f"The plan of `{name}` has mode `{plan.mode}` and no bandit that could learn: direct "
            "one of mode `bandit` first."
        )
    return plan


def _go_on(run: Run, name: str, plan: Plan, bandit: Bandit) -> Plan:
    learned = replace(plan, bandit=bandit.to_json(), period=plan.period + 1)
    seen = sum(one.n for one in bandit.sums.values())
    direct(run, name, learned, why=f"The bandit has learned of {seen:,} rewards.")
    return learned
