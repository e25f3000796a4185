"""Covariate, label or concept shift, told from rows: with outcomes tested, without them argued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._performance._columns import Columns
from homeostat.monitor._performance._domain_test import DomainTest, domain_test
from homeostat.monitor._performance._label_prior import LabelPrior
from homeostat.monitor._performance._outcome_model import OutcomeModel
from homeostat.monitor._performance._rows import as_classes, two_columns
from homeostat.stats import Floats

__all__ = ["ShiftKind"]

_LEAST_ROWS = 100
_MOST_ROWS = 20_000
_ASSUMES = {
    "none": "the features that are watched are those that matter",
    "covariate": "P(outcome | features) is as before",
    "label": "P(features | outcome) is as before",
    "concept": "the features that are watched are those that matter: another may have moved",
    "covariate and concept": "nothing further: both were tested on outcomes",
    "covariate or label": "there is no concept shift, which needs outcomes to be seen",
}


@dataclass(frozen=True, slots=True, eq=False)
class ShiftKind:
    """Names the kind of a window's shift and what that name rests on.

    Where outcomes have come, each part is tested: the features by a domain classifier, the
    outcome given the features by how far it is off the probabilities the reference gave, and the
    features given the outcome by a domain classifier on the reference weighed to the window's
    class shares. A label shift also moves features and P(outcome | features), in one known way:
    only what is left after that is told as another kind.

    Args:
        columns: The features.
        rows: Features of the reference (or 20,000 of its rows), shape (n, d).
        label: Class numbers of those rows, shape (n,).
        p: The model's probabilities of those rows, shape (n, k).
        outcome: Probability of each class, given features and what the model says.
        prior: Class shares from predictions alone.
        seed: Of folds.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def rows(mean=0.0, slope=2.0, n=4000):
        ...     x = rng.normal(mean, 1, n)
        ...     y = rng.random(n) < 1 / (1 + np.exp(-slope * x))
        ...     return pl.DataFrame({"x": x}), y.astype(int), 1 / (1 + np.exp(-2 * x))
        >>> kind = ShiftKind.of(*rows())
        >>> for window in (rows(), rows(mean=1.0), rows(slope=-1.0)):
        ...     frame, y, p = window
        ...     print(kind.judge(frame, p, label=y).subject)
        none
        covariate
        concept

    Source: the three kinds as in Moreno-Torres et al. 2012, Pattern Recognition 45; the label
    shift test after Lipton et al. 2018.
    """

    columns: Columns
    rows: Floats
    label: NDArray[np.intp]
    p: Floats
    outcome: OutcomeModel
    prior: LabelPrior
    seed: int

    @classmethod
    def of(
        cls,
        features: pl.DataFrame,
        label: ArrayLike,
        p: ArrayLike,
        *,
        classes: tuple[object, ...] | None = None,
        seed: int = 0,
    ) -> Self:
        """Learn from labelled rows that the model was not trained on.

        Raises:
            InputError: If there are fewer than 100 rows, a class has none, or lengths differ.
        """
        q = two_columns(p)
        names = tuple(range(q.shape[1])) if classes is None else classes
        y = as_classes(label, names, len(q))
        if min(len(y), features.height) < _LEAST_ROWS or features.height != len(y):
            raise InputError(
                f"A reference needs {_LEAST_ROWS} rows of features, labels and probabilities, got "
                f"{features.height}, {len(y)} and {len(q)}."
            )
        columns = Columns.of(features)
        matrix, _ = columns.matrix(features)
        outcome, _ = OutcomeModel.fit(y, q, matrix, categories=columns.categories, seed=seed)
        kept = np.random.default_rng(seed).permutation(len(y))[:_MOST_ROWS]
        prior = LabelPrior.of(np.array(names, object)[y], q, classes=names)
        return cls(columns, matrix[kept], y[kept], q[kept], outcome, prior, seed)

    def judge(
        self,
        features: pl.DataFrame,
        p: ArrayLike,
        *,
        label: ArrayLike | None = None,
        level: float = 0.01,
    ) -> Finding:
        """Name the kind of a window's shift.

        Args:
            features: The window's features.
            p: The model's probabilities of its rows.
            label: Class of each row where outcomes have come (all of them); None without.
            level: False alarms a test.

        Returns:
            `shift.kind` on `none`, `covariate`, `label`, `concept`, `covariate and concept`, or,
            without outcomes, `covariate or label`; `evidence["assumes"]` is what the name rests on,
            and the p-value that of the part that has moved most surely. Unknown with fewer than
            100 rows.
        """
        q = two_columns(p, len(self.prior.classes))
        if len(q) < _LEAST_ROWS or features.height != len(q):
            return Finding(
                check="shift.kind",
                subject="unknown",
                verdict=Verdict.UNKNOWN,
                summary=f"{features.height} rows with {len(q)} predictions are too few to tell.",
            )
        matrix, _ = self.columns.matrix(features)
        moved = self._domain(matrix, np.ones(len(self.label)))
        if label is None:
            return self._without_outcomes(q, matrix, moved, level)
        y = as_classes(label, self.prior.classes, len(q))
        return self._with_outcomes(q, matrix, y, moved, level)

    def _domain(self, matrix: Floats, weight: Floats) -> DomainTest:
        window = matrix[:_MOST_ROWS]
        return domain_test(
            self.rows, window, weight, categories=self.columns.categories, seed=self.seed
        )

    def _without_outcomes(
        self, q: Floats, matrix: Floats, moved: DomainTest, level: float
    ) -> Finding:
        if moved.p_value > level:
            told = f"No feature is seen to have moved (domain AUC {moved.told})"
            return _finding("none", told, moved, {"rows": len(q), "outcomes": 0})
        evidence: dict[str, float | int | str] = {"rows": len(q), "outcomes": 0}
        least, noise = self.prior.told_apart()
        if least > 2 * noise:
            shares = self.prior.estimate(q, resamples=0)
            left = self._domain(matrix, shares.ratios[self.label])
            evidence |= {"auc_at_new_shares": left.auc, "p_at_new_shares": left.p_value}
            if left.p_value <= level:
                told = (
                    f"Features have moved (domain AUC {moved.told}), more than new class shares do"
                )
                return _finding("covariate", told, moved, evidence)
        told = f"Features have moved (domain AUC {moved.told}), as new class shares could do"
        return _finding("covariate or label", told, moved, evidence)

    def _with_outcomes(
        self, q: Floats, matrix: Floats, y: NDArray[np.intp], moved: DomainTest, level: float
    ) -> Finding:
        said = self.outcome(q, matrix)
        concept, gap = _off(said, y, matrix, self.columns.categories, self.seed)
        shares = np.bincount(y, minlength=len(self.prior.classes)) / len(y)
        ratios = np.maximum(shares, 1e-9) / self.prior.source
        rate = _shares_p(self.prior.source * len(self.label), shares * len(y))
        evidence: dict[str, float | int | str] = {
            "rows": len(y),
            "outcomes": len(y),
            "domain_auc": moved.auc,
            "p_features": moved.p_value,
            "p_outcome_given_features": concept,
            "p_shares": rate,
            "loss_gap": gap,
        }
        which = int(np.abs(shares - self.prior.source).argmax())
        name = self.prior.classes[which]
        rates = f"{name} is {shares[which]:.1%} of outcomes, was {self.prior.source[which]:.1%}"
        if rate <= level and (moved.p_value <= level or concept <= level):
            left = self._domain(matrix, ratios[self.label])
            adjusted = said * ratios
            adjusted /= adjusted.sum(axis=1, keepdims=True)
            after, _ = _off(adjusted, y, matrix, self.columns.categories, self.seed)
            evidence |= {"p_features_given_outcome": left.p_value, "p_after_new_shares": after}
            if left.p_value > level and after > level:
                told = f"{rates}, and rows of a class look as before (domain AUC {left.told})"
                return _finding("label", told, moved, evidence, p_value=rate)
        off = f"the outcome is {gap:+.4f} nats off what the features told before"
        if moved.p_value <= level and concept <= level:
            told = f"Features have moved (domain AUC {moved.told}) and {off}"
            return _finding("covariate and concept", told, moved, evidence)
        if concept <= level:
            told = f"Features have not moved (domain AUC {moved.told}), but {off}"
            return _finding("concept", told, moved, evidence, p_value=concept)
        if moved.p_value <= level:
            told = (
                f"Features have moved (domain AUC {moved.told}), and the outcome follows as before"
            )
            return _finding("covariate", told, moved, evidence)
        told = f"Neither features (domain AUC {moved.told}) nor the outcome given them have moved"
        return _finding("none", told, moved, evidence)


def _finding(
    kind: str,
    told: str,
    moved: DomainTest,
    evidence: dict[str, float | int | str],
    *,
    p_value: float | None = None,
) -> Finding:
    title = {"none": "No shift"}.get(kind, f"{kind.capitalize()} shift")
    return Finding(
        check="shift.kind",
        subject=kind,
        verdict=Verdict.OK if kind == "none" else Verdict.WARN,
        summary=f"{title}: {told}. It is said on the assumption: {_ASSUMES[kind]}.",
        statistic=moved.auc,
        threshold=0.5,
        p_value=moved.p_value if p_value is None else p_value,
        effect=moved.auc - 0.5,
        evidence={
            "auc_low": moved.low,
            "auc_high": moved.high,
            "assumes": _ASSUMES[kind],
            **evidence,
        },
    )


def _off(
    said: Floats, y: NDArray[np.intp], matrix: Floats, categories: list[int], seed: int
) -> tuple[float, float]:
    """Test whether outcomes follow given probabilities; return the p-value and the loss gap.

    Two tests, each at half the level: whether each class is as frequent as was said (the mean
    residual), and whether a model fitted on other rows of the window foretells outcomes better.
    """
    k = said.shape[1]
    q = np.clip(said, 1e-6, 1)
    q /= q.sum(axis=1, keepdims=True)
    residual = (np.eye(k)[y] - q)[:, 1:].sum(axis=0)
    spread = (np.diag(q.sum(axis=0)) - q.T @ q)[1:, 1:]
    chi = float(residual @ np.linalg.pinv(spread) @ residual)
    by_rate = float(special.chdtrc(k - 1, chi))
    before = -np.log(q[np.arange(len(y)), y])
    refit = _refitted(q, y, matrix, categories, seed)
    gained = before - -np.log(np.maximum(refit[np.arange(len(y)), y], 1e-9))
    error = float(gained.std(ddof=1)) / np.sqrt(len(y))
    z = float(gained.mean()) / error if error > 0 else 0.0
    by_fit = float(special.ndtr(-z))
    gap = float(before.mean() + (special.xlogy(q, q)).sum(axis=1).mean())
    return min(1.0, 2 * min(by_rate, by_fit)), gap


def _refitted(
    q: Floats, y: NDArray[np.intp], matrix: Floats, categories: list[int], seed: int
) -> Floats:
    """Return probabilities relearned from the window's other half, from `q` on."""
    import lightgbm  # noqa: PLC0415 - loaded where first used

    k = q.shape[1]
    line = special.logit(np.clip(q[:, 1], 1e-6, 1 - 1e-6)) if k == 2 else np.log(q)
    rows = np.column_stack([matrix, line])
    half = np.random.default_rng(seed).permutation(len(y)) % 2
    settings = {
        "objective": "binary" if k == 2 else "multiclass", "num_class": 1 if k == 2 else k,
        "learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": max(len(y) // 40, 10),
        "lambda_l2": 10.0, "verbose": -1, "num_threads": 1, "deterministic": True,
        "force_col_wise": True,
    }  # fmt: skip
    made = np.empty_like(q)
    for side in (0, 1):
        inside, out = half == side, half != side
        learn = lightgbm.Dataset(
            rows[inside], y[inside], init_score=line[inside], categorical_feature=categories,
            params={"verbose": -1},
        )  # fmt: skip
        raw = np.asarray(lightgbm.train(settings, learn, 20).predict(rows[out], raw_score=True))
        if k == 2:
            one = special.expit(line[out] + raw)
            made[out] = np.stack([1 - one, one], axis=1)
        else:
            made[out] = special.softmax(line[out] + raw, axis=1)
    return made


def _shares_p(then: Floats, now: Floats) -> float:
    """Return the p-value of class counts being of one distribution (chi-squared)."""
    table = np.stack([then, now])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    chi = float(((table - expected) ** 2 / np.maximum(expected, 1e-12)).sum())
    return float(special.chdtrc(len(then) - 1, chi))
