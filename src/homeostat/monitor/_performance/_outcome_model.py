"""The probability of each outcome given what the model says and, if told, the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.stats import Floats, Isotonic, OneVsRest, Platt

__all__ = ["OutcomeModel"]

_LEAST_FOR_ISOTONIC = 1000
_FOLDS = 5
_ROUNDS = 300
_PATIENCE = 25
_CLIP = 1e-4
_Map = Isotonic | Platt | OneVsRest


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeModel:
    """A map of the model's probabilities, and boosted trees on top where features add to it.

    Args:
        mapped: Isotonic from 1,000 rows on, else Platt's; for several classes one map each.
        boosters: LightGBM models whose raw scores are added to the mapped log probabilities;
            none where they did not lower the loss of rows they had not seen.
        gain: By how much they lowered that mean log loss, in nats; 0 without features.
    """

    mapped: _Map
    boosters: tuple[Any, ...]
    gain: float

    @classmethod
    def fit(
        cls,
        y: NDArray[np.intp],
        p: Floats,
        features: Floats | None,
        *,
        categories: list[int],
        seed: int,
    ) -> tuple[Self, Floats]:
        """Fit on labelled rows.

        Args:
            y: Class numbers, shape (n,).
            p: Probabilities, shape (n, k).
            features: Shape (n, d), or None.
            categories: Places of the features that are categories.
            seed: Of the folds.

        Returns:
            The model, and what it says of each row when fitted without it, shape (n, k).
        """
        fold = np.random.default_rng(seed).permutation(len(y)) % _FOLDS
        held = np.empty_like(p)
        for k in range(_FOLDS):
            out = fold == k
            held[out] = _mapped(_fit_map(y[~out], p[~out], p.shape[1]), p[out])
        mapped = _fit_map(y, p, p.shape[1])
        plain = cls(mapped, (), 0.0)
        if features is None:
            return plain, held
        boosters, boosted = _boost(y, held, features, (fold > 1).astype(np.intp), categories)
        gain = _loss(y, held) - _loss(y, boosted)
        return (cls(mapped, boosters, gain), boosted) if gain > 0 else (plain, held)

    def __call__(self, p: Floats, features: Floats | None) -> Floats:
        """Return the probability of each class, shape (n, k)."""
        q = _mapped(self.mapped, p)
        if not self.boosters or features is None or not len(p):
            return q
        rows = _with_scores(features, q)
        each = [_added(q, booster.predict(rows, raw_score=True)) for booster in self.boosters]
        mean: Floats = np.mean(each, axis=0)
        return mean


def _fit_map(y: NDArray[np.intp], p: Floats, k: int) -> _Map:
    if k > 2:
        return OneVsRest.fit(y, p, kind="isotonic" if len(y) >= _LEAST_FOR_ISOTONIC else "platt")
    kind: type[Isotonic | Platt] = Isotonic if len(y) >= _LEAST_FOR_ISOTONIC else Platt
    return kind.fit(y, p[:, 1])


def _mapped(one: _Map, p: Floats) -> Floats:
    if not len(p):
        return p
    if isinstance(one, OneVsRest):
        return one(p)
    q = one(p[:, 1])
    return np.stack([1 - q, q], axis=1)


def _scores(q: Floats) -> Floats:
    """Return log-odds (n,) of two classes, log probabilities (n, k) of more."""
    kept = np.clip(q, _CLIP, 1 - _CLIP)
    line: Floats = special.logit(kept[:, 1]) if q.shape[1] == 2 else np.log(kept)
    return line


def _with_scores(features: Floats, q: Floats) -> Floats:
    return np.column_stack([features, _scores(q)])


def _added(q: Floats, raw: Any) -> Floats:  # noqa: ANN401 - LightGBM has no types
    if q.shape[1] == 2:
        one = special.expit(_scores(q) + np.asarray(raw))
        return np.stack([1 - one, one], axis=1)
    mapped: Floats = special.softmax(_scores(q) + np.asarray(raw), axis=1)
    return mapped


def _boost(
    y: NDArray[np.intp], q: Floats, features: Floats, half: NDArray[np.intp], categories: list[int]
) -> tuple[tuple[Any, ...], Floats]:
    """Fit one booster on each half, stopped on the other; return them, and what each says there."""
    import lightgbm  # noqa: PLC0415 - half a second that only features need

    k = q.shape[1]
    rows, start = _with_scores(features, q), _scores(q)
    settings = {
        "objective": "binary" if k == 2 else "multiclass",
        "num_class": 1 if k == 2 else k,
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": int(np.clip(len(y) // 200, 10, 200)),
        "lambda_l2": 10.0,
        "cat_smooth": 20.0,
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
    }
    boosters, said = [], np.empty_like(q)
    for side in (0, 1):
        inside, outside = half == side, half != side
        learn, stop = (
            lightgbm.Dataset(
                rows[part],
                y[part],
                init_score=start[part],
                categorical_feature=categories,
                params={"verbose": -1},
            )
            for part in (inside, outside)
        )
        booster = lightgbm.train(
            settings,
            learn,
            _ROUNDS,
            valid_sets=[stop],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
        boosters.append(booster)
        said[outside] = _added(q[outside], booster.predict(rows[outside], raw_score=True))
    return tuple(boosters), said


def _loss(y: NDArray[np.intp], q: Floats) -> float:
    return float(-np.log(np.maximum(q[np.arange(len(y)), y], 1e-9)).mean())
