"""Has the model become less, or more, sure of itself?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Self

import numpy as np

from homeostat.core import Finding, InputError
from homeostat.detect._detector import check_level, conclude, fitted, too_few
from homeostat.detect._model._outputs import member_predictions, probabilities_of
from homeostat.detect._rows import Rows
from homeostat.detect._univariate._ordered import gap, ks_limit, ks_p
from homeostat.stats import Floats, Interval, auc, auc_interval

__all__ = ["ClassifierUncertainty", "RegressorUncertainty"]


class _Uncertainty(ABC):
    """The shared shape: a number a row from the model, then Kolmogorov-Smirnov on those."""

    check: ClassVar[str]

    def __init__(self, model: object, *, level: float, margin: float) -> None:
        self.model = model
        self.level = level
        self.margin = margin
        self.reference_: Rows | None = None

    def fit(self, reference: object, /) -> Self:
        """Ask the model about the reference, which must be rows that it did not learn from.

        Raises:
            InputError: If the model's answers are not what they must be.
        """
        check_level(self.level)
        if not 0 <= self.margin < 0.5:
            raise InputError(f"`margin` is a share, in [0, 0.5), got {self.margin}.")
        rows = Rows.of(self._measure(reference), what="The model's uncertainty")
        rows.values.sort(axis=0)
        self.reference_ = rows
        return self

    def test(self, window: object, /) -> Finding:
        """Judge a window."""
        reference = fitted(self.reference_, self)
        now = Rows.of(self._measure(window), what="The model's uncertainty")
        subject = "predictions"
        short = too_few(self.check, subject, reference=reference, window=now, level=self.level)
        if short is not None:
            return short
        then_u, now_u = reference.values[:, 0], np.sort(now.values[:, 0])
        apart = gap(then_u, now_u)
        more, interval = _more_often(then_u, now_u)
        return conclude(
            self.check,
            subject,
            said=self._said(then_u, now_u, more),
            reference=reference,
            window=now,
            level=self.level,
            p_value=ks_p(apart.distance, len(then_u), len(now_u)),
            statistic=apart.distance,
            threshold=ks_limit(self.level, len(then_u), len(now_u)),
            effect=abs(more - 0.5),
            interval=interval,
            margin=self.margin,
            evidence={
                "effect_is": "how far the share of pairs in which the window's row is the less "
                "sure one is from one half",
                "less_sure_share": more,
                "quantiles": [0.05, 0.25, 0.5, 0.75, 0.95],
                "window_quantiles": np.quantile(now_u, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist(),
                "reference_quantiles": np.quantile(then_u, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist(),
                "mean": float(now_u.mean()),
                "reference_mean": float(then_u.mean()),
            },
        )

    @abstractmethod
    def _measure(self, data: object) -> Floats:
        """Return the uncertainty of each case, (n,), NaN where the model gave none."""

    @abstractmethod
    def _named(self) -> str:
        """Return what is measured, for a sentence."""

    def _said(self, then: Floats, now: Floats, more: float) -> str:
        side = "less sure" if more > 0.5 else "surer"
        return (
            f"The model is {side} of {abs(more - 0.5) + 0.5:.0%} of its rows than of the "
            f"reference's: mean {self._named()} {now.mean():.3g}, was {then.mean():.3g}"
        )


def _more_often(then: Floats, now: Floats) -> tuple[float, Interval | None]:
    """Return how often a window's row is the less sure one, and an interval of |share - 1/2|."""
    label = np.repeat([0.0, 1.0], [len(then), len(now)])
    score = np.concatenate([then, now])
    found = auc_interval(label, score)
    share = float(auc(label, score))  # type: ignore[arg-type]
    if found is None:
        return share, None
    ends = sorted((abs(found.low - 0.5), abs(found.high - 0.5)))
    low = 0.0 if 0.5 in found else ends[0]
    return share, Interval(low, ends[1], found.level)


