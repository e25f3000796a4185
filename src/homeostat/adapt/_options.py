"""Options compared by loss and by cost: the cheapest that cannot be told from the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homeostat.core import InputError
from homeostat.stats import Interval, block_bootstrap, paired_difference

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Choice", "Option", "cheapest_indistinguishable", "compare_options"]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to keep a model: what it loses and what it costs.

    Args:
        name: What people call it.
        loss: Mean loss a row.
        low: Interval of the loss, by whole blocks; None where they are too few.
        high: Likewise.
        difference: Loss above the reference's, on the same rows.
        difference_low: Interval of the difference; None where there is none.
        difference_high: Likewise.
        cpu_s: CPU seconds it took.
    """

    name: str
    loss: float
    low: float | None
    high: float | None
    difference: float
    difference_low: float | None
    difference_high: float | None
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The option to take, the best one, and why, in a sentence."""

    option: Option
    best: Option
    summary: str


def compare_options(
    losses: Mapping[str, NDArray[np.float64]],
    cpu_s: Mapping[str, float],
    *,
    blocks: ArrayLike,
    reference: str | None = None,
    level: float = 0.95,
    rng: np.random.Generator | int = 0,
) -> list[Option]:
    """Compare options by their losses on the same rows.

    Args:
        losses: Of each option, a loss a row, (n,).
        cpu_s: Of each option.
        blocks: The day of each row, (n,): days are resampled whole, as rows of one day share
            its weather.
        reference: The option to compare with; None takes the one with the lowest loss.
        level: Confidence of each interval by itself, in (0, 1).
        rng: Generator or seed of the resampling.

    Raises:
        InputError: If there is no option, or one has no cost.
    """
    if not losses or set(losses) != set(cpu_s):
        raise InputError(
            f"Each option needs losses and a cost, got losses of {sorted(losses)} and "
            f"costs of {sorted(cpu_s)}."
        )
    generator = np.random.default_rng(rng)
    against = reference or min(losses, key=lambda name: float(np.mean(losses[name])))
    options = []
    for name, loss in losses.items():
        band = block_bootstrap(loss, blocks, level=level, rng=generator)
        gap = paired_difference(loss, losses[against], blocks, level=level, rng=generator)
        options.append(
            Option(
                name,
                float(np.mean(loss)),
                *_ends(band),
                gap.mean,
                *_ends(gap.interval),
                cpu_s[name],
            )
        )
    return options


def cheapest_indistinguishable(options: Sequence[Option], *, margin: float = 0.0) -> Choice:
    """Choose the cheapest option that is not distinguishably worse than the best.

    Args:
        options: From :func:`compare_options`.
        margin: Loss that one would gladly pay for a lower cost.

    Returns:
        Of the options whose difference from the best has an interval that reaches down to the
        margin, the cheapest. One whose interval is unknown is not chosen: too little data is
        no evidence of equality.

    Raises:
        InputError: If there is no option, or they were compared with another than the best.

    Example:
        >>> day = np.repeat(np.arange(30), 10)
        >>> base = np.random.default_rng(0).random(300)
        >>> losses = {"daily": base, "weekly": base + 0.0001 * (-1) ** day, "never": base + 0.1}
        >>> cost = {"daily": 70.0, "weekly": 10.0, "never": 0.0}
        >>> cheapest_indistinguishable(compare_options(losses, cost, blocks=day)).option.name
        'weekly'
    """
    if not options:
        raise InputError("There is no option to choose from.")
    best = min(options, key=lambda option: option.loss)
    if best.difference:
        raise InputError(
            f"Options must be compared with the best, `{best.name}`: leave `reference` out."
        )
    equal = [o for o in options if o is best or _reaches(o, margin)]
    chosen = min(equal, key=lambda option: (option.cpu_s, option.loss))
    return Choice(chosen, best, _say(chosen, best, margin))


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


def _reaches(option: Option, margin: float) -> bool:
    return option.difference_low is not None and option.difference_low <= margin


def _say(chosen: Option, best: Option, margin: float) -> str:
    if chosen is best:
        return (
            f"`{best.name}` loses least ({best.loss:.4f} a row, {best.cpu_s:.3g} CPU s), and "
            "whatever costs less is distinguishably worse."
        )
    worth = f"within {margin:g} of" if margin else "not distinguishable from"
    return (
        f"`{chosen.name}` costs {chosen.cpu_s:.3g} CPU s against {best.cpu_s:.3g} of "
        f"`{best.name}`, which loses least; it loses {chosen.difference:.4f} a row more "
        f"[{chosen.difference_low:.4f}, {chosen.difference_high:.4f}], {worth} it."
    )
