"""Linear bandits: which arm is best depends on who asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError, Json, VersionError, suggest
from homeostat.experiment._bandit._arms import NormalBelief, chance_best
from homeostat.stats import Floats

__all__ = ["LinearBandit"]

_FORMAT = 1


@dataclass(slots=True, kw_only=True)
class LinearBandit:
    """A ridge regression an arm, and a choice by its upper bound or by Thompson sampling.

    Args:
        arms: Their names.
        features: Number of features of a context.
        method: ``"thompson"`` (LinTS: as often as likely to be the best) or ``"bound"`` (LinUCB).
        width: Of the bound in standard errors, or of the draws.
        ridge: Of the regressions.
        noise: Standard deviation of a reward, given its context.
        floor: As in `Bandit`.

    Source: Li, Chu, Langford and Schapire (2010), algorithm 1 (disjoint LinUCB); Agrawal and Goyal
    (2013) for LinTS.

    Raises:
        InputError: If there are fewer than two arms or a setting is out of its range.

    Example:
        >>> bandit = LinearBandit(arms=["a", "b"], features=2)
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(400, 2))
        >>> bandit.update("a", x[:200], x[:200, 0])
        >>> bandit.update("b", x[200:], -x[200:, 0])
        >>> bandit.propensities([[2.0, 0.0], [-2.0, 0.0]]).round(2).tolist()
        [[0.99, 0.01], [0.01, 0.99]]
    """

    arms: Sequence[str]
    features: int
    method: Literal["thompson", "bound"] = "thompson"
    width: float = 1.0
    ridge: float = 1.0
    noise: float = 1.0
    floor: float = 0.01
    _gram: dict[str, Floats] = field(init=False, repr=False)
    _moment: dict[str, Floats] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.arms = tuple(self.arms)
        if len(set(self.arms)) < len(self.arms) or len(self.arms) < 2:
            raise InputError(f"A bandit has two or more different arms, got {list(self.arms)}.")
        if self.features < 1 or self.ridge <= 0 or self.noise <= 0 or self.width < 0:
            raise InputError(
                "A linear bandit needs features >= 1, ridge > 0, noise > 0, width >= 0."
            )
        if not 0 <= self.floor * len(self.arms) <= 1:
            raise InputError(f"`floor` lies in [0, 1/{len(self.arms)}], got {self.floor}.")
        if self.method not in {"thompson", "bound"}:
            raise InputError(f"`method` is 'thompson' or 'bound', got {self.method!r}.")
        self._gram = {arm: self.ridge * np.eye(self.features) for arm in self.arms}
        self._moment = {arm: np.zeros(self.features) for arm in self.arms}

    def propensities(self, contexts: ArrayLike) -> Floats:
        """Return how likely each arm is chosen for each context, (n, k).

        Args:
            contexts: (n, features) finite numbers.
        """
        x = self._contexts(contexts)
        means, errors = self._scores(x)
        if self.method == "bound":
            upper = means + self.width * errors
            best = upper == upper.max(axis=1, keepdims=True)
            shares = best / best.sum(axis=1, keepdims=True)
        else:
            freedom = np.full(len(self.arms), np.inf)
            shares = np.array(
                [
                    chance_best(NormalBelief(m, np.maximum(self.width * e, 1e-12), freedom))
                    for m, e in zip(means, errors, strict=True)
                ]
            ).reshape(len(x), len(self.arms))
        return np.asarray(self.floor + (1 - self.floor * len(self.arms)) * shares)

    def update(self, arm: str, contexts: ArrayLike, rewards: ArrayLike) -> None:
        """Learn the rewards (n,) of an arm in contexts (n, features)."""
        if arm not in self._gram:
            raise InputError(f"The bandit has no arm `{arm}`.{suggest(arm, self.arms)}")
        x, y = self._contexts(contexts), np.atleast_1d(np.asarray(rewards, np.float64))
        if y.shape != (len(x),) or not np.isfinite(y).all():
            raise InputError(f"There must be a finite reward a context, got {y.shape}.")
        self._gram[arm] += x.T @ x
        self._moment[arm] += x.T @ y

    def to_json(self) -> dict[str, Json]:
        """Return the state, from which another process goes on with the same choices."""
        return {
            "format": _FORMAT,
            "arms": list(self.arms),
            "features": self.features,
            "method": self.method,
            "width": self.width,
            "ridge": self.ridge,
            "noise": self.noise,
            "floor": self.floor,
            "gram": {arm: gram.tolist() for arm, gram in self._gram.items()},
            "moment": {arm: moment.tolist() for arm, moment in self._moment.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a bandit; raises VersionError if its format is newer."""
        if data["format"] > _FORMAT:
            raise VersionError(f"The bandit's state has format {data['format']}: upgrade.")
        kept = {"format", "gram", "moment"}
        bandit = cls(**{name: value for name, value in data.items() if name not in kept})
        bandit._gram = {arm: np.array(gram) for arm, gram in data["gram"].items()}
        bandit._moment = {arm: np.array(moment) for arm, moment in data["moment"].items()}
        return bandit

    def _contexts(self, contexts: ArrayLike) -> Floats:
        x = np.atleast_2d(np.asarray(contexts, np.float64))
        if x.ndim != 2 or x.shape[1] != self.features or not np.isfinite(x).all():
            raise InputError(
                f"Contexts are (n, {self.features}) finite numbers, got shape {x.shape}."
            )
        return x

    def _scores(self, x: Floats) -> tuple[Floats, Floats]:
        """Return each arm's mean and standard error for each context, (n, k)."""
        means, errors = [], []
        for arm in self.arms:
            inverse = np.linalg.inv(self._gram[arm])
            means.append(x @ (inverse @ self._moment[arm]))
            errors.append(self.noise * np.sqrt(np.einsum("ni,ij,nj->n", x, inverse, x)))
        return np.stack(means, axis=1), np.stack(errors, axis=1)
