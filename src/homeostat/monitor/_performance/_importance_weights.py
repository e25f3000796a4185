"""Importance weights: rows of one distribution, weighed as another has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._performance._columns import Columns
from homeostat.stats import Floats, Interval, auc, auc_interval

__all__ = ["ImportanceWeights", "out_of_fold"]

Classifier = Literal["auto", "logistic", "boosted"]

_LEAST_ROWS = 50
_FOLDS = 4
_ROUNDS = 200
_FAR = 1e-4  # odds beyond 10,000 to 1 are no ratio but a sign that the sides do not overlap
_ASSUMES = "P(outcome | features) is the same on both sides, and the target lies within the source"


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceWeights:
    """How much each source row counts so that the source looks like the target.

    Pass `values` as sample weights to a model, a metric or a mean: what is learned or measured
    on the source is then as on the target, if only the features have moved.

    Args:
        values: Target density over source density at each source row, mean 1, shape (n,).
        effective_rows: How many rows of equal weight tell as much (Kish 1965).
        auc: Of telling source from target, out of fold; 0.5 where they are alike.
        interval: Of that AUC, 95 %.
        uncovered: Share of the target's rows where the source has hardly any: the domain
            classifier gives the source less than a chance of 1 in 100 at equal sides.
        target_rows: Rows of the target.
        classifier: Which domain classifier was taken.
        assumes: What must hold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> then = pl.DataFrame({"x": rng.normal(0, 1, 4000)})
        >>> soon = pl.DataFrame({"x": rng.normal(0.5, 1, 4000)})
        >>> weights = ImportanceWeights.between(then, soon)
        >>> bool(abs(np.average(then["x"], weights=weights.values) - 0.5) < 0.05)
        True
        >>> weights.finding().verdict.value
        'ok'
    """

    values: Floats
    effective_rows: float
    auc: float
    interval: Interval
    uncovered: float
    target_rows: int
    classifier: str
    assumes: str = _ASSUMES

    @classmethod
    def between(
        cls,
        source: pl.DataFrame,
        target: pl.DataFrame,
        *,
        features: list[str] | None = None,
        classifier: Classifier = "auto",
        most_rows: int = 50_000,
        seed: int = 0,
    ) -> Self:
        """Weigh source rows to a target of which rows are known, labelled or not.

        Args:
            source: Rows to weigh.
            target: Rows that are as the future is expected to be.
            features: Which columns; None takes all of the source's.
            classifier: `logistic` (with squares), `boosted` (LightGBM), or whichever loses less
                out of fold.
            most_rows: Rows of each side that the classifier learns from.
            seed: Of folds and of those rows.

        Returns:
            Weights; each source row's is told by a classifier that has not seen it.

        Raises:
            InputError: If a side has fewer than 50 rows, or features do not agree.
        """
        for side, frame in (("source", source), ("target", target)):
            if frame.height < _LEAST_ROWS:
                raise InputError(
                    f"The {side} needs {_LEAST_ROWS} rows or more, got {frame.height}."
                )
        columns = Columns.of(source, features)
        there, _ = columns.matrix(source)
        here, _ = columns.matrix(target)
        return cls.of_matrices(
            there,
            here,
            categories=columns.categories,
            classifier=classifier,
            most_rows=most_rows,
            seed=seed,
        )

    @classmethod
    def of_matrices(
        cls,
        source: Floats,
        target: Floats,
        *,
        categories: list[int],
        classifier: Classifier = "auto",
        most_rows: int = 50_000,
        seed: int = 0,
    ) -> Self:
        """Weigh rows of matrices (n, d) and (m, d); NaN is missing. See `between`."""
        if classifier not in {"auto", "logistic", "boosted"}:
            raise InputError(f"`classifier` is auto, logistic or boosted, got {classifier!r}.")
        kinds = ("logistic", "boosted") if classifier == "auto" else (classifier,)
        rows = np.concatenate([source, target])
        side = np.repeat([0.0, 1.0], [len(source), len(target)])
        equal = np.where(side == 1, len(side) / len(target), len(side) / len(source)) / 2
        found = {
            kind: out_of_fold(
                kind, rows, side, equal, categories=categories, most=most_rows, seed=seed
            )
            for kind in kinds
        }
        losses = {kind: float(equal @ _losses(side, line)) for kind, line in found.items()}
        kind = min(losses, key=losses.__getitem__)
        line = found[kind]
        values = np.exp(np.clip(line[side == 0], special.logit(_FAR), -special.logit(_FAR)))
        values /= values.mean()
        interval = auc_interval(side, line) or Interval(0.0, 1.0, 0.95)
        return cls(
            values=values,
            effective_rows=float(values.sum() ** 2 / (values**2).sum()),
            auc=float(auc(side, line) or 0.5),
            interval=interval,
            uncovered=float((line[side == 1] > special.logit(0.99)).mean()),
            target_rows=len(target),
            classifier=kind,
        )

    @classmethod
    def to_shares(cls, groups: ArrayLike, shares: dict[Any, float]) -> Self:
        """Weigh rows so that groups have shares that are known, as from a census.

        Args:
            groups: Group of each source row, shape (n,).
            shares: Share of each group in the target, adding up to 1.

        Raises:
            InputError: If shares are no shares, or a group of the target has no source row.
        """
        given = np.asarray(groups)
        names, code, counts = np.unique(
            given.astype(str) if given.dtype == object else given,
            return_inverse=True,
            return_counts=True,
        )
        if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
            raise InputError(f"Shares are not negative and add up to 1, got {shares}.")
        known = {str(name): share for name, share in shares.items()}
        here = [str(name) for name in names.tolist()]
        if absent := [name for name, share in known.items() if share > 0 and name not in here]:
            raise InputError(
                f"Each group of the target needs a source row, {', '.join(absent[:5])} has none: "
                "no weight can stand in for rows that are not there."
            )
        if strange := [name for name in here if name not in known]:
            raise InputError(f"Each group needs a share, {', '.join(strange[:5])} has none.")
        want = np.array([known[name] for name in here])
        values = (want / (counts / len(given)))[code]
        value = 0.5 + 0.5 * float(np.abs(want - counts / len(given)).sum() / 2)
        return cls(
            values=values,
            effective_rows=float(values.sum() ** 2 / (values**2).sum()),
            auc=value,
            interval=Interval(value, value, 0.95),
            uncovered=0.0,
            target_rows=0,
            classifier="known shares",
        )

    @property
    def moved(self) -> bool:
        """Whether source and target are told apart beyond chance."""
        return self.interval.low > 0.5

    def finding(self, *, least_share: float = 0.1, most_uncovered: float = 0.05) -> Finding:
        """Judge whether the weights may be used.

        Args:
            least_share: Least share of the source's rows that must be left, effectively.
            most_uncovered: Greatest share of the target where the source has hardly any rows.

        Returns:
            `shift.overlap`: fails if the target lies beyond the source or a few rows carry all
            the weight; both sides told apart is no fault.
        """
        left = self.effective_rows / len(self.values)
        beyond, few = self.uncovered > most_uncovered, left < least_share
        said = (
            f"weights leave {self.effective_rows:.0f} of {len(self.values)} source rows "
            f"effective, and {self.uncovered:.1%} of the target is where the source has hardly any"
        )
        word = "The source covers the target" if not (beyond or few) else "Too little overlap"
        return Finding(
            check="shift.overlap",
            subject="target",
            verdict=Verdict.FAIL if beyond or few else Verdict.OK,
            summary=f"{word}: {said} (domain AUC {self.auc:.3f} {self.interval}).",
            statistic=left,
            threshold=least_share,
            effect=self.auc - 0.5,
            evidence={
                "effective_rows": self.effective_rows,
                "source_rows": len(self.values),
                "target_rows": self.target_rows,
                "uncovered": self.uncovered,
                "auc_low": self.interval.low,
                "auc_high": self.interval.high,
                "largest_share": float(self.values.max() / self.values.sum()),
                "classifier": self.classifier,
                "assumes": self.assumes,
            },
        )

    def __repr__(self) -> str:
        return (
            f"ImportanceWeights({len(self.values)} rows, {self.effective_rows:.0f} effective, "
            f"domain AUC {self.auc:.3f}, {self.uncovered:.1%} uncovered)"
        )


def _thinned(side: Floats, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows are learned from: all, or at most `most` of each side."""
    kept = np.ones(len(side), bool)
    for one in (0.0, 1.0):
        rows = np.flatnonzero(side == one)
        if len(rows) > most:
            kept[rng.choice(rows, len(rows) - most, replace=False)] = False
    return kept


