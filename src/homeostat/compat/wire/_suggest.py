"""What a sweep tries next: grid, random or Bayesian; and which runs are not worth going on."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeostat.compat.wire._space import Space, flat, grid, nested, place_of, sample
from homeostat.core import InputError

__all__ = ["Trial", "expected", "hopeless", "suggest", "warnings_of"]

_CANDIDATES = 1000
_WARM_UP = 3
_METHODS = ("grid", "random", "bayes")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep.

    Args:
        config: What it was told.
        state: Its state.
        loss: Its result, less is better; None while there is none.
        curve: The result as it went, less is better.
    """

    config: Mapping[str, Any]
    state: str
    loss: float | None
    curve: Sequence[float] = ()


def warnings_of(config: Mapping[str, Any]) -> list[str]:
    """Return what is odd in a sweep's config.

    Raises:
        InputError: If nothing can be tried with it.
    """
    method = config.get("method")
    if method not in {*_METHODS, "custom"}:
        raise InputError(f"A sweep's method is one of {', '.join(_METHODS)}, got {method!r}.")
    if not isinstance(config.get("parameters", {}), Mapping):
        raise InputError("A sweep's `parameters` is an object of parameters by name.")
    if method == "bayes" and not (config.get("metric") or {}).get("name"):
        raise InputError("A sweep by `bayes` needs `metric.name`: what shall be best.")
    flat(config.get("parameters") or {})
    odd = []
    if "parameters" not in config:
        odd.append("There are no parameters: every run will be told the same.")
    if config.get("early_terminate") and not (config.get("metric") or {}).get("name"):
        odd.append("`early_terminate` needs `metric.name`: no run will be stopped early.")
    return odd


def suggest(
    config: Mapping[str, Any], trials: Sequence[Trial], *, name: str
) -> dict[str, Any] | None:
    """Return what the next run is told, or None if there is nothing left to try.

    Args:
        config: The sweep's: method, parameters, metric, run_cap.
        trials: Its runs by now.
        name: Of the sweep: with the number of trials it makes the draws, so they can be redone.
    """
    cap = config.get("run_cap")
    if cap is not None and len(trials) >= cap:
        return None
    space = flat(config.get("parameters") or {})
    if config["method"] == "grid":
        # A script may add settings of its own to its config: only the sweep's count.
        tried = {_key(nested(_paths(trial.config, space))) for trial in trials}
        for values in map(nested, grid(space)):
            if _key(values) not in tried:
                return values
        return None
    seed = hashlib.sha256(f"{name}/{len(trials)}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed))
    known = [trial for trial in trials if trial.loss is not None and math.isfinite(trial.loss)]
    if config["method"] == "bayes" and len(known) >= _WARM_UP:
        return nested(_promising(space, known, rng))
    return nested(sample(space, rng))


def expected(config: Mapping[str, Any]) -> int | None:
    """Return how many runs a sweep will have; None where there is no end."""
    cap = config.get("run_cap")
    if config.get("method") != "grid":
        return cap
    count = sum(1 for _ in itertools.islice(grid(flat(config.get("parameters") or {})), 10**6))
    return count if cap is None else min(cap, count)


def hopeless(config: Mapping[str, Any], trials: Sequence[Trial]) -> list[int]:
    """Return the places of running trials that hyperband would stop.

    At each of the iterations min_iter, min_iter * eta, ... (or max_iter / eta, ... back to s
    halvings) the best 1/eta of the curves that came so far go on (Li et al. 2018, "Hyperband",
    successive halving as it is run asynchronously: a curve is compared with those known now).
    """
    rule = config.get("early_terminate") or {}
    if rule.get("type") != "hyperband":
        return []
    eta = float(rule.get("eta", 3))
    best = [np.minimum.accumulate(trial.curve) if len(trial.curve) else () for trial in trials]
    stopped = []
    for place, trial in enumerate(trials):
        reached = [band for band in _bands(rule, eta) if band <= len(best[place])]
        for band in reached if rule.get("strict") else reached[-1:]:
            rivals = sorted(float(curve[band - 1]) for curve in best if len(curve) >= band)
            limit = rivals[max(0, math.ceil(len(rivals) / eta) - 1)]
            if trial.state == "running" and best[place][band - 1] > limit:
                stopped.append(place)
                break
    return stopped


def _bands(rule: Mapping[str, Any], eta: float) -> list[int]:
    if eta <= 1:
        raise InputError(f"Hyperband's eta must be above 1, got {eta}.")
    if (first := rule.get("min_iter")) is not None:
        return [int(first * eta**k) for k in range(20)]
    top, count = rule.get("max_iter"), int(rule.get("s", 2))
    if top is None:
        raise InputError("Hyperband needs `min_iter`, or `max_iter` and `s`.")
    return sorted({max(1, int(top / eta**k)) for k in range(1, count + 1)})


def _promising(
    space: Space,
    known: Sequence[Trial],
    rng: np.random.Generator,
) -> dict[tuple[str, ...], Any]:
    """Return the drawn candidate of greatest expected improvement under a Gaussian process."""
    from scipy.stats import norm  # noqa: PLC0415 - costs seconds to import
    from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - likewise
    from sklearn.gaussian_process.kernels import Matern, WhiteKernel  # noqa: PLC0415 - likewise

    candidates = [sample(space, rng) for _ in range(_CANDIDATES)]
    seen = np.array([_point(space, _paths(trial.config, space)) for trial in known])
    loss = np.array([trial.loss for trial in known], float)
    if not seen.size or not np.ptp(loss):
        return candidates[0]
    scaled = (loss - loss.mean()) / loss.std()
    kernel = Matern(nu=2.5, length_scale_bounds="fixed", length_scale=0.5) + WhiteKernel(
        1e-3, noise_level_bounds="fixed"
    )
    model = GaussianProcessRegressor(kernel, optimizer=None).fit(seen, scaled)
    mean, spread = model.predict(np.array([_point(space, one) for one in candidates]), True)
    gain = scaled.min() - mean
    z = gain / np.maximum(spread, 1e-12)
    return candidates[int(np.argmax(gain * norm.cdf(z) + spread * norm.pdf(z)))]


def _point(space: Space, values: Mapping[tuple[str, ...], Any]) -> list[float]:
    return [x for path, spec in space.items() for x in place_of(spec, values.get(path))]


def _paths(config: Mapping[str, Any], space: Space) -> dict[Any, Any]:
    found: dict[tuple[str, ...], Any] = {}
    for path in space:
        value: Any = config
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        found[path] = value
    return found


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)
