"""Work: training rows on their way through resampling steps, each with its parents."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError
from homeostat.sample._kept import concat
from homeostat.sample._space import Rows
from homeostat.sample._synthetic import Children
from homeostat.stats import Floats

__all__ = ["Step", "Work", "over_targets", "under_targets"]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Rows, their classes, and where they come from.

    Args:
        frame: The rows.
        label: Name of the label.
        classes: The label's values, ascending.
        codes: Each row's class, as a place in them, shape (n,).
        parent: The training row each is, or starts from, shape (n,).
        parent_2: The training row a synthetic one goes towards, else -1.
        share: How far it goes, else NaN.
        findings: What the steps had to say.
    """

    frame: pl.DataFrame
    label: str
    classes: tuple[object, ...]
    codes: NDArray[np.intp]
    parent: NDArray[np.int64]
    parent_2: NDArray[np.int64]
    share: Floats
    findings: tuple[Finding, ...] = field(default=())

    @property
    def counts(self) -> NDArray[np.intp]:
        """Rows of each class."""
        return np.bincount(self.codes, minlength=len(self.classes))

    @property
    def synthetic(self) -> bool:
        """Whether any row lies between two others."""
        return bool((self.parent_2 >= 0).any())

    def take(self, rows: Rows) -> Work:
        """Return some rows, in the order given; a row may be taken twice."""
        return replace(
            self,
            frame=self.frame[rows],
            codes=self.codes[rows],
            parent=self.parent[rows],
            parent_2=self.parent_2[rows],
            share=self.share[rows],
        )

    def with_children(self, frame: pl.DataFrame, children: Children) -> Work:
        """Return these rows with synthetic ones below them."""
        return replace(
            self,
            frame=concat([self.frame, frame]),
            codes=np.concatenate([self.codes, self.codes[children.parent]]),
            parent=np.concatenate([self.parent, self.parent[children.parent]]),
            parent_2=np.concatenate([self.parent_2, self.parent[children.parent_2]]),
            share=np.concatenate([self.share, children.share]),
        )

    def saying(self, *findings: Finding) -> Work:
        """Return the same rows with more to say."""
        return replace(self, findings=(*self.findings, *findings))


class Step(Protocol):
    """One way of resampling; frozen, so that a list of steps is a setting."""

    def apply(self, work: Work, rng: np.random.Generator) -> Work:
        """Return resampled rows."""


def over_targets(counts: NDArray[np.intp], ratio: float) -> NDArray[np.intp]:
    """Return how many rows each class is to have: at least ``ratio`` times the largest class's."""
    _check(ratio)
    wanted = np.rint(ratio * counts.max()).astype(np.intp)
    return np.asarray(np.where(counts > 0, np.maximum(counts, wanted), 0), np.intp)


def under_targets(counts: NDArray[np.intp], ratio: float) -> NDArray[np.intp]:
    """Return how many rows each class is to keep: at most the smallest class's / ``ratio``."""
    _check(ratio)
    wanted = np.rint(counts[counts > 0].min() / ratio).astype(np.intp)
    return np.asarray(np.minimum(counts, wanted), np.intp)


def _check(ratio: float) -> None:
    if not 0 < ratio <= 1:
        raise InputError(
            f"`ratio` is the rows of a smaller class over those of the largest, in (0, 1]: got "
            f"{ratio}."
        )
