"""Bandits without context: Thompson sampling, top-two, epsilon-greedy, UCB."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, Json, VersionError, suggest
from homeostat.experiment._bandit._arms import (
    ArmSums,
    BetaBelief,
    NormalBelief,
    chance_best,
    sums_from_json,
    top_two,
)
from homeostat.stats import Floats

__all__ = ["Bandit", "EpsilonGreedy", "GaussianThompson", "Thompson", "UpperBound", "choose"]

_FORMAT = 1


@dataclass(slots=True, kw_only=True)
class Bandit(ABC):
    """Chooses arms more often the better they do, and says how likely each choice was.

    Args:
        arms: Their names.
        floor: Least share of each arm: shares are floor + (1 - k floor) x what the method says, so
            that every arm goes on being known, and old rewards can be weighed (`ips`, `dr`).
        sums: Rewards so far, by arm.

    Raises:
        InputError: If there are fewer than two arms, one stands twice, or the floors exceed 1.
    """

    arms: Sequence[str]
    floor: float = 0.01
    sums: dict[str, ArmSums] = field(default_factory=dict)
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        self.arms = tuple(self.arms)
        if len(set(self.arms)) < len(self.arms) or len(self.arms) < 2:
            raise InputError(f"A bandit has two or more different arms, got {list(self.arms)}.")
        if not 0 <= self.floor * len(self.arms) <= 1:
            raise InputError(
                f"`floor` lies in [0, 1/{len(self.arms)}] for {len(self.arms)} arms, "
                f"got {self.floor}."
            )
        self.sums = {arm: self.sums.get(arm, ArmSums()) for arm in self.arms}

    @property
    def propensities(self) -> dict[str, float]:
        """How likely each arm is chosen next; they sum to 1."""
        shares = self.floor + (1 - self.floor * len(self.arms)) * self._shares()
        return dict(zip(self.arms, (shares / shares.sum()).tolist(), strict=True))

    def update(self, arm: str, rewards: ArrayLike) -> None:
        """Learn the reward, or rewards, of an arm.

        Raises:
            InputError: If there is no such arm or a reward is none that the method knows.
        """
        if arm not in self.sums:
            raise InputError(f"The bandit has no arm `{arm}`.{suggest(arm, self.arms)}")
        self.sums[arm] += self._taken(rewards)

    def to_json(self) -> dict[str, Json]:
        """Return the state, from which another process goes on with the same choices."""
        settings = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "sums"}
        settings["arms"] = list(self.arms)
        sums = {arm: one.to_json() for arm, one in self.sums.items()}
        return {"format": _FORMAT, "kind": self.kind, **settings, "sums": sums}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Bandit:
        """Rebuild a bandit of any kind; raises VersionError if its format is newer."""
        if data["format"] > _FORMAT:
            raise VersionError(f"The bandit's state has format {data['format']}: upgrade.")
        kinds = {kind.kind: kind for kind in _KINDS}
        made = kinds.get(data["kind"])
        if made is None:
            raise InputError(f"There is no bandit `{data['kind']}`.{suggest(data['kind'], kinds)}")
        settings = {k: v for k, v in data.items() if k not in {"format", "kind", "sums"}}
        return made(**settings, sums=sums_from_json(data["sums"]))

    @abstractmethod
    def _shares(self) -> Floats:
        """Return how likely each arm is by the method alone, (k,)."""

    def _taken(self, rewards: ArrayLike) -> ArmSums:
        """Sum up rewards; raise InputError for those that the method does not know."""
        return ArmSums.of(rewards)

    def _means(self) -> Floats:
        return np.array([self.sums[arm].mean for arm in self.arms])

    def _counts(self) -> Floats:
        return np.array([self.sums[arm].n for arm in self.arms], np.float64)


@dataclass(slots=True, kw_only=True)
class Thompson(Bandit):
    """Thompson sampling for rewards in [0, 1]: each arm as often as it is likely to be the best.

    Args:
        best: 1 for Thompson's own shares; less gives the rest to the second best (top-two), which
            finds out sooner which arm is best: 0.5 is usual.
        prior: Successes and failures that are believed beforehand, of each arm.

    Source: Thompson (1933); Chapelle and Li (2011); top-two: Russo (2016). Shares are exact, by
    quadrature (`chance_best`).

    Example:
        >>> bandit = Thompson(arms=["old", "new"], floor=0.05)
        >>> bandit.update("old", [0] * 90 + [1] * 10)
        >>> bandit.update("new", [0] * 80 + [1] * 20)
        >>> {arm: round(share, 3) for arm, share in bandit.propensities.items()}
        {'old': 0.072, 'new': 0.928}
    """

    best: float = 1.0
    prior: tuple[float, float] = (1.0, 1.0)
    kind: ClassVar[str] = "thompson"

    def _shares(self) -> Floats:
        totals = np.array([self.sums[arm].total for arm in self.arms])
        a = self.prior[0] + totals
        b = self.prior[1] + self._counts() - totals
        return _best_or_second(chance_best(BetaBelief(a, b)), self.best)

    def _taken(self, rewards: ArrayLike) -> ArmSums:
        values = np.atleast_1d(np.asarray(rewards, np.float64))
        if not ((values >= 0) & (values <= 1)).all():
            raise InputError("Thompson's rewards lie in [0, 1]: for others use GaussianThompson.")
        return ArmSums.of(values)


@dataclass(slots=True, kw_only=True)
class GaussianThompson(Bandit):
    """Thompson sampling for rewards of any size: Student's t of each arm's mean.

    Args:
        best: As in `Thompson`.

    Source: Honda and Takemura (2014), with the reference prior; arms with fewer than three rewards
    are shared alike until they have them.
    """

    best: float = 1.0
    kind: ClassVar[str] = "gaussian-thompson"

    def _shares(self) -> Floats:
        counts = self._counts()
        young = counts < 3
        if young.any():
            return np.asarray(young / young.sum())
        spread = np.array([self.sums[arm].variance for arm in self.arms])
        belief = NormalBelief(self._means(), np.sqrt(spread / counts), counts - 1)
        return _best_or_second(chance_best(belief), self.best)


@dataclass(slots=True, kw_only=True)
class EpsilonGreedy(Bandit):
    """The best so far, and with probability epsilon any; arms without rewards come first.

    Args:
        epsilon: Share of choices at random.
        shrink: Whether epsilon falls as 1/sqrt of the number of rewards.
    """

    epsilon: float = 0.1
    shrink: bool = False
    floor: float = 0.0
    kind: ClassVar[str] = "epsilon-greedy"

    def _shares(self) -> Floats:
        counts = self._counts()
        if (counts == 0).any():
            return np.asarray((counts == 0) / (counts == 0).sum())
        means, k = self._means(), len(counts)
        best = means == means.max()
        epsilon = self.epsilon / math.sqrt(max(counts.sum(), 1)) if self.shrink else self.epsilon
        return np.asarray(epsilon / k + (1 - epsilon) * best / best.sum())


@dataclass(slots=True, kw_only=True)
class UpperBound(Bandit):
    """UCB1: the arm that may be best; ties are shared.

    Args:
        width: Of the bound, times sqrt(2 ln N / n): 1 is UCB1 for rewards in [0, 1].

    Source: Auer, Cesa-Bianchi and Fischer (2002), figure 1.
    """

    width: float = 1.0
    kind: ClassVar[str] = "upper-bound"

    def _shares(self) -> Floats:
        counts = self._counts()
        if (counts == 0).any():
            return np.asarray((counts == 0) / (counts == 0).sum())
        bound = self._means() + self.width * np.sqrt(2 * np.log(counts.sum()) / counts)
        best = bound == bound.max()
        return np.asarray(best / best.sum())


_KINDS: tuple[type[Bandit], ...] = (Thompson, GaussianThompson, EpsilonGreedy, UpperBound)


def choose(propensities: Mapping[str, float], u: ArrayLike) -> NDArray[np.str_]:
    """Return the arms of units by where they stand in [0, 1), such as by `serve.position`.

    Args:
        propensities: Of the arms; they sum to 1.
        u: (n,) places in [0, 1).

    Example:
        >>> choose({"a": 0.25, "b": 0.75}, [0.1, 0.25, 0.9]).tolist()
        ['a', 'b', 'b']
    """
    arms, shares = list(propensities), np.fromiter(propensities.values(), np.float64)
    if (shares < 0).any() or abs(shares.sum() - 1) > 1e-9:
        raise InputError(f"Propensities are positive and sum to 1, got {dict(propensities)}.")
    ends = np.cumsum(shares)[:-1]
    return np.array(arms)[np.searchsorted(ends, np.asarray(u, np.float64), side="right")]


def _best_or_second(chances: Floats, best: float) -> Floats:
    return chances if best >= 1 else top_two(chances, best)
