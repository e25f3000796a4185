"""A change of unit: the same shape, multiplied (and for temperatures moved) as units are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.data import ColumnProfile

__all__ = ["Rescaled", "rescaled"]

_SHARES = np.linspace(0.05, 0.95, 19)
_APART = 0.25  # least distance of the columns as they are
_ALIKE = 0.25  # greatest distance after conversion, as a share of that before
_KOLMOGOROV = 1.95  # p = 0.001
_SKETCHED = 0.01  # what two quantile sketches may be off by
_UNNAMED = 4.5  # least factor that is told though no unit has it

_FACTORS = {
    10.0: "a decimal place",
    100.0: "shares to per cent, or euros to cents",
    1000.0: "kilo, or seconds to milliseconds",
    1e6: "mega, or seconds to microseconds",
    1e9: "giga, or seconds to nanoseconds",
    60.0: "minutes to seconds, or hours to minutes",
    3600.0: "hours to seconds",
    1440.0: "days to minutes",
    24.0: "days to hours",
    7.0: "weeks to days",
    12.0: "years to months, or feet to inches",
    365.25: "years to days",
    2.54: "inches to centimetres",
    25.4: "inches to millimetres",
    3.28084: "metres to feet",
    1.609344: "miles to kilometres",
    1.852: "nautical miles to kilometres",
    3.6: "metres a second to kilometres an hour",
    2.236936: "metres a second to miles an hour",
    2.204623: "kilograms to pounds",
    28.349523: "ounces to grams",
    3.785412: "gallons to litres",
    1024.0: "kibi",
    1048576.0: "mebi",
    57.29578: "radians to degrees",
}
_AFFINE = {
    (32.0, 1.8): "Celsius to Fahrenheit",
    (-32 / 1.8, 1 / 1.8): "Fahrenheit to Celsius",
    (273.15, 1.0): "Celsius to Kelvin",
    (-273.15, 1.0): "Kelvin to Celsius",
    (0.0, -1.0): "the sign is reversed",
}


@dataclass(frozen=True, slots=True)
class Rescaled:
    """A window's column is `add + factor` times the reference's.

    Args:
        factor: Ratio of their quantiles.
        add: What is added.
        words: Which units that is, for people; empty if none is known.
        before: Greatest difference of the cumulative shares as they are.
        after: The same once converted.
    """

    factor: float
    add: float
    words: str
    before: float
    after: float


def rescaled(
    reference: ColumnProfile, window: ColumnProfile, *, every: bool = True
) -> Rescaled | None:
    """Return the conversion under which a window looks like the reference; None if there is none.

    Told only where the window is far off as it is, and not once converted: a known conversion,
    or any factor of 4.5 and more (a smaller unnamed one may be a shift like another, and without
    `every` one that has a name is not told either).
    """
    if not (_numeric(reference) and _numeric(window)):
        return None
    at = np.array(reference.quantile(*_SHARES), np.float64)
    was, before = _below(reference, at), _below(window, at)
    apart = float(np.abs(was - before).max())
    if apart < _APART or at[0] == at[-1]:
        return None
    now = np.array(window.quantile(*_SHARES), np.float64)
    noise = _KOLMOGOROV * np.sqrt(1 / reference.present + 1 / window.present) + _SKETCHED
    limit = min(apart * _ALIKE, float(noise))
    best = None
    for (add, factor), words in _candidates(at, now).items():
        if not every and 1 / _UNNAMED < factor < _UNNAMED:
            continue
        there = _after(window, at, was, add, factor)
        back = _after(reference, now, _below(window, now), -add / factor, 1 / factor)
        after = max(there, back)
        better = best is None or after < best.after - (0 if words else _SKETCHED)
        if after <= limit and better:
            best = Rescaled(factor, add, words, apart, after)
    return best


def _candidates(
    at: NDArray[np.float64], now: NDArray[np.float64]
) -> dict[tuple[float, float], str]:
    named = {(0.0, factor): words for factor, words in _FACTORS.items()}
    named |= {(0.0, 1 / f): f"{words}, the other way" for f, words in _FACTORS.items()}
    free = float((at * now).sum() / max((at * at).sum(), 1e-300))
    known = any(abs(free / factor - 1) < 0.02 for _, factor in named)
    if not known and free != 0 and max(abs(free), 1 / abs(free)) >= _UNNAMED:
        named[0.0, free] = ""
    return named | _AFFINE


def _after(
    window: ColumnProfile, at: NDArray[np.float64], was: NDArray[np.float64], add: float, by: float
) -> float:
    """Return the distance of the cumulative shares once one side is converted.

    It is asked both ways: a reference that is nearly all nought has no quantile where a window
    of anything else would differ.
    """
    converted = add + by * at
    slack = np.abs(converted) * 1e-9 * (1 if by > 0 else -1)
    now = _below(window, converted + slack)
    return float(np.abs(was - (now if by > 0 else 1 - now)).max())


def _below(column: ColumnProfile, at: NDArray[np.float64]) -> NDArray[np.float64]:
    assert column.kll is not None  # noqa: S101 - asked in `_numeric`
    return np.asarray(column.kll.ranks(at), np.float64) / column.kll.count


def _numeric(column: ColumnProfile) -> bool:
    return column.type in {"int", "float"} and column.kll is not None and column.kll.count > 0
