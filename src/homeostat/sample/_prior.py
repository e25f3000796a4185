"""Prior correction: probabilities learned where classes were resampled, taken back to the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.stats import Floats, floats

__all__ = ["CorrectedModel", "PriorCorrection"]


@dataclass(frozen=True, slots=True)
class PriorCorrection:
    """The map from probabilities under one class prior to those under another.

    Bayes: ``p'(c | x)`` is proportional to ``p(c | x) * true[c] / trained[c]``, exact where
    resampling or weighting changed how often classes occur but not what rows of a class look
    like (Elkan 2001, theorem 2; Saerens, Latinne and Decaestecker 2002). SMOTE and Tomek links
    change both, so there it is an approximation, and ``approximate`` says so.

    Args:
        trained: Share of each class in what the model learned from, positive, summing to 1.
        true: Share of each class where it is used.
        classes: The classes, in the order of the columns of probabilities.
        approximate: Whether the rows of a class were changed, not only their number.

    Example:
        >>> correction = PriorCorrection.binary(trained=0.5, true=0.01)
        >>> float(correction(0.9).round(6))
        0.083333
        >>> float(PriorCorrection.from_keep_rate(0.1)(0.5).round(6))
        0.090909
    """

    trained: tuple[float, ...]
    true: tuple[float, ...]
    classes: tuple[Any, ...] = (0, 1)
    approximate: bool = False

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or not len(self.trained) == len(self.true) == len(self.classes):
            raise InputError(
                f"A prior has a share for each of two classes or more: {len(self.trained)} "
                f"trained, {len(self.true)} true, {len(self.classes)} classes."
            )
        for name, prior in (("trained", self.trained), ("true", self.true)):
            if not (all(0 < share < 1 for share in prior) and abs(sum(prior) - 1) < 1e-9):
                raise InputError(f"The {name} prior is positive and adds up to 1, got {prior}.")

    @classmethod
    def binary(cls, *, trained: float, true: float) -> Self:
        """Correct P(label = 1) from one base rate to another."""
        return cls((1 - trained, trained), (1 - true, true))

    @classmethod
    def from_counts(
        cls,
        before: ArrayLike,
        after: ArrayLike,
        *,
        classes: Sequence[object] | None = None,
        approximate: bool = False,
    ) -> Self:
        """Correct for resampling, from the rows of each class before and after it."""
        n, m = (floats(counts, "counts") for counts in (before, after))
        named = tuple(range(len(n))) if classes is None else tuple(classes)
        if len(n) != len(m) or not (n > 0).all() or not (m > 0).all():
            raise InputError("A prior is corrected where each class has rows before and after.")
        return cls(_shares(m), _shares(n), named, approximate)

    @classmethod
    def from_weights(
        cls,
        counts: ArrayLike,
        weights: ArrayLike,
        *,
        classes: Sequence[object] | None = None,
    ) -> Self:
        """Correct for class weights: class c counted as ``weights[c] * counts[c]`` rows."""
        n = floats(counts, "counts")
        return cls.from_counts(n, n * floats(weights, "weights", n=len(n)), classes=classes)

    @classmethod
    def from_sample_weights(cls, label: ArrayLike, weight: ArrayLike) -> Self:
        """Correct for a weight a row; exact where rows of one class weigh alike."""
        classes, codes = np.unique(np.asarray(label), return_inverse=True)
        w = floats(weight, "weight", n=len(codes))
        total = np.bincount(codes, w)
        spread = np.bincount(codes, w**2) - total**2 / np.bincount(codes)
        uneven = bool((spread > 1e-9 * total**2).any())
        named = tuple(classes.tolist())
        return cls.from_counts(np.bincount(codes), total, classes=named, approximate=uneven)

    @classmethod
    def from_keep_rate(cls, keep: float) -> Self:
        """Correct P(label = 1) for keeping a share of the 0s: ``keep p / (keep p - p + 1)``.

        Source: Dal Pozzolo et al. 2015, "Calibrating Probability with Undersampling".
        """
        if not 0 < keep <= 1:
            raise InputError(f"`keep` is a share in (0, 1], got {keep}.")
        return cls((keep / (1 + keep), 1 / (1 + keep)), (0.5, 0.5))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return corrected probabilities.

        Args:
            p: P(last class) for two classes, any shape but (n, 2); else one column a class,
                shape (n, k).

        Returns:
            The same shape; 0 and 1 stay, and the order of rows in one binary column does too.

        Raises:
            InputError: If a probability is outside [0, 1] or NaN, or columns do not fit.
        """
        q = np.asarray(p, dtype=np.float64)
        if not (np.isfinite(q).all() and (q >= 0).all() and (q <= 1).all()):
            raise InputError("Probabilities lie in [0, 1]; pass probabilities, not scores.")
        factor = np.array(self.true) / np.array(self.trained)
        k = len(self.classes)
        if k == 2 and (q.ndim < 2 or q.shape[-1] != 2):
            top: Floats = q * factor[1]
            return np.asarray(top / (top + (1 - q) * factor[0]), np.float64)
        if q.ndim != 2 or q.shape[1] != k:
            raise InputError(f"Probabilities of {k} classes have shape (n, {k}), got {q.shape}.")
        weighed = q * factor
        total = weighed.sum(axis=1, keepdims=True)
        if (total <= 0).any():
            raise InputError("A row of probabilities adds up to 0: it must add up to 1.")
        return np.asarray(weighed / total, np.float64)

    def wrap(self, model: Any) -> CorrectedModel:  # noqa: ANN401 - any scikit-learn-like model
        """Return a fitted model whose probabilities are corrected."""
        return CorrectedModel(model, self)

    def finding(self) -> Finding:
        """Say what is corrected, and whether that is exact."""
        moved = ", ".join(
            f"{name}: {a:.3g} -> {b:.3g}"
            for name, a, b in zip(self.classes, self.trained, self.true, strict=True)
        )
        how = "approximately (rows of a class were changed too)" if self.approximate else "exactly"
        return Finding(
            check="sample.prior",
            subject="probabilities",
            verdict=Verdict.WARN if self.approximate else Verdict.OK,
            summary=f"Probabilities are corrected {how} for the changed prior ({moved}).",
            statistic=max(abs(a - b) for a, b in zip(self.trained, self.true, strict=True)),
            evidence={"correction": self.to_json()},
        )

    def to_json(self) -> dict[str, Json]:
        """Return the correction as a plain JSON object."""
        return {
            "trained": list(self.trained),
            "true": list(self.true),
            "classes": list(self.classes),
            "approximate": self.approximate,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        trained, true, classes = (tuple(data[name]) for name in ("trained", "true", "classes"))
        return cls(trained, true, classes, bool(data["approximate"]))


def _shares(counts: Floats) -> tuple[float, ...]:
    return tuple((counts / counts.sum()).tolist())


@dataclass(frozen=True, slots=True)
class CorrectedModel:
    """A fitted model whose probabilities are taken back to the true prior.

    Args:
        model: Has `predict_proba(rows)` of shape (n, k), or `predict(rows)` that gives P(1).
        correction: What is done to them.
    """

    model: Any
    correction: PriorCorrection

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, in the order of the columns."""
        return np.asarray(self.correction.classes)

    def predict_proba(self, rows: Any) -> Floats:  # noqa: ANN401 - what the model takes
        """Return corrected probabilities, shape (n, k)."""
        if hasattr(self.model, "predict_proba"):
            return self.correction(self._ordered(np.asarray(self.model.predict_proba(rows))))
        one = self.correction(np.asarray(self.model.predict(rows)))
        return np.stack([1 - one, one], axis=1)

    def predict(self, rows: Any) -> NDArray[Any]:  # noqa: ANN401 - what the model takes
        """Return the likeliest class of each row; of a `Model` of Homeostat, P(1).

        Like the model's own `predict`, so that either can stand where it stood.
        """
        p = self.predict_proba(rows)
        if not hasattr(self.model, "predict_proba"):
            return p[:, 1]
        return np.asarray(self.classes_[p.argmax(axis=1)])

    def _ordered(self, p: Floats) -> Floats:
        """Return columns in the order of the correction's classes."""
        mine, its = list(self.correction.classes), getattr(self.model, "classes_", None)
        if its is None:
            return p
        its = list(its)
        if sorted(map(str, its)) != sorted(map(str, mine)) or len(its) != len(mine):
            raise InputError(f"The model knows classes {its}, the correction {mine}.")
        return p[:, [its.index(name) for name in mine]]
