"""How often each class occurs where there are no labels: what label shift alone would explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor._performance._bias_corrected_temperature import BiasCorrectedTemperature
from homeostat.monitor._performance._class_shares import (
    column_noise,
    column_shares,
    conditional_means,
    em_shares,
    shares_error,
    solved_shares,
)
from homeostat.monitor._performance._rows import as_classes, two_columns
from homeostat.stats import Floats, wilson

__all__ = ["ClassShares", "LabelPrior"]

Method = Literal["em", "bbse_soft", "bbse_hard"]

_LEAST_ROWS = 30
_MOST_RESAMPLED = 2000  # more rows are resampled m out of n: the interval is rescaled
_ASSUMES = "P(features | class) is as in the reference, and no class is new"


@dataclass(frozen=True, slots=True, eq=False)
class ClassShares:
    """The share of each class in rows without labels.

    Args:
        classes: The classes, in the order of the columns of probabilities.
        source: Their shares in the reference, shape (k,).
        shares: Their estimated shares in the window, shape (k,), adding up to 1.
        low: Lower ends of the intervals, each at `level`, shape (k,).
        high: Upper ends, shape (k,).
        level: Confidence of each interval.
        method: How they were estimated.
        assumes: What must hold for the estimate to be right.
    """

    classes: tuple[object, ...]
    source: Floats
    shares: Floats
    low: Floats
    high: Floats
    level: float
    method: str
    assumes: str = _ASSUMES

    @property
    def ratios(self) -> Floats:
        """Importance weight of a row of each class, shape (k,): its share now over its share then.

        `ratios[label]` weighs labelled rows of the reference as the window holds them.
        """
        ratios: Floats = self.shares / self.source
        return ratios

    def correct(self, p: ArrayLike) -> Floats:
        """Return a model's probabilities as they are under the new shares, shape (n, k).

        Source: Saerens, Latinne and Decaestecker 2002, equation 2.4.
        """
        moved = two_columns(p, len(self.classes)) * self.ratios
        total = moved.sum(axis=1, keepdims=True)
        corrected: Floats = np.where(total > 0, moved / np.where(total > 0, total, 1), self.shares)
        return corrected

    def __repr__(self) -> str:
        each = ", ".join(
            f"{name}: {share:.3f} [{low:.3f}, {high:.3f}]"
            for name, share, low, high in zip(
                self.classes, self.shares, self.low, self.high, strict=True
            )
        )
        return f"ClassShares({each}; {self.method})"


@dataclass(frozen=True, slots=True, eq=False)
class LabelPrior:
    """Estimates class shares from a model's probabilities alone, for two classes or more.

    The default maximises the likelihood of the window's probabilities after they were calibrated
    on labelled rows (calibrated EM). Black-box shift estimation (`bbse_soft`, `bbse_hard`) solves
    for the shares that give the window's mean prediction; with a good model it is noisier.

    It refuses where the model's predictions hardly tell some class from the others: the least
    singular value of its confusion matrix must be well above that matrix's sampling error.

    Args:
        classes: In the order of the columns.
        label: Class number of each labelled row, shape (n,).
        p: The model's probabilities of those rows, on which it was not trained, shape (n, k).
        calibration: Fitted on them.
        rows: How many rows each of them stands for, shape (n,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def rows(rate, n=2000):
        ...     y = (rng.random(n) < rate).astype(int)
        ...     return y, np.where(y == 1, rng.beta(4, 2, n), rng.beta(2, 4, n))
        >>> prior = LabelPrior.of(*rows(0.2))
        >>> found = prior.estimate(rows(0.6)[1])
        >>> bool(found.low[1] < 0.6 < found.high[1])
        True
        >>> prior.judge(rows(0.2)[1]).verdict.value, prior.judge(rows(0.4)[1]).verdict.value
        ('ok', 'warn')
    """

    classes: tuple[object, ...]
    label: NDArray[np.intp]
    p: Floats
    calibration: BiasCorrectedTemperature
    rows: Floats

    @classmethod
    def of(
        cls,
        label: ArrayLike,
        p: ArrayLike,
        *,
        classes: Sequence[object] | None = None,
        rows: ArrayLike | None = None,
    ) -> Self:
        """Calibrate on labelled rows that the model was not trained on.

        Args:
            label: Class of each row, shape (n,).
            p: Probabilities, shape (n, k), or of the second of two classes, shape (n,).
            classes: What the columns stand for; None takes 0 to k - 1.
            rows: How many rows each stands for, where they are counts, shape (n,); None: one.

        Raises:
            InputError: If shapes differ, a class has no row, or values are no probabilities.
        """
        q = two_columns(p)
        names = tuple(range(q.shape[1])) if classes is None else tuple(classes)
        y = as_classes(label, names, len(q))
        counts = _counts(rows, len(q))
        return cls(names, y, q, BiasCorrectedTemperature.fit(y, q, weight=counts), counts)

    @property
    def source(self) -> Floats:
        """Share of each class among the labelled rows, shape (k,)."""
        rows = np.bincount(self.label, self.rows, minlength=len(self.classes))
        return column_shares(np.asarray(rows, np.float64))

    def told_apart(self, method: Method = "em") -> tuple[float, float]:
        """Return the least singular value of P(prediction | class), and its sampling error.

        A window is not estimated unless the first is more than twice the second.
        """
        q = _hard(self.p) if method == "bbse_hard" else self.p
        means = conditional_means(q, self.label, self.rows)
        least = float(np.linalg.svd(means, compute_uv=False)[-1])
        return least, column_noise(q, self.label, self.rows, means)

    def standard_error(
        self, p: ArrayLike, shares: Floats, *, rows: ArrayLike | None = None
    ) -> Floats:
        """Return the standard error of each share of greatest likelihood, shape (k,).

        By the likelihood's curvature, at once; unlike the intervals of `estimate` it takes the
        calibration to be known.
        """
        q = two_columns(p, len(self.classes))
        counts = _counts(rows, len(q))
        return shares_error(self.calibration(q), self.source, shares, rows=counts)

    def estimate(
        self,
        p: ArrayLike,
        *,
        method: Method = "em",
        level: float = 0.95,
        resamples: int = 100,
        seed: int = 0,
        rows: ArrayLike | None = None,
    ) -> ClassShares:
        """Estimate the class shares of rows without labels.

        Args:
            p: Probabilities of the window's rows, as in `of`.
            method: `em`, `bbse_soft` or `bbse_hard`.
            level: Confidence of each class's interval.
            resamples: Bootstrap draws of window and calibration rows, each with its own
                calibration; 0 gives no interval: all of [0, 1].
            seed: Of the draws.
            rows: How many rows each of `p` stands for, as in `of`.

        Raises:
            InputError: If there are fewer than 30 rows, or the model does not tell the classes
                apart.
        """
        if method not in get_args(Method):
            raise InputError(f"`method` is em, bbse_soft or bbse_hard, got {method!r}.")
        q = two_columns(p, len(self.classes))
        counts = _counts(rows, len(q))
        n = int(counts.sum())
        if (why := self._refusal(n, method)) is not None:
            raise InputError(why)
        shares = self._shares(q, method, self.rows, counts, start=None)
        low, high = np.zeros(len(shares)), np.ones(len(shares))
        if resamples:
            window, rng = (q, counts), np.random.default_rng(seed)
            drawn = self._resampled(window, method, shares, resamples, rng)
            tail = (1 - level) / 2
            low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
            # never tighter than if the labels themselves were known: a class may have had no row
            known = [wilson(share * n, n, level=level) for share in shares]
            low = np.minimum(low, [one.low for one in known])
            high = np.maximum(high, [one.high for one in known])
        return ClassShares(self.classes, self.source, shares, low, high, level, method)

    def judge(
        self,
        p: ArrayLike,
        *,
        margin: float = 0.02,
        level: float = 0.01,
        resamples: int = 200,
        seed: int = 0,
    ) -> Finding:
        """Judge whether classes have become more or less frequent, without labels.

        Args:
            p: Probabilities of the window's rows, as in `of`.
            margin: Change of a class's share that is worth telling.
            level: False alarms a window; by permutation, exact where rows are exchangeable.
            resamples: Draws of the intervals, and permutations.
            seed: Of both.

        Returns:
            `label.prior` on the class whose share has moved most; warns if mean predictions
            have moved beyond chance and its interval is beyond the margin. Unknown with too few
            rows or a model that does not tell the classes apart.
        """
        q = two_columns(p, len(self.classes))
        if (why := self._refusal(len(q), "em")) is not None:
            return Finding(
                check="label.prior", subject="label", verdict=Verdict.UNKNOWN, summary=why
            )
        found = self.estimate(q, level=1 - 0.05 / len(self.classes), resamples=resamples, seed=seed)
        moved = found.shares - found.source
        c = int(np.abs(moved).argmax())
        own = np.repeat(self.p, self.rows.astype(int), axis=0)
        p_value = _permutation(own, q, resamples, np.random.default_rng(seed))
        surely = max(found.low[c] - found.source[c], found.source[c] - found.high[c])
        warns = p_value <= level and surely > margin
        word = "Label shift, if features of a class look as before" if warns else "No label shift"
        return Finding(
            check="label.prior",
            subject=str(found.classes[c]),
            verdict=Verdict.WARN if warns else Verdict.OK,
            summary=(
                f"{word}: {found.classes[c]} is {found.shares[c]:.1%} [{found.low[c]:.1%}, "
                f"{found.high[c]:.1%}] of {len(q)} rows by the predictions, was "
                f"{found.source[c]:.1%}."
            ),
            statistic=float(abs(moved[c])),
            threshold=margin,
            p_value=p_value,
            effect=float(moved[c]),
            evidence={
                "rows": len(q),
                "shares": dict(zip(map(str, found.classes), found.shares.tolist(), strict=True)),
                "reference": dict(zip(map(str, found.classes), found.source.tolist(), strict=True)),
                "effect_low": float(found.low[c] - found.source[c]),
                "effect_high": float(found.high[c] - found.source[c]),
                "least_singular_value": self.told_apart()[0],
                "assumes": found.assumes,
            },
        )

    def _refusal(self, rows: int, method: Method) -> str | None:
        if rows < _LEAST_ROWS:
            return f"{rows} predictions are too few to estimate class shares, {_LEAST_ROWS} needed."
        least, noise = self.told_apart(method)
        if least > 2 * noise:
            return None
        return (
            f"The predictions do not tell all {len(self.classes)} classes apart: the confusion "
            f"matrix's least singular value is {least:.3g}, with a sampling error of {noise:.3g} "
            f"from {self.rows.sum():.0f} labelled rows; bring more of them, or a better model."
        )

    def _shares(
        self, q: Floats, method: Method, w: Floats, v: Floats, *, start: Floats | None
    ) -> Floats:
        """Return shares where labelled rows count `w` times and the window's `v` times."""
        v = v / v.sum()
        if method != "em":
            own, now = (_hard(self.p), _hard(q)) if method == "bbse_hard" else (self.p, q)
            return solved_shares(conditional_means(own, self.label, w), v @ now)
        redrawn = start is not None
        fit = BiasCorrectedTemperature.fit
        calibration = (
            fit(self.label, self.p, weight=w, start=self.calibration)
            if redrawn
            else self.calibration
        )
        source = column_shares(
            np.asarray(np.bincount(self.label, w, minlength=len(self.classes)), np.float64)
        )
        begin = source if start is None else 0.99 * start + 0.01 * source
        tolerance = 1e-4 if redrawn else 1e-7
        return em_shares(calibration(q), source, weight=v, start=begin, tolerance=tolerance)

    def _resampled(
        self,
        window: tuple[Floats, Floats],
        method: Method,
        shares: Floats,
        draws: int,
        rng: np.random.Generator,
    ) -> Floats:
        """Return the shares of bootstrap draws of a window and its counts, shape (draws, k)."""
        some, (q, counts) = _some(self, rng), window
        n, m = len(some.label), min(len(q), _MOST_RESAMPLED)
        kept = np.arange(m) if m == len(q) else rng.choice(len(q), m, replace=False)
        part, each = q[kept], counts[kept]
        centre = some._shares(part, method, some.rows, each, start=shares)  # noqa: SLF001
        found = np.empty((draws, len(shares)))
        for i in range(draws):
            # Dirichlet weights (Rubin 1981): no draw is without a class
            w, v = rng.standard_gamma(some.rows), rng.standard_gamma(each)
            found[i] = some._shares(part, method, w, v, start=shares)  # noqa: SLF001
        own = np.sqrt(max(n / len(self.label), m / len(q)))
        return np.asarray(np.clip(shares + (found - centre) * own, 0, 1), np.float64)


def _some(prior: LabelPrior, rng: np.random.Generator) -> LabelPrior:
    """Return an estimator on at most as many labelled rows as are resampled."""
    if len(prior.label) <= _MOST_RESAMPLED:
        return prior
    kept = rng.choice(len(prior.label), _MOST_RESAMPLED, replace=False)
    if len(np.unique(prior.label[kept])) < len(prior.classes):
        return prior
    part = prior.label[kept], prior.p[kept], prior.calibration, prior.rows[kept]
    return LabelPrior(prior.classes, *part)


def _counts(rows: ArrayLike | None, n: int) -> Floats:
    """Return how many rows each row stands for, (n,)."""
    counts = np.ones(n) if rows is None else np.asarray(rows, np.float64)
    if counts.shape != (n,) or not (counts >= 0).all() or (counts % 1).any():
        raise InputError(
            f"`rows` must be a count for each of {n} rows, whole and not negative, got "
            f"{counts.shape} of {counts.dtype}."
        )
    return counts


def _hard(q: Floats) -> Floats:
    one: Floats = np.eye(q.shape[1])[q.argmax(axis=1)]
    return one


def _permutation(a: Floats, b: Floats, draws: int, rng: np.random.Generator) -> float:
    """Return the p-value of the mean predictions' difference, by permuting rows.

    The statistic is Mahalanobis' distance of the means; more than 20,000 rows are thinned.
    """
    a, b = (x if len(x) <= 20_000 else x[rng.choice(len(x), 20_000, replace=False)] for x in (a, b))
    both = np.concatenate([a, b])[:, :-1]  # the last column is what the others leave
    both = both - both.mean(axis=0)
    inverse = np.linalg.pinv(np.cov(both, rowvar=False).reshape(both.shape[1], -1))
    n = len(a)

    def distance(order: NDArray[np.intp]) -> float:
        mean = both[order].sum(axis=0)  # of the rest it is the negative
        return float(mean @ inverse @ mean)

    seen = distance(np.arange(n))
    beyond = sum(
        distance(rng.permutation(len(both))[:n]) >= seen * (1 - 1e-12) for _ in range(draws)
    )
    return (1 + beyond) / (1 + draws)
