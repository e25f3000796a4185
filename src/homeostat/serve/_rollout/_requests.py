"""Requests: what a look at both arms' requests adds to the evidence on errors and latency."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, Json
from homeostat.experiment import Counted
from homeostat.serve._rollout._guard import Guard, NoMoreErrors, NoSlower, limits
from homeostat.stats import TwoRates

__all__ = ["Requests", "latency_bucket"]

_WIDE = math.log(1.02)  # a bucket of latency is 2 % wide
_ERRORS = "errors"  # what the guard on errors counts, beside the limits by name
_NONE = (0, 0)

Counts = dict[str, tuple[int, int]]


def latency_bucket(latency_ms: ArrayLike) -> NDArray[np.int64]:
    """Return the bucket of each latency, 2 % wide; those below a nanosecond share one."""
    values = np.maximum(np.asarray(latency_ms, dtype=np.float64), 1e-6)
    return np.floor(np.log(values) / _WIDE).astype(np.int64)


def counted(buckets: Mapping[int, int]) -> Counted:
    """Return latencies in ms, each at the upper end of its bucket."""
    codes = np.array(sorted(buckets), dtype=np.float64)
    counts = np.array([buckets[int(code)] for code in codes], dtype=np.float64)
    return Counted(np.exp((codes + 1) * _WIDE), counts)


@dataclass(slots=True)
class Requests:
    """Counts of both arms' requests, look by look, in each stratum.

    Args:
        rates: By limit of an SLA, the evidence that the challenger breaks it more often.
        looks: [errors, requests of the champion, errors, requests of the challenger] by look.
        latencies: By stratum and arm, how many requests took how long, by bucket.
        new: By stratum and arm, what was counted since the last look.
    """

    rates: dict[str, TwoRates] = field(default_factory=dict)
    looks: list[list[int]] = field(default_factory=list)
    latencies: dict[str, dict[str, dict[int, int]]] = field(default_factory=dict)
    new: dict[str, dict[str, Counts]] = field(default_factory=dict)

    def add(
        self,
        guards: Sequence[Guard],
        arm: str,
        stratum: str,
        *,
        latency_ms: ArrayLike,
        errors: int,
    ) -> None:
        """Count requests that an arm answered, and others that it failed."""
        latency = np.asarray(latency_ms, dtype=np.float64)
        if latency.ndim != 1 or not np.isfinite(latency).all() or errors < 0:
            raise InputError(
                "Latencies are finite numbers of shape (n,) and errors at least 0, got shape "
                f"{latency.shape} and {errors} errors."
            )
        counts = {
            name: (errors, len(latency) + errors)
            if limit.over_s is None
            else (int(np.count_nonzero(latency > 1000 * limit.over_s)), len(latency))
            for name, limit in limits(guards).items()
        }
        self.count(arm, stratum, counts | {_ERRORS: (errors, len(latency) + errors)})
        if any(isinstance(guard, NoSlower) for guard in guards):
            found = np.unique(latency_bucket(latency), return_counts=True)
            self.count_latencies(
                arm, stratum, dict(zip(found[0].tolist(), found[1].tolist(), strict=True))
            )

    def count(self, arm: str, stratum: str, counts: Counts) -> None:
        """Count, by limit, how many requests broke it and how many there were."""
        new = self.new.setdefault(stratum, {}).setdefault(arm, {})
        for name, (broken, n) in counts.items():
            old = new.get(name, _NONE)
            new[name] = (old[0] + broken, old[1] + n)

    def count_latencies(self, arm: str, stratum: str, buckets: Mapping[int, int]) -> None:
        """Count latencies by bucket."""
        kept = self.latencies.setdefault(stratum, {}).setdefault(arm, {})
        for bucket, n in buckets.items():
            kept[bucket] = kept.get(bucket, 0) + n

    def look(self, guards: Sequence[Guard]) -> None:
        """Turn what is new into evidence: within one look both arms share what happens."""
        counts_errors = any(isinstance(guard, NoMoreErrors) for guard in guards)
        for _, arms in sorted(self.new.items()):
            champion, challenger = arms.get("champion", {}), arms.get("challenger", {})
            for name in limits(guards):
                self.rates[name] = self.rates.get(name, TwoRates()).update(
                    champion.get(name, _NONE), challenger.get(name, _NONE)
                )
            if counts_errors:
                old, new = champion.get(_ERRORS, _NONE), challenger.get(_ERRORS, _NONE)
                self.looks.append([*old, *new])
        self.new.clear()

    def samples(self) -> list[tuple[Counted, Counted]]:
        """Return the latencies of champion and challenger in each stratum that has both."""
        return [
            (counted(arms["champion"]), counted(arms["challenger"]))
            for _, arms in sorted(self.latencies.items())
            if {"champion", "challenger"} <= arms.keys()
        ]

    def to_json(self) -> dict[str, Json]:
        """Return the state as JSON."""
        return {
            "rates": {name: [r.log_e, *r.base, *r.other] for name, r in self.rates.items()},
            "looks": [list(look) for look in self.looks],
            "latencies": {
                stratum: {arm: list(kept.items()) for arm, kept in arms.items()}
                for stratum, arms in self.latencies.items()
            },
            "new": {
                stratum: {
                    arm: {name: list(seen) for name, seen in counts.items()}
                    for arm, counts in arms.items()
                }
                for stratum, arms in self.new.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Requests:
        """Rebuild the state from `to_json`."""
        return cls(
            {
                name: TwoRates(log_e, tuple(counts[:2]), tuple(counts[2:]))
                for name, (log_e, *counts) in data["rates"].items()
            },
            [list(look) for look in data["looks"]],
            {
                stratum: {arm: dict(map(tuple, kept)) for arm, kept in arms.items()}
                for stratum, arms in data["latencies"].items()
            },
            {
                stratum: {
                    arm: {name: tuple(seen) for name, seen in counts.items()}
                    for arm, counts in arms.items()
                }
                for stratum, arms in data["new"].items()
            },
        )
