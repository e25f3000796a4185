"""A sweep's parameters: nested, each with values or a distribution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri

from homeostat.core import InputError

__all__ = ["Space", "flat", "grid", "nested", "place_of", "sample"]

Spec = Mapping[str, Any]
Space = dict[tuple[str, ...], Spec]


def flat(parameters: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Space:
    """Return parameters by path, those of nested ones below the path of their parent.

    Example:
        >>> flat({"lr": {"value": 1}, "net": {"parameters": {"width": {"values": [8, 16]}}}})
        {('lr',): {'value': 1}, ('net', 'width'): {'values': [8, 16]}}
    """
    space: Space = {}
    for name, spec in parameters.items():
        if not isinstance(spec, Mapping):
            raise InputError(f"The parameter `{name}` must be an object, got {spec!r}.")
        if "parameters" in spec:
            space |= flat(spec["parameters"], (*prefix, str(name)))
        else:
            space[(*prefix, str(name))] = spec
    return space


def nested(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Return values by path as nested objects.

    Example:
        >>> nested({("lr",): 1, ("net", "width"): 8})
        {'lr': 1, 'net': {'width': 8}}
    """
    tree: dict[str, Any] = {}
    for path, value in values.items():
        place = tree
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return tree


def grid(space: Space) -> Iterator[dict[tuple[str, ...], Any]]:
    """Yield every combination of values, the last parameter the fastest."""
    columns = [_values(path, spec) for path, spec in space.items()]
    for combination in itertools.product(*columns):
        yield dict(zip(space, combination, strict=True))


def sample(space: Space, rng: np.random.Generator) -> dict[tuple[str, ...], Any]:
    """Return one value of each parameter, by its distribution."""
    return {path: _drawn(path, spec, float(rng.random())) for path, spec in space.items()}


def place_of(spec: Spec, value: object) -> list[float]:
    """Return where a value is in its parameter's range, as numbers from 0 to 1.

    A choice has one number a value, and where the range is unbounded the numbers are nearly so.
    """
    choices = spec.get("values")
    if choices is not None:
        return [float(value == one) for one in choices]
    if "value" in spec or not isinstance(value, (int, float)):
        return []
    low, high = spec.get("min"), spec.get("max")
    if low is None or high is None or low == high:
        spread = (float(value) - float(spec.get("mu", 0))) / (2 * float(spec.get("sigma", 1)) or 1)
        return [0.5 + 0.5 * math.tanh(spread)]
    kind = str(spec.get("distribution", ""))
    if "log" in kind and not kind.endswith("_values"):
        low, high = math.exp(low), math.exp(high)
    if "log" in kind and value > 0 and low > 0:
        return [(math.log(value) - math.log(low)) / (math.log(high) - math.log(low))]
    return [(float(value) - low) / (high - low)]


def _values(path: Sequence[str], spec: Spec) -> list[Any]:
    if "value" in spec:
        return [spec["value"]]
    if "values" in spec:
        return list(spec["values"])
    low, high, step = spec.get("min"), spec.get("max"), spec.get("q", 1)
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int) and step > 0:
        return list(range(low, high + 1, step))
    if _kind(path, spec) == "q_uniform":
        count = math.floor((float(high) - float(low)) / float(step) + 1e-9) + 1  # type: ignore[arg-type]
        return [float(low) + step * i for i in range(count)]  # type: ignore[arg-type]
    raise InputError(
        f"A grid needs `value`, `values` or whole `min` and `max` of `{'.'.join(path)}`, got "
        f"{dict(spec)!r}."
    )


def _kind(path: Sequence[str], spec: Spec) -> str:
    if kind := spec.get("distribution"):
        return str(kind)
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical_w_probabilities" if "probabilities" in spec else "categorical"
    if "min" in spec and "max" in spec:
        whole = isinstance(spec["min"], int) and isinstance(spec["max"], int)
        return "int_uniform" if whole else "uniform"
    if "mu" in spec or "sigma" in spec:
        return "normal"
    raise InputError(
        f"The parameter `{'.'.join(path)}` must have `value`, `values`, `min` and `max`, or a "
        f"`distribution`; got {dict(spec)!r}."
    )


def _drawn(path: Sequence[str], spec: Spec, u: float) -> Any:  # noqa: ANN401 - any JSON
    """Return the value at a quantile, 0 <= u < 1, of a parameter's distribution."""
    kind = _kind(path, spec)
    if kind == "constant":
        return spec["value"]
    if kind.startswith("categorical"):
        values = spec["values"]
        weights = np.asarray(spec.get("probabilities") or np.full(len(values), 1 / len(values)))
        return values[int(np.searchsorted(np.cumsum(weights / weights.sum()), u, side="right"))]
    shape = _QUANTILES.get(kind.removeprefix("q_"))
    if shape is None:
        known = ", ".join(sorted(_QUANTILES))
        raise InputError(f"`{'.'.join(path)}`: the distribution {kind!r} is none of {known}.")
    try:
        value = shape(spec, u)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"`{'.'.join(path)}`: {kind} lacks or dislikes {error}.") from error
    if kind.startswith("q_"):
        step = spec.get("q", 1)
        value = round(value / step) * step
        return int(value) if isinstance(step, int) else float(value)
    return int(value) if kind == "int_uniform" else float(value)


def _between(low: float, high: float, u: float) -> float:
    return low + (high - low) * u


def _log_between(low: float, high: float, u: float) -> float:
    return math.exp(_between(math.log(low), math.log(high), u))


_QUANTILES: Mapping[str, Callable[[Spec, float], float]] = {
    "int_uniform": lambda s, u: math.floor(_between(s["min"], s["max"] + 1, u)),
    "uniform": lambda s, u: _between(s["min"], s["max"], u),
    "log_uniform": lambda s, u: math.exp(_between(s["min"], s["max"], u)),
    "log_uniform_values": lambda s, u: _log_between(s["min"], s["max"], u),
    "inv_log_uniform": lambda s, u: (
        math.exp(s["max"]) + math.exp(s["min"]) - math.exp(_between(s["min"], s["max"], u))
    ),
    "inv_log_uniform_values": lambda s, u: (
        s["max"] + s["min"] - _log_between(s["min"], s["max"], u)
    ),
    "normal": lambda s, u: s.get("mu", 0) + s.get("sigma", 1) * float(ndtri(max(u, 1e-12))),
    "log_normal": lambda s, u: math.exp(
        s.get("mu", 0) + s.get("sigma", 1) * float(ndtri(max(u, 1e-12)))
    ),
    "beta": lambda s, u: float(betaincinv(s["a"], s["b"], u)),
}
