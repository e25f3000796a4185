"""Evidence that may be looked at after each window: e-values and what accumulates them.

An e-value is at least 0 and at most 1 on average as long as nothing has changed, so a large one
is evidence that something has: it exceeds 1/a with probability at most a. Unlike p-values,
e-values may be averaged whatever their dependence, and multiplied over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError

__all__ = ["EDetector", "EProcess", "merge_e_values", "p_to_e"]

_TINY = 1e-300


def p_to_e(p: ArrayLike) -> NDArray[np.float64]:
    """Turn p-values into e-values by the mixture (1 - p + p ln p) / (p ln(p)^2).

    It averages the calibrators k p^(k-1) over all k in (0, 1), so nothing is to be chosen
    (Vovk and Wang 2021, e-values: calibration, combination and applications). Falls from
    infinity at 0, here capped at p = 1e-300, to 1/2 at 1.

    Raises:
        InputError: If a p-value is outside [0, 1].

    Example:
        >>> p_to_e([0.5, 0.05, 0.001]).round(2)
        array([ 0.64,  1.78, 20.79])
    """
    values = np.asarray(p, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError("A p-value lies in [0, 1], got one that does not.")
    inner = np.clip(values, _TINY, 1 - 1e-5)
    log = np.log(inner)
    return np.where(values > 1 - 1e-5, 0.5, (1 - inner + inner * log) / (inner * log * log))


def merge_e_values(values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Merge e-values into one by their weighted mean, valid under any dependence.

    Raises:
        InputError: If there is none, or a weight is negative.

    Example:
        >>> merge_e_values([0.5, 0.5, 26.0])
        9.0
    """
    e = np.asarray(values, np.float64)
    w = np.ones_like(e) if weights is None else np.asarray(weights, np.float64)
    if e.size == 0 or (w < 0).any() or w.sum() <= 0:
        raise InputError("Merging needs at least one e-value and weights of at least 0.")
    return float((e * w).sum() / w.sum())


@dataclass(slots=True)
class EProcess:
    """The product of e-values over time: a lifetime's budget of false alarms.

    Where nothing ever changes, the product reaches 1/a with probability at most a, however long
    it runs (Ville's inequality). A change that comes late must first win back what was lost
    before it, so this suits a bounded trial; :class:`EDetector` suits a watch without end.

    Args:
        value: The product so far.
        steps: How many e-values it has taken.
    """

    value: float = 1.0
    steps: int = 0

    def update(self, e: float) -> float:
        """Multiply by a window's e-value and return the product."""
        self.value = min(self.value * _checked(e), 1 / _TINY)
        self.steps += 1
        return self.value

    @property
    def p_value(self) -> float:
        """A p-value that holds at any time: 1 over the product, at most 1."""
        return min(1.0, 1.0 / max(self.value, _TINY))


@dataclass(slots=True)
class EDetector:
    """A watch without end over e-values, with a stated rate of false alarms.

    `cusum` keeps max(M, 1) e, `shiryaev-roberts` (M + 1) e. An alarm at M >= arl has an average
    run length to a false alarm of at least `arl` windows, and within T windows a false alarm
    with probability at most T/arl (Shin, Ramdas and Rinaldo 2023, E-detectors).

    Args:
        arl: Windows between false alarms on average, at least.
        rule: `shiryaev-roberts` sums the evidence over all times the change may have come at;
            `cusum` takes the best of them.
        value: The statistic now.
        steps: Windows taken so far.
        since: The step from which the evidence has been growing: where the change began, as
            far as can be told.
        peak: The cusum that `since` belongs to.

    Example:
        >>> detector = EDetector(arl=1000)
        >>> [detector.update(e) for e in [0.5, 0.5, 40.0, 40.0]][-1] >= 1000, detector.since
        (True, 3)
    """

    arl: float = 1000.0
    rule: Literal["cusum", "shiryaev-roberts"] = "shiryaev-roberts"
    value: float = 0.0
    steps: int = 0
    since: int = 1
    peak: float = 1.0

    def update(self, e: float) -> float:
        """Take a window's e-value and return the statistic."""
        e = _checked(e)
        self.steps += 1
        if self.peak <= 1:
            self.since, self.peak = self.steps, 1.0
        self.peak = min(self.peak * e, 1 / _TINY)
        kept = max(self.value, 1.0) if self.rule == "cusum" else self.value + 1
        self.value = min(kept * e, 1 / _TINY)
        return self.value

    @property
    def alarmed(self) -> bool:
        """Whether the statistic has reached `arl`."""
        return self.value >= self.arl

    def reset(self) -> None:
        """Start the evidence anew, as after an alarm that was dealt with."""
        self.value, self.peak, self.since = 0.0, 1.0, self.steps + 1


def _checked(e: float) -> float:
    if not e >= 0:
        raise InputError(f"An e-value is at least 0, got {e}.")
    return min(float(e), 1 / _TINY)