def _losses(side: Floats, line: Floats) -> Floats:
    losses: Floats = np.logaddexp(0, np.where(side == 1, -line, line))
    return losses


def out_of_fold(
    kind: str,
    rows: Floats,
    side: Floats,
    weight: Floats,
    *,
    categories: list[int],
    most: int,
    seed: int,
) -> Floats:
    """Return the log-odds of the target at each row by classifiers that have not seen it."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(side)) % _FOLDS
    learned = _thinned(side, most, rng)
    line = np.zeros(len(side))
    for k in range(_FOLDS):
        out = fold == k
        inside = ~out & learned
        fit = _boosted if kind == "boosted" else _logistic
        line[out] = fit(rows[inside], side[inside], weight[inside], rows[out], categories)
    return line


def _boosted(x: Floats, side: Floats, weight: Floats, new: Floats, categories: list[int]) -> Floats:
    import lightgbm  # noqa: PLC0415 - loaded where first used

    settings = {
        "objective": "binary",
        "learning_rate": 0.1,
        "num_leaves": 15,
        "min_data_in_leaf": int(np.clip(len(x) // 200, 10, 200)),
        "lambda_l2": 10.0,
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
    }
    stop = np.arange(len(x)) % 4 == 0  # rows are in no order of their own within a side
    learn, judge = (
        lightgbm.Dataset(
            x[part],
            side[part],
            weight=weight[part],
            categorical_feature=categories,
            params={"verbose": -1},
        )
        for part in (~stop, stop)
    )
    callbacks: list[Callable[..., Any]] = [lightgbm.early_stopping(15, verbose=False)]
    booster = lightgbm.train(settings, learn, _ROUNDS, valid_sets=[judge], callbacks=callbacks)
    line: Floats = np.asarray(booster.predict(new, raw_score=True), np.float64)
    return line


def _logistic(
    x: Floats, side: Floats, weight: Floats, new: Floats, categories: list[int]
) -> Floats:
    """Fit a logistic regression on standardised numbers, their squares, and categories."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - likewise

    made, again = _expanded(x, new, categories)
    model = LogisticRegression(C=1.0, max_iter=200)
    model.fit(made, side, sample_weight=weight)
    line: Floats = np.asarray(again @ model.coef_[0] + model.intercept_[0], np.float64)
    return line


def _expanded(x: Floats, new: Floats, categories: list[int]) -> tuple[Floats, Floats]:
    numbers = [i for i in range(x.shape[1]) if i not in set(categories)]
    parts: list[tuple[Floats, Floats]] = []
    for i in numbers:
        known = x[~np.isnan(x[:, i]), i]
        middle, scale = (known.mean(), known.std() or 1.0) if len(known) else (0.0, 1.0)
        parts.extend(
            (_power(x[:, i], middle, scale, power), _power(new[:, i], middle, scale, power))
            for power in (1, 2)
        )
        parts.append((np.isnan(x[:, i]).astype(float), np.isnan(new[:, i]).astype(float)))
    for i in categories:
        parts.extend(
            ((x[:, i] == level).astype(float), (new[:, i] == level).astype(float))
            for level in range(min(int(np.nan_to_num(x[:, i]).max()) + 1, 20))
        )
    return np.column_stack([a for a, _ in parts]), np.column_stack([b for _, b in parts])


def _power(values: Floats, middle: float, scale: float, power: int) -> Floats:
    z = np.clip((np.nan_to_num(values, nan=middle) - middle) / scale, -8, 8)
    made: Floats = z if power == 1 else (z**2 - 1) / 2
    return made
