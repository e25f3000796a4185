"""One model's prediction measured by any loss or metric, so that models can be set side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError, suggest
from homeostat.evaluate._metrics._averaged import mean_of
from homeostat.evaluate._metrics._decided import Decided
from homeostat.evaluate._metrics._inputs import (
    Rows,
    class_codes,
    class_probabilities,
    known_classes,
)
from homeostat.evaluate._metrics._ranked import Ranked
from homeostat.stats import CostMatrix, Draws, Floats, check_binary, floats, log_losses

__all__ = ["LOSSES", "Measured", "Task"]

_OF_NUMBERS = ("absolute", "squared")
_OF_CLASSES = ("logloss", "brier", "error", "excess", "cost", "expected_cost")
_AREAS = ("auc", "average_precision")
_MEANS = ("accuracy",)  # like losses one number a row, but more is better
_DECISIONS = ("balanced_accuracy", "mcc", "kappa")
_RATES = ("precision", "recall", "specificity", "f1")
LOSSES = (*_OF_CLASSES, *_OF_NUMBERS, "pinball")
_EPS = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A model's loss or metric on the rows.

    Args:
        name: The model's.
        value: The mean loss, or the metric.
        influence: What each row adds to its error, shape (n,).
        losses: A loss (or a gain, by the task's sign) a row, shape (n,); None for a metric that
            is no mean over rows.
        resampled: From draws to the value in each resample.
    """

    name: str
    value: float
    influence: Floats
    losses: Floats | None
    resampled: Callable[[Draws], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What models are measured by: the rows' labels, and a loss or a metric.

    Args:
        rows: The rows.
        label: As it was given.
        name: The loss or metric.
        classes: All of them; None for numbers.
        costs: Of decisions; None where none were given.
        threshold: From where label 1 is decided, with two classes.
        positive: The place of the class that a metric of one class is of.
    """

    rows: Rows
    label: NDArray[Any]
    name: str
    classes: tuple[Any, ...] | None
    costs: CostMatrix | None
    threshold: float
    positive: int

    @classmethod
    def of(
        cls,
        rows: Rows,
        label: ArrayLike,
        name: str,
        *,
        classes: Sequence[Any] | None = None,
        costs: CostMatrix | None = None,
        threshold: float = 0.5,
        positive: Any = None,  # noqa: ANN401 -- a class is any value
    ) -> Task:
        """Say what is measured, or that there is no such loss or metric."""
        known = (*LOSSES, *_MEANS, *_AREAS, *_DECISIONS, *_RATES)
        stem = name.partition(":")[0].rpartition("_macro")[0] or name.partition(":")[0]
        if stem not in known and not (stem[:1] == "f" and _number(stem[1:])):
            raise InputError(f"There is no loss `{name}`, nor a metric.{suggest(name, known)}")
        if stem in {"cost", "expected_cost"} and costs is None:
            raise InputError(f"`{name}` needs `costs`.")
        array = np.asarray(label)
        if stem in _OF_NUMBERS or stem == "pinball":
            return cls(rows, floats(label, "label", n=rows.n), name, None, None, threshold, 0)
        if classes is None and costs is not None:
            classes = costs.classes
        names = tuple(classes) if classes is not None else known_classes(array)
        if classes is None and all(one in {0, 1} for one in names):
            names = (0, 1)
        class_codes(array, names, "label", n=rows.n)
        if positive is not None and positive not in names:
            raise InputError(f"There is no class {positive!r}; there are {list(names)[:9]}.")
        at = len(names) - 1 if positive is None else names.index(positive)
        return cls(rows, array, name, names, costs, threshold, at)

    @property
    def sign(self) -> int:
        """1 where larger is better, -1 where smaller is."""
        return -1 if self.name.partition(":")[0] in LOSSES else 1

    def measure(self, model: str, prediction: ArrayLike) -> Measured:
        """Measure a model by its prediction."""
        try:
            if self.classes is None:
                return self._numbers(model, prediction)
            if self.name in {*_OF_CLASSES, *_MEANS}:
                return self._averaged(model, self._class_losses(prediction))
            return self._metric(model, prediction)
        except InputError as error:
            raise InputError(f"Prediction of `{model}`: {error}") from error

    def _numbers(self, model: str, prediction: ArrayLike) -> Measured:
        y, f = self.label, floats(prediction, "prediction", n=self.rows.n)
        stem, _, given = self.name.partition(":")
        if stem == "absolute":
            return self._averaged(model, np.abs(y - f))
        if stem == "squared":
            return self._averaged(model, np.square(y - f))
        q = float(given) if _number(given) else 0.5
        if not 0 < q < 1:
            raise InputError(f"A pinball loss has a level in (0, 1), got {q}.")
        return self._averaged(model, np.maximum(q * (y - f), (q - 1) * (y - f)))

    def _averaged(self, model: str, losses: Floats) -> Measured:
        family = mean_of(self.rows, self.name, losses, within=(-math.inf, math.inf))
        found = family.estimate()
        if found is None:
            raise InputError("A mean loss is undefined on these rows.")

        def resampled(draws: Draws) -> Floats:
            return family.resampled(draws)[self.name, None]

        return Measured(model, found[0], found[1], losses, resampled)

    def _class_losses(self, prediction: ArrayLike) -> Floats:
        actual = self._codes(self.label, "label")
        if self.name in {"error", "accuracy", "cost"}:
            decided = self._decided(prediction)
            if self.name != "cost":
                counted = (decided == actual) == (self.name == "accuracy")
                return np.asarray(counted, np.float64)
            table = self._costs()
            return np.asarray(table[actual, decided], np.float64)
        q = self._probabilities(prediction)
        if self.name == "expected_cost":
            return np.asarray(np.sum(self._costs()[actual] * q, axis=1), np.float64)
        own = np.take_along_axis(q, actual[:, None], axis=1)[:, 0]
        if self.name == "brier":
            two = q.shape[1] == 2
            squares = np.square(1 - own) if two else np.sum(q * q, axis=1) - 2 * own + 1
            return np.asarray(squares, np.float64)
        two = q.shape[1] == 2
        losses = log_losses(actual, q[:, 1]) if two else -np.log(np.clip(own, _EPS, 1 - _EPS))
        if self.name == "excess":
            losses = losses - special.entr(q).sum(axis=1)
        return np.asarray(losses, np.float64)

    def _metric(self, model: str, prediction: ArrayLike) -> Measured:
        actual = self._codes(self.label, "label")
        whole = self.name in _DECISIONS or self.name.endswith("_macro")
        stem = self.name.removesuffix("_macro")
        if stem in _AREAS:
            q = self._scores(prediction)
            ranked = Ranked(self.rows, actual, q)
            two = q.shape[1] == 2
            name = (stem, self.positive) if two else (
                ("auc_ovr_macro" if stem == "auc" else "average_precision_macro"), None
            )  # fmt: skip
            found = ranked.influence((name[0], 1 if name == ("auc", 0) else name[1]))
            if found is None:
                raise InputError(f"`{self.name}` is undefined where only one class occurs.")
            key = (name[0], 1 if name == ("auc", 0) else name[1])
            return Measured(
                model, found[0], found[1], None, lambda draws: ranked.resampled(draws)[key]
            )
        beta = float(stem[1:]) if stem[:1] == "f" and _number(stem[1:]) else 1.0
        family = Decided(self.rows, actual, self._decided(prediction), len(self._names()),
                         () if beta == 1 else (beta,))  # fmt: skip
        of = None if whole else self.positive
        key = (f"f{beta:g}" if stem[:1] == "f" else stem, of)
        if self.name.endswith("_macro"):
            key = (f"{key[0]}_macro", None)
        return Measured(
            model, family.value(key), family.influence(key), None,
            lambda draws: family.resampled(draws)[key],
        )  # fmt: skip

    def _names(self) -> tuple[Any, ...]:
        return self.classes or ()

    def _codes(self, values: ArrayLike, what: str) -> NDArray[np.intp]:
        return class_codes(values, self._names(), what, n=self.rows.n)

    def _costs(self) -> Floats:
        if self.costs is None or tuple(self.costs.classes) != self._names():
            raise InputError(f"`costs` must be of the classes {list(self._names())[:9]}.")
        return np.array(self.costs.costs, np.float64)

    def _probabilities(self, prediction: ArrayLike) -> Floats:
        if np.ndim(prediction) == 1 and len(self._names()) == 2:
            _, q = check_binary(np.zeros(self.rows.n), prediction)
            return np.stack([1 - q, q], axis=1)
        q = class_probabilities(prediction)
        if q.shape != (self.rows.n, len(self._names())):
            raise InputError(
                f"Probabilities need {self.rows.n} rows and a column for each of "
                f"{len(self._names())} classes, got {q.shape}."
            )
        return q

    def _scores(self, prediction: ArrayLike) -> Floats:
        if np.ndim(prediction) == 1 and len(self._names()) == 2:
            s = floats(prediction, "prediction", n=self.rows.n)
            return np.stack([-s, s], axis=1)
        return self._probabilities(prediction)

    def _decided(self, prediction: ArrayLike) -> NDArray[np.intp]:
        """Take decisions as they are, and cut probabilities: by costs, or at the threshold."""
        array = np.asarray(prediction)
        two = len(self._names()) == 2
        numeric = array.dtype.kind in "biuf"
        if array.ndim == 1 and not (two and numeric):
            return self._codes(array, "prediction")
        if two and array.ndim == 1 and self._names() != (0, 1) and array.dtype.kind in "iu":
            return self._codes(array, "prediction")
        q = self._probabilities(prediction)
        if self.costs is not None:
            expected = q @ self._costs()
            return np.asarray(expected.shape[1] - 1 - expected[:, ::-1].argmin(axis=1), np.intp)
        if two:
            return (q[:, 1] >= self.threshold).astype(np.intp)
        return np.asarray(q.argmax(axis=1), np.intp)


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
