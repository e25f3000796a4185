"""How much worse predictions get without a feature: permuted, or trained without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, suggest
from homeostat.importance._draw import bars
from homeostat.importance._matrix import frame_or_none
from homeostat.importance._metrics import Score, metric_of, target
from homeostat.importance._predict import Rows, permuted, predictor
from homeostat.stats import Floats, Interval, block_codes, influence_interval, mean_interval

__all__ = ["Ablation", "Effect", "permutation", "retrained"]


@dataclass(frozen=True, slots=True)
class Effect:
    """How much worse a metric is without some features; None where no interval can be told."""

    features: tuple[str, ...]
    worse_by: float
    interval: Interval | None
    repeats: tuple[float, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Ablation:
    """What each feature, or group of features, is worth.

    Args:
        kind: ``permutation`` or ``retrained``.
        metric: By which it was measured.
        baseline: How bad the full model is: a loss, or a score counted negatively.
        effects: By feature or group, in the order given.
        predicted_rows: How many rows were predicted by the library itself.
    """

    kind: str
    metric: str
    baseline: float
    effects: Mapping[str, Effect]
    predicted_rows: int

    def __repr__(self) -> str:
        found = ", ".join(f"{k} {e.worse_by:+.3g}" for k, e in list(self.sorted().items())[:4])
        return f"Ablation({self.kind}, {self.metric} worse by: {found}, ...)"

    def sorted(self) -> dict[str, Effect]:
        """Return the effects, the largest first."""
        return dict(sorted(self.effects.items(), key=lambda item: -item[1].worse_by))

    def frame(self) -> pl.DataFrame:
        """Return a row a feature or group, the most important first."""
        found = self.sorted()
        return pl.DataFrame(
            {
                "feature": list(found),
                "worse_by": [one.worse_by for one in found.values()],
                "low": [one.interval.low if one.interval else None for one in found.values()],
                "high": [one.interval.high if one.interval else None for one in found.values()],
                "spread": [float(np.std(one.repeats)) for one in found.values()],
            },
            schema_overrides={"low": pl.Float64, "high": pl.Float64},
        )

    def bars(self, *, top: int = 20) -> str:
        """Draw the effects with their intervals, as SVG."""
        found = dict(list(self.sorted().items())[:top])
        spans = [(e.interval.low, e.interval.high) if e.interval else None for e in found.values()]
        values = [one.worse_by for one in found.values()]
        words = "when permuted" if self.kind == "permutation" else "when trained without it"
        return bars(list(found), values, title=f"{self.metric}: worse by, {words}", spans=spans)


def permutation(
    model: object,
    features: object,
    label: ArrayLike,
    *,
    metric: str | Score = "logloss",
    greater_is_better: bool = True,
    groups: Mapping[str, Sequence[str]] | None = None,
    repeats: int = 5,
    within: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    permutations: ArrayLike | None = None,
    level: float = 0.95,
    names: Sequence[str] | None = None,
    rng: np.random.Generator | int = 0,
) -> Ablation:
    """Measure how much worse predictions get when a feature is taken from other rows.

    (Breiman 2001; Fisher, Rudin and Dominici 2019.) Use rows that were not trained on. Features
    that tell the same are each worth little alone: pass them as a group
    (:func:`correlated_groups`). Trees of at most 64 leaves are not predicted again: only what a
    permuted feature changes is, which is checked against the model.

    Args:
        model: With ``predict_proba`` or ``predict``, a booster, or a function of the features.
        features: A frame, or a matrix (n, d).
        label: 0 and 1, classes 0, 1, ..., or numbers, shape (n,).
        metric: ``logloss``, ``brier``, ``error_rate``, ``mse``, ``mae``, ``auc``,
            ``average_precision``, or a function of label and prediction.
        greater_is_better: What a metric that is a function means by more.
        groups: Features that are permuted together; the others are permuted alone.
        repeats: How many permutations of each.
        within: Rows trade places only with rows that are alike in this, such as their month.
        blocks: Which block (a day) a row is in, for the intervals.
        permutations: Which row each row takes values from, (repeats, n), instead of random ones.
        level: Confidence of the intervals.
        names: Names of the columns, where the model knows none and the rows are a matrix.
        rng: Generator or seed.

    Returns:
        How much worse, with the interval over rows (blocks) of the mean over the permutations; of
        a metric that is a function, over the permutations only.

    Raises:
        InputError: If there are no rows, labels and rows differ, a group names an unknown
            feature, or the rows do not define the metric.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 2))
        >>> found = permutation(lambda x: x[:, 0], x, x[:, 0], metric="mse", names=["a", "b"])
        >>> [(k, round(e.worse_by)) for k, e in found.effects.items()]
        [('a', 2), ('b', 0)]
    """
    rows = Rows.of(model, features, names)
    y, measure = target(label, rows.n), metric_of(metric, greater_is_better=greater_is_better)
    parts = _parts(rows.names, groups)
    if repeats < 1:
        raise InputError(f"There must be at least one permutation, got repeats={repeats}.")
    drawn = _drawn(rows.n, len(parts), repeats, within, permutations, np.random.default_rng(rng))
    before, after, asked = permuted(rows, list(parts.values()), drawn)
    base, influence = measure.badness(y, before)
    effects = {}
    for name, predictions in zip(parts, after, strict=True):
        found = [measure.badness(y, one) for one in predictions]
        worse = [value - base for value, _ in found]
        moved = None
        if influence is not None:
            moved = np.mean([one for _, one in found if one is not None], axis=0) - influence
        effects[name] = _effect(parts[name], rows.names, worse, moved, blocks, level)
    return Ablation("permutation", measure.name, base, effects, asked)


class Fit(Protocol):
    """Trains a model on some rows: what it returns has ``predict``, or is a function."""

    def __call__(self, features: Any, label: Any, /) -> object:  # noqa: ANN401 - what the caller has
        """Return a fitted model."""


def retrained(
    fit: Fit,
    train: tuple[pl.DataFrame, ArrayLike],
    test: tuple[pl.DataFrame, ArrayLike],
    *,
    metric: str | Score = "logloss",
    greater_is_better: bool = True,
    groups: Mapping[str, Sequence[str]] | None = None,
    only_groups: bool = False,
    blocks: ArrayLike | None = None,
    level: float = 0.95,
) -> Ablation:
    """Measure how much worse a model is that was trained without a feature.

    The one measure that says what leaving a feature out will cost; it trains a model a feature.

    Args:
        fit: From a frame and labels to a fitted model.
        train: Frame and labels to train on.
        test: Frame and labels to judge by.
        metric: As in :func:`permutation`.
        greater_is_better: As in :func:`permutation`.
        groups: Features that are left out together; the others are left out alone.
        only_groups: Leave out the groups only, such as one set of features to drop.
        blocks: Which block (a day) a row of the test is in.
        level: Confidence of the intervals.

    Returns:
        How much worse, with the interval over the rows (blocks) of the test; none for a metric
        that is a function. The spread of training itself is not in it.

    Raises:
        InputError: As in :func:`permutation`.
    """
    frame, held = (_frame(one[0]) for one in (train, test))
    y, measure = (
        target(test[1], held.height),
        metric_of(metric, greater_is_better=greater_is_better),
    )
    target(train[1], frame.height)
    parts = _parts(tuple(frame.columns), groups)
    if only_groups:
        parts = {name: parts[name] for name in groups or {}}
    base, influence = measure.badness(y, predictor(fit(frame, train[1]))(held))
    effects = {}
    for name, places in parts.items():
        left = [column for i, column in enumerate(frame.columns) if i not in set(places)]
        if not left:
            raise InputError(f"A model needs a feature, without `{name}` there is none left.")
        model = fit(frame.select(left), train[1])
        value, moved = measure.badness(y, predictor(model)(held.select(left)))
        change = None if moved is None or influence is None else moved - influence
        names = tuple(frame.columns)
        effects[name] = _effect(places, names, [value - base], change, blocks, level)
    return Ablation("retrained", measure.name, base, effects, held.height * (len(parts) + 1))


def _frame(features: object) -> pl.DataFrame:
    frame = frame_or_none(features)
    if frame is None:
        raise InputError(f"Features must be a frame with names, got {type(features).__name__}.")
    return frame


def _effect(
    places: Sequence[int],
    names: Sequence[str],
    worse: list[float],
    moved: Floats | None,
    blocks: ArrayLike | None,
    level: float,
) -> Effect:
    mean = float(np.mean(worse))
    if moved is not None:
        interval = influence_interval(mean, moved, blocks, level=level)
    else:
        interval = mean_interval(worse, level=level) if len(worse) > 1 else None
    return Effect(tuple(names[i] for i in places), mean, interval, tuple(worse))


def _parts(
    names: tuple[str, ...], groups: Mapping[str, Sequence[str]] | None
) -> dict[str, list[int]]:
    """Return the places of the features of each group, then of each that is in none."""
    place = {name: i for i, name in enumerate(names)}
    members = [member for group in (groups or {}).values() for member in group]
    for member in members:
        if member not in place:
            raise InputError(f"There is no feature `{member}`.{suggest(member, names)}")
    parts = {name: [place[member] for member in group] for name, group in (groups or {}).items()}
    parts |= {name: [i] for name, i in place.items() if name not in set(members)}
    return parts


def _drawn(
    n: int,
    parts: int,
    repeats: int,
    within: ArrayLike | None,
    given: ArrayLike | None,
    rng: np.random.Generator,
) -> list[NDArray[np.intp]]:
    if given is not None:
        fixed = np.asarray(given, dtype=np.intp)
        if fixed.ndim != 2 or fixed.shape[1] != n or fixed.size == 0 or not (
            (np.sort(fixed, axis=1) == np.arange(n)).all()
        ):  # fmt: skip
            raise InputError(
                f"`permutations` must hold each row once, shape (repeats, {n}), got {fixed.shape}."
            )
        return [fixed] * parts
    if within is None:
        return [
            np.stack([rng.permutation(n) for _ in range(repeats)]).astype(np.intp)
            for _ in range(parts)
        ]
    codes, _ = block_codes(within, n)
    home = np.argsort(codes, kind="stable")
    drawn = np.empty((parts, repeats, n), dtype=np.intp)
    for p in range(parts):
        for r in range(repeats):
            drawn[p, r, home] = np.lexsort((rng.random(n), codes))
    return list(drawn)
