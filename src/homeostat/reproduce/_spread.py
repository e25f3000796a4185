"""Results of several runs that differ only in their seed: mean and spread."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from homeostat.core import Json
from homeostat.record import RunInfo

__all__ = ["Group", "Spread", "groups"]

_SEEDS = frozenset({"seed", "random_seed", "random_state", "rng", "random-seed"})


@dataclass(frozen=True, slots=True)
class Spread:
    """A result over several runs.

    Args:
        mean: Its mean.
        deviation: Its standard deviation (n - 1 in the denominator); None of a single run.
        runs: How many runs have it.
    """

    mean: float
    deviation: float | None
    runs: int

    def __str__(self) -> str:
        if self.deviation is None:
            return f"{self.mean:.4g} (1 run)"
        digits = _digits(self.deviation, self.mean)
        return f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f} (sd of {self.runs} runs)"


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one configuration.

    Args:
        name: What sets it apart from the other groups; "" if there is but one.
        runs: The runs.
        results: Each number of their summaries.
    """

    name: str
    runs: tuple[RunInfo, ...]
    results: Mapping[str, Spread]


def groups(runs: Sequence[RunInfo]) -> list[Group]:
    """Return runs by what they were told, seeds aside, in the order of their first runs."""
    found: dict[str, list[RunInfo]] = {}
    for info in runs:
        config = {name: value for name, value in info.config.items() if name not in _SEEDS}
        found.setdefault(json.dumps(config, sort_keys=True), []).append(info)
    told = [json.loads(key) for key in found]
    varying = [
        name
        for name in dict.fromkeys(name for one in told for name in one)
        if len({json.dumps(one.get(name), sort_keys=True) for one in told}) > 1
    ]
    return [
        Group(_named(one, varying), tuple(members), _results(members))
        for one, members in zip(told, found.values(), strict=True)
    ]


def _named(told: Mapping[str, Json], varying: Iterable[str]) -> str:
    return ", ".join(f"{name}={told.get(name)}" for name in varying)


def _results(runs: Sequence[RunInfo]) -> dict[str, Spread]:
    found: dict[str, list[float]] = {}
    for info in runs:
        for name, value in info.summary.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if number and math.isfinite(float(str(value))) and not name.startswith("_"):
                found.setdefault(name, []).append(float(str(value)))
    return {name: _spread(values) for name, values in found.items()}


def _spread(values: Sequence[float]) -> Spread:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, len(values))


def _digits(deviation: float, mean: float) -> int:
    """Return how many decimals show two digits of the spread."""
    size = deviation or abs(mean)
    return 4 if not size else min(max(1 - math.floor(math.log10(size)), 0), 12)
