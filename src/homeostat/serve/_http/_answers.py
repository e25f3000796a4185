"""Answers: what one row is answered with, and how it is told as JSON and as columns.

A package says which it is: ``"probability"`` (of label 1, in [0, 1]), ``"value"`` (a finite
number) or ``"classes"`` (probabilities of k labels that sum to 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from math import isfinite
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.serve._package import PackagedModel

__all__ = ["AnswerForm", "Told"]

_NEAR = 1e-6  # how far from 1 the sum of probabilities may be
Told = float | list[float]  # the answer to one row


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The form of a model's answers.

    Args:
        kind: ``"probability"``, ``"value"`` or ``"classes"``.
        labels: The k classes, in the order of their probabilities.

    Example:
        >>> AnswerForm("probability").of_row(0.25)
        {'probability': 0.25}
        >>> AnswerForm("classes", ("cat", "dog")).of_row([0.25, 0.75])
        {'label': 'dog', 'probabilities': {'cat': 0.25, 'dog': 0.75}}
    """

    kind: Literal["probability", "value", "classes"] = "probability"
    labels: tuple[str, ...] = ()
    _labels: NDArray[np.object_] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in {"probability", "value", "classes"}:
            raise InputError(
                f"A package answers a probability, a value or classes, got {self.kind!r}: pack "
                "the model again."
            )
        if self.kind == "classes" and len(self.labels) < 2:
            raise InputError(f"Classes need at least two labels, got {list(self.labels)}.")
        object.__setattr__(self, "_labels", np.array(self.labels, dtype=np.object_))

    @classmethod
    def of(cls, package: PackagedModel) -> AnswerForm:
        """Return the form that a package's answers have."""
        labels = package.labels if package.answers == "classes" else ()
        return cls(cast("Any", package.answers), labels)

    def row(self, given: Any) -> Told | None:  # noqa: ANN401 - whatever a model gave
        """Return a model's answer to one row, or None where it is none."""
        if self.kind == "classes":
            checked = self.rows(np.asarray(given, dtype=np.float64).reshape(1, -1), 1)
            return None if checked is None else cast("list[float]", checked[0].tolist())
        told = float(given)
        if self.kind == "probability":
            return told if 0 <= told <= 1 else None
        return told if isfinite(told) else None

    def rows(self, given: NDArray[np.float64], n: int) -> NDArray[np.float64] | None:
        """Return a model's answers to n rows, or None where they are none.

        Returns:
            Shape (n,); (n, k) where they are classes.
        """
        answers = np.asarray(given, dtype=np.float64)
        if answers.shape != ((n, len(self.labels)) if self.kind == "classes" else (n,)):
            return None
        if self.kind == "value":
            return answers if np.isfinite(answers).all() else None
        if not ((answers >= 0).all() and (answers <= 1).all()):
            return None
        if self.kind == "classes" and (abs(answers.sum(axis=1) - 1) > _NEAR).any():
            return None
        return answers

    @property
    def words(self) -> str:
        """What an answer must be, for a person."""
        return {
            "probability": "one probability a row, in [0, 1]",
            "value": "one finite number a row",
            "classes": f"{len(self.labels)} probabilities a row that sum to 1",
        }[self.kind]

    def of_row(self, told: Told) -> dict[str, Any]:
        """Return the answer to one row as fields of a JSON object."""
        if isinstance(told, list):
            label = self.labels[max(range(len(told)), key=told.__getitem__)]
            return {"label": label, "probabilities": dict(zip(self.labels, told, strict=True))}
        return {self.kind: told}

    def of_rows(self, answers: NDArray[np.float64]) -> dict[str, Any]:
        """Return the answers to many rows as fields of a JSON object."""
        if self.kind == "classes":
            shares = map(dict, map(zip, repeat(self.labels), cast("Iterable[Any]", answers)))
            return {"labels": self.likeliest(answers), "probabilities": list(shares)}
        return {"values" if self.kind == "value" else "probabilities": answers}

    def columns(self, answers: NDArray[np.float64]) -> dict[str, pl.Series]:
        """Return the answers to many rows as columns.

        They are ``probability`` or ``value``; of classes ``label`` and ``probabilities``, which
        holds a number for each label.
        """
        if self.kind != "classes":
            return {self.kind: pl.Series(answers)}
        shares = pl.DataFrame(answers, schema=list(self.labels), orient="row")
        return {
            "label": pl.Series(self.likeliest(answers), dtype=pl.String),
            "probabilities": shares.to_struct("probabilities"),
        }

    def likeliest(self, answers: NDArray[np.float64]) -> list[str]:
        """Return the likeliest label of each row; of equals the first."""
        return cast("list[str]", self._labels[answers.argmax(axis=1)].tolist())
