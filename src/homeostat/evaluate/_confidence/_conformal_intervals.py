"""Conformal prediction intervals: where a number will lie, with a guarantee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError, Json
from homeostat.evaluate._confidence._conformal_parts import limits_of, part_codes, scores_by_part
from homeostat.stats import Floats, floats

__all__ = ["ConformalIntervals", "conformal_intervals"]

Kind = Literal["absolute", "normalised", "quantiles"]


@dataclass(frozen=True, slots=True, eq=False)
class ConformalIntervals:
    """Makes prediction intervals; called with predictions it returns their ends, shape (n, 2).

    Args:
        alpha: Share of intervals that may miss the number.
        kind: ``"absolute"`` residuals: one width for all; ``"normalised"`` by a spread a row;
            ``"quantiles"``: a model's own two quantiles, moved out or in (CQR).
        parts: Names of the groups.
        scores: Sorted scores of the calibration rows of each.
    """

    alpha: float
    kind: Kind
    parts: tuple[str, ...]
    scores: tuple[Floats, ...] = field(repr=False)

    @property
    def limits(self) -> Floats:
        """The greatest score that is kept, one a group; infinite where rows are too few."""
        return limits_of(self.scores, self.alpha)

    def __call__(
        self,
        prediction: ArrayLike,
        *,
        spread: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Floats:
        """Return the ends of each row's interval, shape (n, 2); all numbers where rows are few.

        Args:
            prediction: Shape (n,), or two quantiles, shape (n, 2).
            spread: Of each row, above 0, where they are normalised.
            groups: Of each row, where the guarantee is by group.
        """
        low, high, wide = _given(prediction, spread, self.kind)
        if self.parts == ("all",) and groups is None:
            limit: Floats | float = float(self.limits[0])
        else:
            limit = np.append(self.limits, np.inf)[part_codes(groups, self.parts, len(low))]
        ends = np.stack([low - limit * wide, high + limit * wide], axis=1)
        crossed = ends[:, 0] > ends[:, 1]  # an interval moved in past its middle
        ends[crossed] = ends[crossed].mean(axis=1, keepdims=True)
        return ends

    def to_json(self) -> dict[str, Json]:
        """Return all of it as a plain JSON object."""
        scores = [one.tolist() for one in self.scores]
        return {"alpha": self.alpha, "kind": self.kind, "parts": list(self.parts),
                "scores": scores}  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        scores = tuple(np.asarray(one, dtype=np.float64) for one in data["scores"])
        return cls(data["alpha"], data["kind"], tuple(data["parts"]), scores)


def conformal_intervals(
    outcome: ArrayLike,
    prediction: ArrayLike,
    *,
    alpha: float = 0.1,
    spread: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> ConformalIntervals:
    """Calibrate intervals that hold the outcome in a share ``1 - alpha`` of rows or more.

    The guarantee is that of :func:`conformal_sets`.

    Args:
        outcome: The numbers, shape (n,), of rows the model was not fitted on.
        prediction: Of them, shape (n,); or a model's two quantiles, such as those at alpha / 2
            and 1 - alpha / 2, shape (n, 2) (CQR; Romano et al. 2019).
        alpha: Share of intervals that may miss, in (0, 1).
        spread: How uncertain each prediction is, above 0, shape (n,): intervals are then as wide
            as it says (Lei et al. 2018).
        groups: What each row belongs to, chosen before looking: the guarantee holds in each.

    Example:
        >>> made = conformal_intervals(range(20), [0.0] * 20, alpha=0.1)
        >>> made([100.0]).tolist()
        [[82.0, 118.0]]
        >>> conformal_intervals(range(5), [0.0] * 5, alpha=0.1)([100.0]).tolist()
        [[-inf, inf]]
    """
    several = np.ndim(prediction) == 2
    if several and spread is not None:
        raise InputError("Two quantiles say how uncertain they are: leave `spread` out.")
    kind: Kind = "quantiles" if several else "absolute" if spread is None else "normalised"
    y = floats(outcome, "outcome")
    low, high, wide = _given(prediction, spread, kind)
    if not len(y) or len(low) != len(y):
        raise InputError(f"There are {len(y)} outcomes and {len(low)} predictions.")
    odd = np.maximum(low - y, y - high) / wide
    names: tuple[str, ...] = ("all",)
    scores: tuple[Floats, ...] = (np.sort(odd),)
    if groups is not None:
        names = tuple(np.unique(np.asarray(groups).astype(str)).tolist())
        scores = scores_by_part(odd, part_codes(groups, names, len(odd)), len(names))
    limits_of(scores, alpha)  # says so where alpha is no share
    return ConformalIntervals(alpha, kind, names, scores)


def _given(
    prediction: ArrayLike, spread: ArrayLike | None, kind: Kind
) -> tuple[Floats, Floats, Floats | float]:
    """Return lower and upper predictions, and what a score is counted in."""
    if kind == "quantiles":
        ends = np.asarray(prediction, dtype=np.float64)
        if ends.ndim != 2 or ends.shape[1] != 2:
            raise InputError(f"Two quantiles a row are needed, got shape {ends.shape}.")
        low, high = (floats(one, "prediction") for one in ends.T)
        if crossed := int(np.sum(low > high)):
            raise InputError(f"The lower quantile is above the upper one in {crossed} rows.")
        return low, high, 1.0
    middle = floats(prediction, "prediction")
    if kind == "absolute":
        if spread is not None:
            raise InputError("These intervals have one width for all: leave `spread` out.")
        return middle, middle, 1.0
    if spread is None:
        raise InputError("These intervals are normalised: pass each row's `spread`.")
    wide = floats(spread, "spread", n=len(middle))
    if len(wide) and wide.min() <= 0:
        raise InputError(f"`spread` must be above 0, got {wide.min():g}.")
    return middle, middle, wide
