"""What a metric is worth where labels are probabilities, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, suggest
from homeostat.monitor._performance._expected_metrics import (
    BINARY_METRICS,
    MULTICLASS_METRICS,
    Codes,
    Expected,
)
from homeostat.monitor._performance._metric_estimate import Realized
from homeostat.monitor._performance._residuals import Residuals
from homeostat.monitor._performance._rows import as_classes
from homeostat.stats import Floats

__all__ = [
    "Measure",
    "Metric",
    "chosen_metrics",
    "decided_classes",
    "draws_of",
    "realized",
    "value_of",
    "window_codes",
    "with_errors",
]

Metric = Callable[[Codes, Floats], float]
"""Any metric: takes class numbers (n,) and probabilities (n, k); greater is better."""
Measure = tuple[Expected | None, Metric | None]
"""One of our metrics, or one of the user's."""

_DRAWS = 200
_WINDOWS = 50
_LEAST_WINDOW = 100
_LEAST_WINDOWS = 8


def chosen_metrics(asked: Sequence[str] | Mapping[str, str | Metric], k: int) -> dict[str, Measure]:
    """Return what is to be estimated, by name."""
    known = BINARY_METRICS if k == 2 else MULTICLASS_METRICS
    if isinstance(asked, str):
        asked = [asked]
    pairs = asked if isinstance(asked, Mapping) else {name: name for name in asked}
    if not pairs:
        raise InputError(f"At least one metric is needed: {', '.join(sorted(known))}.")
    found: dict[str, Measure] = {}
    for name, one in pairs.items():
        if callable(one):
            found[name] = (None, one)
        elif one in known:
            found[name] = (known[one], None)
        else:
            raise InputError(
                f"`metrics` are {', '.join(sorted(known))} for {k} classes, or callables, got "
                f"{one!r}.{suggest(one, known)}"
            )
    return found


def decided_classes(decided: ArrayLike | None, q: Floats, classes: Sequence[object]) -> Codes:
    """Return the class that each row was decided to be, as numbers (n,)."""
    if decided is not None:
        return as_classes(decided, classes, len(q))
    if q.shape[1] == 2:
        return np.asarray(q[:, 1] >= 0.5, np.intp)
    return np.asarray(q.argmax(axis=1), np.intp)


def window_codes(windows: ArrayLike | None, n: int) -> NDArray[np.intp]:
    """Return each row's window: what was given, or up to fifty runs of rows in order."""
    if windows is None:
        number = int(np.clip(n // _LEAST_WINDOW, 1, _WINDOWS))
        return np.asarray(np.arange(n) * number // n, np.intp)
    given = np.asarray(windows)
    if given.shape != (n,):
        raise InputError(f"There must be one window a row, got {given.shape} for {n} rows.")
    return np.asarray(np.unique(given, return_inverse=True)[1], np.intp)


def draws_of(q: Floats, rng: np.random.Generator) -> Codes:
    """Draw a class for each row, shape (n,)."""
    beyond = rng.random(len(q))[:, None] > np.cumsum(q[:, :-1], axis=1)
    return np.asarray(beyond.sum(axis=1), np.intp)


def value_of(measure: Measure, p: Floats, decided: Codes, y: Codes) -> float:
    """Return a metric at labels that are known; NaN where it is not defined."""
    expected, own = measure
    if expected is not None:
        return expected(p, decided, np.eye(p.shape[1])[y])[0]
    return _called(own, y, p)


def with_errors(
    measure: Measure,
    rows: tuple[Floats, Codes, Floats],
    residuals: Residuals,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Return a metric at labels that are probabilities, and its two standard errors.

    Args:
        measure: Which metric; one of the user's is averaged over 200 draws of labels.
        rows: The model's probabilities (n, k), decided classes (n,), true probabilities (n, k).
        residuals: How well the last are known.
        rng: Of draws.

    Returns:
        The value, the error because outcomes fall by chance, and the error because the
        probabilities are estimated.
    """
    p, decided, q = rows
    expected, own = measure
    if expected is not None:
        value, slope = expected(p, decided, q)
        spread = (q * slope**2).sum(axis=1) - (q * slope).sum(axis=1) ** 2
        return value, float(np.sqrt(max(spread.sum(), 0.0))), residuals.error(p, slope)
    chance = np.array([_called(own, draws_of(q, rng), p) for _ in range(_DRAWS)])
    both = np.array(
        [_called(own, draws_of(residuals.shaken(q, p, rng), rng), p) for _ in range(_DRAWS)]
    )
    chance, both = chance[np.isfinite(chance)], both[np.isfinite(both)]
    if min(len(chance), len(both)) < _DRAWS // 2:
        return float("nan"), 0.0, 0.0
    return (
        float(chance.mean()),
        float(chance.std()),
        float(np.sqrt(max(both.var() - chance.var(), 0.0))),
    )


def realized(
    measure: Measure,
    rows: tuple[Floats, Codes, Floats],
    y: Codes,
    window: NDArray[np.intp],
    residuals: Residuals,
    rng: np.random.Generator,
) -> Realized:
    """Return a metric on the reference, and how far its windows' estimates were off.

    Each window's probabilities are by a map that was fitted without them, so what is left is
    what estimates will be off by: chance, and what windows have of their own.
    """
    p, decided, q = rows
    errors = []
    for one in range(int(window.max()) + 1) if measure[0] is not None else ():
        inside = window == one
        if np.count_nonzero(inside) < _LEAST_WINDOW // 2:
            continue
        part = (p[inside], decided[inside], q[inside])
        seen = value_of(measure, *part[:2], y[inside])
        value, chance, _ = with_errors(measure, part, residuals, rng)
        if chance > 0 and np.isfinite(seen) and np.isfinite(value):
            errors.append((seen - value) / chance)
    dispersion = 1.0
    if len(errors) >= _LEAST_WINDOWS:
        dispersion = max(float(np.sqrt(np.mean(np.square(errors)))), 1.0)
    return Realized(value_of(measure, p, decided, y), dispersion, len(errors))


def _called(metric: Metric | None, y: Codes, p: Floats) -> float:
    assert metric is not None  # noqa: S101 - one of the two is there
    try:
        return float(metric(y, p))
    except (ValueError, ZeroDivisionError):
        return float("nan")  # not defined for these labels, such as an AUC of one class
