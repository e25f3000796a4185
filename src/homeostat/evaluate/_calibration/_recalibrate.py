"""Recalibration: a map from a model's probabilities to better ones, on rows kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import FitLedger, GateError, InputError, Json, RowSet, TrackedRows
from homeostat.stats import (
    Beta,
    Floats,
    Isotonic,
    OneVsRest,
    Platt,
    Temperature,
    TemperatureScaling,
    VectorScaling,
)

__all__ = ["Recalibration", "recalibrate"]

How = Literal["platt", "isotonic", "beta", "temperature", "vector"]
_Map = Platt | Isotonic | Beta | Temperature | TemperatureScaling | VectorScaling | OneVsRest

_BINARY: dict[str, type[Platt | Isotonic | Beta | Temperature]] = {
    "platt": Platt,
    "isotonic": Isotonic,
    "beta": Beta,
    "temperature": Temperature,
}
_HOWS = ("platt", "isotonic", "beta", "temperature", "vector")


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A fitted map; called with probabilities, shape (n,) or (n, k), it returns better ones.

    Args:
        how: The method.
        map: The fitted map of `homeostat.stats`.
        rows: How many rows it was fitted on.
        classes: How many columns it takes; 1 is the probability of label 1.
    """

    how: str
    map: _Map
    rows: int
    classes: int = 1

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, in the shape of ``p``."""
        columns = np.shape(p)[1] if np.ndim(p) == 2 else 1
        if columns != self.classes:
            raise InputError(
                f"This recalibration was fitted on {self.classes} column(s), got {columns}."
            )
        return self.map(p)

    def to_json(self) -> dict[str, Json]:
        """Return all of it as a plain JSON object."""
        made = self.map.to_json()
        return {"how": self.how, "rows": self.rows, "classes": self.classes, "map": made}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        kind = _kind(data["how"], data["classes"])
        made = cast("_Map", kind.from_json(data["map"]))
        return cls(data["how"], made, data["rows"], data["classes"])


def recalibrate(
    label: ArrayLike,
    p: ArrayLike,
    *,
    how: How = "temperature",
    rows: TrackedRows | None = None,
    ledger: FitLedger | None = None,
) -> Recalibration:
    """Fit a map from probabilities to better ones, on rows that are neither training nor test.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: The model's probability of label 1, shape (n,), or of each class, shape (n, k).
        how: ``"temperature"`` is one number, and changes no decision; ``"platt"`` is a line on
            the log-odds; ``"beta"`` bends at both ends; ``"isotonic"`` is any rising step curve
            and wants 1,000 rows or more; ``"vector"`` is a line a class, for (n, k). For (n, k)
            the three binary ones are fitted on each class against the others.
        rows: Who the rows are: they must not be of the training or test part, nor copies.
        ledger: Knows what was fitted on which rows; the fit is written into it.

    Raises:
        GateError: If a row is of training or test, or the model was fitted on it.
        InputError: If a class has no row (one-class labels; classes unseen in calibration).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(20_000)
        >>> sharp = p**2 / (p**2 + (1 - p) ** 2)
        >>> fitted = recalibrate(rng.random(20_000) < p, sharp)
        >>> bool(abs(fitted.map.temperature - 2) < 0.1)
        True
    """
    classes = np.shape(p)[1] if np.ndim(p) == 2 else 1
    if rows is not None:
        if len(rows) != len(np.asarray(label)):
            raise InputError(f"There are {len(np.asarray(label))} labels, and {len(rows)} rows.")
        _refuse(rows, ledger)
        if ledger is not None:
            ledger.record(f"recalibration ({how})", rows, may_see=("validation",))
    elif ledger is not None:
        raise InputError("A ledger needs to know who the rows are: pass `rows` too.")
    kind = _kind(how, classes)
    made = kind.fit(label, p, kind=how) if kind is OneVsRest else kind.fit(label, p)
    return Recalibration(how, made, len(np.asarray(label)), classes)


def _kind(how: str, classes: int) -> Any:  # noqa: ANN401 - one of seven types with the same methods
    if how not in _HOWS:
        raise InputError(f"`how` is one of {', '.join(_HOWS)}, got {how!r}.")
    if classes == 1:
        if how == "vector":
            raise InputError(
                "Vector scaling is for several classes, shape (n, k); for one probability a row "
                "it is Platt's line: how='platt'."
            )
        return _BINARY[how]
    several = {"temperature": TemperatureScaling, "vector": VectorScaling}
    return several.get(how, OneVsRest)


def _refuse(rows: TrackedRows, ledger: FitLedger | None) -> None:
    """Refuse rows of training or test, copies, and rows that the model was fitted on."""
    if rows.part in {"train", "test"}:
        raise GateError(
            f"A recalibration is fitted on rows kept for it, these are of the {rows.part} part: "
            "fit it on validation rows, or cut a part of them off."
        )
    if rows.made.any():
        raise GateError(
            f"A recalibration is fitted on rows as they came, {int(rows.made.sum()):,} of "
            f"{len(rows):,} are copies or synthetic."
        )
    if ledger is None:
        return
    seen = ledger.parts.get("train", RowSet.of())
    for fit in ledger.fits:
        if "validation" not in fit.may_see:
            seen |= fit.saw
    if hits := rows.own.meets(seen):
        raise GateError(
            f"{hits:,} of {len(rows):,} rows were seen in training: probabilities of rows that a "
            "model knows are too sure, so a recalibration on them is wrong."
        )
