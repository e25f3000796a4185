"""Answers: what a model says of a row, and how what its library returns becomes that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from homeostat.core import InputError, Json, suggest

__all__ = ["KINDS", "AnswerDecoder"]

KINDS = ("probability", "value", "classes")
_ROUNDED = 1e-4
_LINKS = ("identity", "sigmoid", "softmax", "shares")


@dataclass(frozen=True, slots=True)
class AnswerDecoder:
    """What one row is answered with, and what makes it of a model's output.

    Args:
        kind: "probability" of the last label, in [0, 1]; "value", a finite number; or "classes",
            k probabilities that sum to 1.
        labels: The classes in the order of the answers; k of them for "classes".
        link: From what the model returns to the answer: "identity", "sigmoid", "softmax", or
            "shares" of one-against-rest probabilities.

    Raises:
        InputError: If a kind or link is unknown, or the labels do not fit the kind.
    """

    kind: str = "probability"
    labels: tuple[str, ...] = ()
    link: str = "identity"

    def __post_init__(self) -> None:
        for name, value, known in (("answers", self.kind, KINDS), ("link", self.link, _LINKS)):
            if value not in known:
                raise InputError(
                    f"`{name}` is one of {', '.join(known)}, got {value!r}."
                    f"{suggest(str(value), known)}"
                )
        many = len(self.labels)
        fits = {"probability": many in {0, 2}, "value": not many, "classes": many > 1}
        if not fits[self.kind] or len(set(self.labels)) != many:
            raise InputError(
                "`labels` are the distinct classes in the order of the answers (two or none for a "
                f"probability, none for a value, k for classes), got {list(self.labels)} for "
                f"{self.kind}."
            )

    @classmethod
    def wanted(
        cls, asked: str | None, found: str, labels: Sequence[object], link: str = "identity"
    ) -> Self:
        """Return the answers of a model that is ``found`` to give one kind but may be asked for another.

        A model of two classes answers with a probability, and with classes where it is asked to.
        """  # noqa: E501 - one sentence
        kind = asked or found
        kept = () if kind == "value" else tuple(str(label) for label in labels)
        return cls(kind, kept, link)

    @property
    def width(self) -> int:
        """How many numbers answer a row."""
        return len(self.labels) if self.kind == "classes" else 1

    def of(self, returned: object, rows: int) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k), from what a model returned for n rows.

        Raises:
            InputError: If the shape is not that of such answers.
        """
        given = np.asarray(returned)
        raw = given.astype(np.float64)
        if self.link == "sigmoid":
            raw = expit(raw)
        elif self.link == "softmax":
            raw = softmax(raw, axis=-1)
        elif self.link == "shares":
            raw /= raw.sum(axis=-1, keepdims=True)
        if self.kind == "classes":
            if self.width == 2 and raw.shape in {(rows,), (rows, 1)}:
                raw = np.column_stack([1 - raw.reshape(rows), raw.reshape(rows)])
            shape: tuple[int, ...] = (rows, self.width)
        else:
            if raw.shape == (rows, 2) and self.kind == "probability":
                raw = raw[:, 1]
            shape = (rows,)
            raw = raw.reshape(rows) if raw.shape == (rows, 1) else raw
        if raw.shape != shape:
            raise InputError(
                f"A model that answers with {self.kind} returns shape {shape} for {rows} rows, "
                f"got {raw.shape}: say what it answers with `answers`, `labels` and `link`."
            )
        if self.kind == "classes" and given.dtype == np.float32:
            total = raw.sum(axis=1, keepdims=True)  # one, but for what single precision rounds
            raw = np.where(np.abs(total - 1) < _ROUNDED, raw / total, raw)
        return raw

    def fault(self, found: NDArray[np.float64]) -> str | None:
        """Say what is wrong with answers, or None where they are what they should be."""
        if not np.isfinite(found).all():
            return "an answer is NaN or infinite"
        if self.kind != "value" and (found.min(initial=0) < 0 or found.max(initial=0) > 1):
            return (
                f"a probability lies in [0, 1], got {found.min():.6g} to {found.max():.6g}; "
                'for scores before the sigmoid or softmax give `link="sigmoid"` or "softmax"'
            )
        if self.kind == "classes" and np.abs(found.sum(axis=1) - 1).max(initial=0) > 1e-6:
            return "the probabilities of a row's classes must sum to 1"
        return None

    def to_json(self) -> dict[str, Json]:
        """Return the answers as a plain JSON object."""
        return {"kind": self.kind, "labels": list(self.labels), "link": self.link}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(str(data["kind"]), tuple(data["labels"]), str(data["link"]))
