"""Replay: what a plan does, or did, to many keys at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from homeostat.core import InputError
from homeostat.serve._router._hash import positions
from homeostat.serve._router._plan import Plan
from homeostat.serve._router._route import Chooser

__all__ = ["replay_plan"]


def replay_plan(
    plan: Plan, keys: Iterable[str], contexts: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return which arm a plan gives each of many keys: the same that servers give them.

    Use it to see what a plan would do before it is live, or to check afterwards what it did. About
    1 microsecond a key, and as much again for a layer.

    Args:
        plan: What is tried.
        keys: n texts that identify who asks.
        contexts: (n, fields) what audiences look at; None where there are none.

    Returns:
        Columns key, arm, propensity (of that arm for that key) and exposed (whether it was
        given by chance), n rows in order.

    Raises:
        InputError: If contexts have another length than keys.

    Example:
        >>> plan = Plan("delay:v4", 0.5, audience="country == 'VN'")
        >>> users = [f"user-{i}" for i in range(4)]
        >>> replay_plan(plan, users, pl.DataFrame({"country": ["VN", "VN", "VN", "TH"]}))
        shape: (4, 4)
        ┌────────┬────────────┬────────────┬─────────┐
        │ key    ┆ arm        ┆ propensity ┆ exposed │
        │ ---    ┆ ---        ┆ ---        ┆ ---     │
        │ str    ┆ str        ┆ f64        ┆ bool    │
        ╞════════╪════════════╪════════════╪═════════╡
        │ user-0 ┆ champion   ┆ 0.5        ┆ true    │
        │ user-1 ┆ champion   ┆ 0.5        ┆ true    │
        │ user-2 ┆ challenger ┆ 0.5        ┆ true    │
        │ user-3 ┆ champion   ┆ 1.0        ┆ false   │
        └────────┴────────────┴────────────┴─────────┘
    """
    named = list(keys)
    if contexts is not None and contexts.height != len(named):
        raise InputError(
            f"There is one context a key, got {contexts.height:,} for {len(named):,} keys."
        )
    chooser = Chooser(plan)
    arm = np.full(len(named), "champion", dtype=object)
    propensity = np.ones(len(named))
    if chooser.splits:
        places = positions(named, chooser.salt, method=plan.hash)
        inside = _inside(plan, named)
        for number, rows in _by_audience(chooser, len(named), contexts).items():
            ends, choices = chooser.parts(number)
            at = np.searchsorted(ends, places[rows], side="right")
            arm[rows] = np.array([name for name, _ in choices], dtype=object)[at]
            propensity[rows] = np.array([share for _, share in choices])[at]
        arm[~inside], propensity[~inside] = "champion", 1.0
    return pl.DataFrame(
        {
            "key": pl.Series(named, dtype=pl.String),
            "arm": pl.Series(arm.tolist(), dtype=pl.String),
            "propensity": propensity,
            "exposed": propensity < 1,
        }
    )


def _inside(plan: Plan, keys: list[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which keys stand in the plan's part of its layer."""
    if plan.layer is None:
        return np.ones(len(keys), bool)
    places = positions(keys, f"layer/{plan.layer.name}", method=plan.hash)
    return (plan.layer.start <= places) & (places < plan.layer.end)


def _by_audience(
    chooser: Chooser, n: int, contexts: pl.DataFrame | None
) -> dict[int, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return the rows of each audience by its number; who belongs to none is left out.

    Each different context is looked at once.
    """
    if not chooser.reads_context:
        return {0: np.arange(n)}
    if contexts is None or not contexts.width:
        first = chooser.audience({})
        return {} if first is None else {first: np.arange(n)}
    numbers = contexts.with_row_index("\0row").group_by(contexts.columns).agg("\0row")
    found: dict[int, list[pl.Series]] = {}
    for context in numbers.iter_rows(named=True):
        rows = context.pop("\0row")
        number = chooser.audience(context)
        if number is not None:
            found.setdefault(number, []).append(rows)
    return {number: np.sort(np.concatenate(rows)).astype(np.intp) for number, rows in found.items()}
