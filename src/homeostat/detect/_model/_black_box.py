"""Black-box shift detection: has what the model says of its rows changed?"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from homeostat.core import Finding, InputError, Json
from homeostat.detect._detector import check_level, conclude, fitted, too_few
from homeostat.detect._model._outputs import probabilities_of
from homeostat.detect._rows import Rows
from homeostat.detect._univariate._contingency import chi_squared, share_change
from homeostat.detect._univariate._ordered import gap, gap_error, ks_limit, ks_p
from homeostat.stats import Floats, Interval

__all__ = ["BlackBoxShift"]


class BlackBoxShift:
    """Tests the outputs of a classifier, which is the shortest summary of an image or a text.

    "soft" compares the probabilities of each class (Kolmogorov-Smirnov, Bonferroni over the
    classes), "hard" the counts of predicted classes (chi-squared). It is quick and strong for
    shifts of label and of what the model looks at, and blind to what the model ignores: watch
    features beside it.

    Args:
        model: As :class:`ClassifierUncertainty` takes it; None if the samples are probabilities.
        kind: "soft" or "hard".
        classes: Names of the classes, for sentences; None is `class 0`, `class 1`, ...
        logits: Whether the model returns log-odds.
        level: False alarms a test.
        margin: Least change that matters: of a distribution function, or of a class's share.
        seed: Of a drawn p-value for sparse classes.

    Source: Lipton, Wang and Smola 2018, ICML; Rabanser et al. 2019 (BBSDs and BBSDh).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> then, now = rng.dirichlet([3, 2, 1], size=500), rng.dirichlet([1, 2, 3], size=200)
        >>> found = BlackBoxShift(None, classes=("cat", "dog", "owl")).fit(then).test(now)
        >>> found.verdict.value, found.evidence["class"]
        ('fail', 'cat')
    """

    def __init__(
        self,
        model: object,
        *,
        kind: Literal["soft", "hard"] = "soft",
        classes: tuple[str, ...] | None = None,
        logits: bool = False,
        level: float = 0.05,
        margin: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.kind = kind
        self.classes = classes
        self.logits = logits
        self.level = level
        self.margin = margin
        self.seed = seed
        self.reference_: Rows | None = None

    def fit(self, reference: object, /) -> Self:
        """Ask the model about the reference, rows that it did not learn from."""
        check_level(self.level)
        if self.kind not in {"soft", "hard"}:
            raise InputError(f"`kind` is 'soft' or 'hard', got {self.kind!r}.")
        rows = Rows.of(
            probabilities_of(self.model, reference, logits=self.logits), what="The model's answer"
        )
        if self.classes is not None and len(self.classes) != rows.values.shape[1]:
            raise InputError(
                f"The model has {rows.values.shape[1]} classes, `classes` names "
                f"{len(self.classes)}."
            )
        self.reference_ = rows
        return self

    def test(self, window: object, /) -> Finding:
        """Judge a window."""
        reference = fitted(self.reference_, self)
        answer = probabilities_of(self.model, window, logits=self.logits)
        if not len(answer):
            answer = np.empty((0, reference.values.shape[1]))
        now = Rows.of(answer, what="The model's answer", like=reference)
        check = "prediction.classes" if self.kind == "hard" else "prediction.probabilities"
        short = too_few(check, "predictions", reference=reference, window=now, level=self.level)
        if short is not None:
            return short
        told = (self._hard if self.kind == "hard" else self._soft)(reference.values, now.values)
        return conclude(
            check,
            "predictions",
            reference=reference,
            window=now,
            level=self.level,
            margin=self.margin,
            **told,
        )

    def _name(self, k: int) -> str:
        return f"class {k}" if self.classes is None else self.classes[k]

    def _soft(self, then: Floats, now: Floats) -> dict[str, Any]:
        columns = range(1, 2) if then.shape[1] == 2 else range(then.shape[1])  # 1 - p is p again
        n, m = len(then), len(now)
        gaps = {k: gap(np.sort(then[:, k]), np.sort(now[:, k])) for k in columns}
        worst = max(gaps, key=lambda k: gaps[k].distance)
        p = min(1.0, len(gaps) * ks_p(gaps[worst].distance, n, m))
        level = self.level / len(gaps)
        error, distance = gap_error(level, n, m), gaps[worst].distance
        evidence: dict[str, Json] = {
            "effect_is": "greatest difference of the cumulative shares of a class's probability",
            "class": self._name(worst),
            "distance": {self._name(k): found.distance for k, found in gaps.items()},
            "mean": {self._name(k): float(now[:, k].mean()) for k in gaps},
            "reference_mean": {self._name(k): float(then[:, k].mean()) for k in gaps},
        }
        return {
            "said": f"The probability of {self._name(worst)} is {now[:, worst].mean():.3g} on "
            f"average, was {then[:, worst].mean():.3g}, and its distribution moved by "
            f"{distance:.3g} at {gaps[worst].at:.3g}",
            "p_value": p,
            "statistic": distance,
            "threshold": ks_limit(level, n, m),
            "effect": distance,
            "interval": Interval(
                max(distance - error, 0.0), min(distance + error, 1.0), 1 - self.level
            ),
            "evidence": evidence,
        }

    def _hard(self, then: Floats, now: Floats) -> dict[str, Any]:
        k = then.shape[1]
        one, other = (np.bincount(side.argmax(axis=1), minlength=k) for side in (then, now))
        some = (one + other) > 0
        found = chi_squared(one[some], other[some], rng=np.random.default_rng(self.seed))
        kept = np.flatnonzero(some)
        cell, interval = share_change(one[some], other[some], self.level)
        worst = int(kept[cell])
        p, q = one / len(then), other / len(now)
        return {
            "said": f"{self._name(worst)} is predicted for {q[worst]:.1%} of rows, was "
            f"{p[worst]:.1%}",
            "p_value": found.p_value,
            "statistic": found.statistic,
            "effect": float(abs(q[worst] - p[worst])),
            "interval": interval,
            "evidence": {
                "effect_is": "greatest change of a predicted class's share",
                "class": self._name(worst),
                "counts": {self._name(i): int(other[i]) for i in range(k)},
                "reference_counts": {self._name(i): int(one[i]) for i in range(k)},
            },
        }