class ClassifierUncertainty(_Uncertainty):
    """Tells a shift by how sure a classifier is of its rows.

    A model that meets what it has not seen is often less sure, and a model that is confidently
    wrong is often surer. It needs no labels and one prediction a row; it does not see a shift
    that leaves the model's confidence as it was. Reference rows must be rows that the model did
    not learn from: it is surer of those, and every window would seem shifted.

    Args:
        model: A function, an object with `predict_proba`, a torch module, a
            :class:`homeostat.core.Model`; None if the samples are its probabilities.
        measure: "entropy" (share of the greatest possible), "margin" (1 less the lead of the
            first class over the second), or "least_confidence" (1 less the first class's).
        logits: Whether the model returns log-odds.
        level: False alarms a test.
        margin: Least departure from one half, of the share of pairs in which the window's row
            is the less sure one, that matters.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> sure, unsure = rng.beta(8, 1, size=400), rng.beta(4, 2, size=200)
        >>> found = ClassifierUncertainty(None).fit(sure).test(unsure)
        >>> found.verdict.value, found.evidence["less_sure_share"] > 0.7
        ('fail', True)
    """

    check = "shift.classifier_uncertainty"

    def __init__(
        self,
        model: object,
        *,
        measure: Literal["entropy", "margin", "least_confidence"] = "entropy",
        logits: bool = False,
        level: float = 0.05,
        margin: float = 0.0,
    ) -> None:
        super().__init__(model, level=level, margin=margin)
        self.measure = measure
        self.logits = logits

    def _named(self) -> str:
        return self.measure.replace("_", " ")

    def _measure(self, data: object) -> Floats:
        p = probabilities_of(self.model, data, logits=self.logits)
        if self.measure == "entropy":
            with np.errstate(divide="ignore", invalid="ignore"):
                terms = np.where(p > 0, p * np.log(p), 0.0)
            terms[np.isnan(p)] = np.nan
            return np.asarray(-terms.sum(axis=1) / np.log(max(p.shape[1], 2)))
        first = np.sort(p, axis=1)[:, ::-1]
        if self.measure == "margin":
            return np.asarray(1 - first[:, 0] + first[:, 1])
        if self.measure == "least_confidence":
            return np.asarray(1 - first[:, 0])
        raise InputError(
            f"`measure` is 'entropy', 'margin' or 'least_confidence', got {self.measure!r}."
        )


class RegressorUncertainty(_Uncertainty):
    """Tells a shift by how far the members of an ensemble disagree, or how wide its intervals are.

    Needs no labels. Reference rows must be rows that the model did not learn from.

    Args:
        model: For "ensemble": several models, a scikit-learn forest or bag,
            :class:`mc_dropout` of a torch module, or a function whose answer is (n, members).
            For "interval": a function whose answer is quantiles (n, 2 or more) in order. For
            "given": a function whose answer is an uncertainty (n,). None if the samples are
            those answers.
        kind: What the model's answer is.
        level: False alarms a test.
        margin: Least departure from one half, of the share of pairs in which the window's row
            is the less sure one, that matters.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> then = rng.normal(size=(400, 5))                     # five members agree to 1
        >>> now = 2 * rng.normal(size=(200, 5))                  # to 2
        >>> RegressorUncertainty(None).fit(then).test(now).verdict.value
        'fail'
    """

    check = "shift.regressor_uncertainty"

    def __init__(
        self,
        model: object,
        *,
        kind: Literal["ensemble", "interval", "given"] = "ensemble",
        level: float = 0.05,
        margin: float = 0.0,
    ) -> None:
        super().__init__(model, level=level, margin=margin)
        self.kind = kind

    def _named(self) -> str:
        return {"ensemble": "spread of the members", "interval": "width of the interval"}.get(
            self.kind, "uncertainty"
        )

    def _measure(self, data: object) -> Floats:
        answer = member_predictions(self.model, data)
        if self.kind not in {"ensemble", "interval", "given"}:
            raise InputError(f"`kind` is 'ensemble', 'interval' or 'given', got {self.kind!r}.")
        if self.kind == "given":
            return answer if answer.ndim == 1 else answer.reshape(len(answer), -1)[:, 0]
        if len(answer) and (answer.ndim != 2 or answer.shape[1] < 2):
            raise InputError(
                f"{self._named().capitalize()} needs two or more numbers a row, got shape "
                f"{answer.shape}."
            )
        if not len(answer):
            return np.empty(0)
        with np.errstate(invalid="ignore", over="ignore"):
            if self.kind == "ensemble":
                return np.asarray(answer.std(axis=1, ddof=1))
            return np.asarray(answer[:, -1] - answer[:, 0])
