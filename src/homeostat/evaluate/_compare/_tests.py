"""Which test a difference of two models is held to."""

from __future__ import annotations

import numpy as np
from scipy import special

from homeostat.evaluate._compare._measured import Measured, Task
from homeostat.evaluate._metrics._inputs import Rows
from homeostat.stats import (
    Difference,
    Draws,
    Floats,
    Interval,
    influence_error,
    influence_interval,
    mcnemar,
    paired_difference,
)

__all__ = ["bootstrapped", "difference"]

_FEWEST_BLOCKS = 6  # below, even blocks of one sign throughout prove nothing at 5 %


def difference(
    one: Measured, before: Measured, task: Task, level: float, rng: np.random.Generator
) -> tuple[Difference, str]:
    """Return the first's less the second's, and the name of the test it was held to."""
    rows = task.rows
    if one.losses is not None and before.losses is not None and rows.weight is None:
        found = paired_difference(one.losses, before.losses, rows.blocks, level=level, rng=rng)
        if rows.blocks is not None:
            return found, "wild cluster bootstrap"
        if task.name in {"error", "accuracy"}:
            exact = mcnemar(1 - one.losses, 1 - before.losses)
            p = exact.p_value if found.n_blocks >= _FEWEST_BLOCKS else None
            return _with_p(found, p), "mcnemar exact"
        return found, "paired t"
    found = _by_influence(one.value - before.value, one.influence - before.influence, rows, level)
    return found, "delong" if task.name == "auc" else "delta"


def _with_p(found: Difference, p: float | None) -> Difference:
    return Difference(found.mean, found.interval, p, found.n, found.n_blocks)


def _by_influence(effect: float, influence: Floats, rows: Rows, level: float) -> Difference:
    error, n_blocks = influence_error(influence, rows.blocks)
    if n_blocks < _FEWEST_BLOCKS:
        return Difference(effect, None, None, rows.n, n_blocks)
    if error <= 1e-12:
        p = 1.0 if abs(effect) <= 1e-12 else 0.5 ** (n_blocks - 1)
        return Difference(effect, Interval(effect, effect, level), p, rows.n, n_blocks)
    p = float(2 * special.stdtr(n_blocks - 1, -abs(effect) / error))
    made = influence_interval(effect, influence, rows.blocks, level=level)
    return Difference(effect, made, p, rows.n, n_blocks)


def bootstrapped(
    found: Difference,
    drawn: tuple[Draws, dict[str, Floats]],
    name: str,
    before: str,
    level: float,
) -> tuple[Difference, str]:
    """Return the difference with an interval and a p-value from the same draws of blocks."""
    draws, values = drawn
    gaps = values[name] - values[before]
    made = (
        draws.interval(gaps, level, centre=found.mean) if found.n_blocks >= _FEWEST_BLOCKS else None
    )
    if made is None:
        return found, "paired bootstrap"
    held = gaps[np.isfinite(gaps)]
    below = (1 + min(int(np.sum(held <= 0)), int(np.sum(held >= 0)))) / (len(held) + 1)
    return Difference(found.mean, made, min(1.0, 2 * below), found.n, found.n_blocks), (
        "paired bootstrap"
    )
