"""Conformal prediction sets: which classes cannot be ruled out, with a guarantee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, Json
from homeostat.evaluate._confidence._conformal_parts import limits_of, part_codes, scores_by_part
from homeostat.evaluate._confidence._conformal_scores import SUMMED, ClassScore, ConformalScore
from homeostat.stats import Floats, check_classes, class_probabilities

__all__ = ["ConformalSets", "conformal_sets"]

By = Literal["all", "class", "group"]


@dataclass(frozen=True, slots=True, eq=False)
class ConformalSets:
    """Makes prediction sets; called with probabilities (n, k) it returns a mask (n, k).

    Args:
        alpha: Share of sets that may miss the label.
        score: What is compared.
        by: Over what the guarantee holds: all rows, those of each class, or of each group.
        parts: Names of the classes or groups, one of ``scores`` each.
        scores: Sorted scores of the calibration rows.
        classes: How many there are.
        randomised: Whether APS counts a class's own mass by a random share.
    """

    alpha: float
    score: ClassScore
    by: By
    parts: tuple[str, ...]
    scores: tuple[Floats, ...] = field(repr=False)
    classes: int
    randomised: bool = False

    @property
    def limits(self) -> Floats:
        """The greatest score that is kept, one a part; infinite where rows are too few."""
        return limits_of(self.scores, self.alpha)

    @property
    def rows(self) -> dict[str, int]:
        """How many calibration rows each part has."""
        counts = (len(one) for one in self.scores)
        return dict(zip(self.parts, counts, strict=True))

    def __call__(
        self,
        p: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> NDArray[np.bool_]:
        """Return which classes are in each row's set, shape (n, k).

        A set may be empty (LAC: no class conforms) or hold every class (too few rows, or a group
        without any). Both say that the model is not to be trusted there.

        Args:
            p: Probability of each class, shape (n, k).
            groups: Of each row, where the guarantee is by group.
            rng: For randomised sets: a generator that goes on from call to call.
        """
        q, u = self._checked(p, rng)
        if self.by == "class":
            return self.score.within(q, self.limits, u)
        limits = self.limits
        if self.by == "all":
            return self.score.within(q, float(limits[0]), u)
        codes = part_codes(groups, self.parts, len(q))
        own = np.append(limits, np.inf)[codes]  # a group never seen has no rows, so no limit
        return self.score.within(q, own[:, None], u)

    def p_values(
        self,
        p: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> Floats:
        """Return each class's conformal p-value, shape (n, k): how odd it would be as the answer.

        The largest in a row is the prediction's credibility (small: the row is unlike those of
        calibration), 1 less the second largest its confidence (Shafer and Vovk 2008). The set
        of classes above alpha is that of :meth:`__call__`.
        """
        q, u = self._checked(p, rng)
        odd = self.score.of_all(q, u)
        found = np.empty_like(odd)
        if self.by == "class":
            for i, scores in enumerate(self.scores):
                found[:, i] = _p_values(scores, odd[:, i])
            return found
        if self.by == "all":
            return _p_values(self.scores[0], odd)
        codes = part_codes(groups, self.parts, len(q))
        for i, scores in enumerate([*self.scores, np.empty(0)]):
            found[codes == i] = _p_values(scores, odd[codes == i])
        return found

    def to_json(self) -> dict[str, Json]:
        """Return all of it as a plain JSON object."""
        told = {name: getattr(self, name) for name in ("alpha", "by", "classes", "randomised")}
        scores = [one.tolist() for one in self.scores]
        return {**told, "score": asdict(self.score), "parts": list(self.parts), "scores": scores}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        scores = tuple(np.asarray(one, dtype=np.float64) for one in data["scores"])
        return cls(
            data["alpha"],
            ClassScore(**data["score"]),
            data["by"],
            tuple(data["parts"]),
            scores,
            data["classes"],
            data["randomised"],
        )

    def _checked(
        self, p: ArrayLike, rng: np.random.Generator | int | None
    ) -> tuple[Floats, Floats | None]:
        q = class_probabilities(p)
        if q.shape[1] != self.classes:
            raise InputError(
                f"These sets were calibrated on {self.classes} classes, got {q.shape[1]}."
            )
        if not self.randomised:
            return q, None
        if rng is None:
            raise InputError("Randomised sets need `rng`, a generator that goes on between calls.")
        return q, np.random.default_rng(rng).random(len(q))


def conformal_sets(
    label: ArrayLike,
    p: ArrayLike,
    *,
    alpha: float = 0.1,
    score: ConformalScore = "lac",
    by: Literal["all", "class"] = "all",
    groups: ArrayLike | None = None,
    penalty: float = 0.01,
    free: int = 2,
    randomised: bool = False,
    rng: np.random.Generator | int = 0,
) -> ConformalSets:
    """Calibrate prediction sets that hold the label in a share ``1 - alpha`` of rows or more.

    The guarantee (Vovk et al. 2005; split conformal) holds over draws of calibration and new rows
    together, for rows that are exchangeable with those of calibration, whatever the model: not
    under drift (see :func:`rolling_coverage`), and not in each class or group unless asked for.
    The limit is the ceil((n + 1)(1 - alpha))-th smallest score; where that is more than n, every
    class is in the set.

    Args:
        label: Class numbers, shape (n,), of rows the model was not fitted on.
        p: Probability of each class, shape (n, k).
        alpha: Share of sets that may miss the label, in (0, 1).
        score: ``"lac"`` makes the smallest sets; ``"aps"`` adapts their size to how hard a row
            is; ``"raps"`` keeps those from growing long.
        by: ``"class"`` makes the guarantee hold in each class (Mondrian; Vovk 2012).
        groups: What each row belongs to, chosen before looking: it then holds in each group.
        penalty: Of RAPS, for each class beyond ``free``.
        free: Classes of RAPS without penalty.
        randomised: Makes the coverage of APS and RAPS exact rather than at least so; the same
            row may then get another set.
        rng: Generator or seed for that.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.dirichlet([1, 1, 1], 2000)
        >>> label = (rng.random(2000)[:, None] > p.cumsum(axis=1)).sum(axis=1)
        >>> sets = conformal_sets(label[:1000], p[:1000])(p[1000:])
        >>> bool(sets[np.arange(1000), label[1000:]].mean() > 0.88)
        True
    """
    y, q = check_classes(label, p)
    if by not in {"all", "class"}:
        raise InputError(f"`by` is 'all' or 'class', got {by!r}.")
    if by == "class" and groups is not None:
        raise InputError("Ask for a guarantee by class or by group, not both.")
    made = ClassScore(score, penalty, free)
    u = np.random.default_rng(rng).random(len(y)) if randomised else None
    odd = made.of_labels(q, y, u)
    over: By = "group" if groups is not None else by
    if over == "class":
        names = tuple(map(str, range(q.shape[1])))
        scores = scores_by_part(odd, y, len(names))
    else:
        names, scores = _grouped(odd, groups)
    limits_of(scores, alpha)  # says so where alpha is no share
    return ConformalSets(alpha, made, over, names, scores, q.shape[1], randomised)


def _grouped(odd: Floats, groups: ArrayLike | None) -> tuple[tuple[str, ...], tuple[Floats, ...]]:
    if groups is None:
        return ("all",), (np.sort(odd),)
    names = tuple(np.unique(np.asarray(groups).astype(str)).tolist())
    return names, scores_by_part(odd, part_codes(groups, names, len(odd)), len(names))


def _p_values(scores: Floats, odd: Floats) -> Floats:
    as_odd = len(scores) - np.searchsorted(scores, odd - SUMMED, side="left")
    return np.asarray((1 + as_odd) / (len(scores) + 1))
