"""Steps fitted before the split: scaling, imputing, selecting, encoding, resampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.leakage._inflation import Inflation, Judged, judged, weigh
from homeostat.leakage._probe import Folds, MakeClassifier, forest, judge, shuffled

__all__ = ["check_preparation"]

Floats = NDArray[np.float64]
_HARM = 0.02  # AUC that fitting on all rows must add, at the lower end, to fail


@runtime_checkable
class Step(Protocol):
    """A transform in scikit-learn's manner: it learns from rows, then changes rows."""

    def fit(self, x: Floats, y: Floats, /) -> object:
        """Learn from rows, shapes (n, d) and (n,)."""
        ...

    def transform(self, x: Floats, /) -> Floats:
        """Change rows, shape (m, d), by what was learned."""
        ...


@runtime_checkable
class Resampler(Protocol):
    """A resampler in imbalanced-learn's manner."""

    def fit_resample(self, x: Floats, y: Floats, /) -> tuple[Floats, Floats]:
        """Return more or fewer rows, shapes (m, d) and (m,)."""
        ...


Make = Callable[[], Step | Resampler]


def check_preparation(
    steps: Make | Sequence[Make],
    x: ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    model: MakeClassifier = forest,
    folds: int = 5,
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Compare steps that are fitted before the split with the same steps fitted inside it.

    The second cause of leakage: whatever learns from rows, learns from the test rows too if it
    runs before the split. Both ways are run, and the finding says what the wrong one claims:
    little for a scaler, much for a selection by the label, a target encoding or a resampler.

    Args:
        steps: Make the steps, in order; each has ``fit`` and ``transform`` or ``fit_resample``.
        x: Shape (n, d).
        y: 0 or 1, shape (n,).
        groups: Of each row, shape (n,); folds keep them whole, on both ways.
        model: Makes the model that is judged, in scikit-learn's manner, from a seed.
        folds: How many.
        rng: Generator or seed, for the folds.

    Returns:
        A finding that fails if the lower end of the inflation's interval is 0.02 AUC or more.

    Raises:
        InputError: If shapes do not fit or a step has neither way to run.

    Example:
        >>> from sklearn.feature_selection import SelectKBest
        >>> draw = np.random.default_rng(0)
        >>> x, y = draw.normal(size=(120, 1500)), draw.integers(0, 2, 120)
        >>> found = check_preparation(lambda: SelectKBest(k=20), x, y)
        >>> found.verdict.value, found.evidence["claimed"] > 0.85
        ('fail', True)
    """
    makes = [steps] if callable(steps) else list(steps)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise InputError(f"x is (n, d) and y is (n,), got {x.shape} and {y.shape}.")
    if not set(np.unique(y)) <= {0.0, 1.0}:
        raise InputError("The label of `check_preparation` is 0 or 1 in each row.")
    if min(y.sum(), y.size - y.sum()) < folds:
        return _unknown(f"Each of {folds} folds needs rows of both classes.")
    draw = np.random.default_rng(rng)
    seed = int(draw.integers(2**31 - 100))
    _, early_x, early_y = _fitted(makes, x, y)
    resampled = early_x.shape[0] != x.shape[0]
    cut = _cut(y, groups, folds, draw)
    before = shuffled(early_y, draw, folds) if resampled else cut
    claimed = judge(early_x, early_y, before, make=model, seed=seed)
    honest = _inside(makes, x, y, cut, model, seed)
    if claimed is None or honest is None:
        return _unknown("No fold has both classes to judge by.")
    worth = weigh(claimed, honest, paired=not resampled)
    names = " then ".join(type(make()).__name__ for make in makes)
    return _finding(names, worth)


def _cut(y: Floats, groups: ArrayLike | None, folds: int, rng: np.random.Generator) -> Folds:
    if groups is None:
        return shuffled(y, rng, folds)
    code = np.unique(np.asarray(groups), return_inverse=True)[1]
    place = rng.permutation(int(code.max()) + 1)[code] % folds
    return [(np.flatnonzero(place != k), np.flatnonzero(place == k)) for k in range(folds)]


def _inside(
    makes: Sequence[Make], x: Floats, y: Floats, cut: Folds, model: MakeClassifier, seed: int
) -> Judged | None:
    scored = []
    for i, (train, test) in enumerate(cut):
        if not test.size or np.unique(y[train]).size < 2:
            continue
        steps, inner_x, inner_y = _fitted(makes, x[train], y[train])
        made = model(seed + i)
        made.fit(inner_x, inner_y)
        score = made.predict_proba(_applied(steps, x[test]))[:, 1]
        scored.append((test, y[test], np.asarray(score, np.float64)))
    return judged(scored, y.size)


def _fitted(
    makes: Sequence[Make], x: Floats, y: Floats
) -> tuple[list[Step | Resampler], Floats, Floats]:
    steps: list[Step | Resampler] = []
    for make in makes:
        step = make()
        if isinstance(step, Resampler):
            x, y = (np.asarray(part, np.float64) for part in step.fit_resample(x, y))
        elif isinstance(step, Step):
            step.fit(x, y)
            x = np.asarray(step.transform(x), np.float64)
        else:
            raise InputError(
                f"A step has `fit` and `transform`, or `fit_resample`; {type(step).__name__} not."
            )
        steps.append(step)
    return steps, x, y


def _applied(steps: Sequence[Step | Resampler], x: Floats) -> Floats:
    for step in steps:
        if isinstance(step, Step) and not isinstance(step, Resampler):
            x = np.asarray(step.transform(x), np.float64)
    return x


def _finding(names: str, worth: Inflation) -> Finding:
    bad = worth.interval.low >= _HARM
    return Finding(
        check="leakage.preparation",
        subject=names,
        verdict=Verdict.FAIL if bad else Verdict.OK,
        statistic=worth.value,
        threshold=_HARM,
        effect=worth.value,
        summary=(
            f"{names} fitted before the split: {worth}"
            + (
                "; fit it on the training rows of each fold only."
                if bad
                else "; no harm is seen, fit it on training rows all the same."
            )
        ),
        evidence=worth.evidence(),
    )


def _unknown(summary: str) -> Finding:
    return Finding(
        check="leakage.preparation", subject="steps", verdict=Verdict.UNKNOWN, summary=summary
    )
