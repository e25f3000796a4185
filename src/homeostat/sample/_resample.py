"""Resample: steps over training rows, with every row's parents and the prior that was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Fit, InputError, TrackedRows, Verdict
from homeostat.sample._batches import lacking
from homeostat.sample._prior import PriorCorrection
from homeostat.sample._steps import RandomOver, RandomUnder
from homeostat.sample._training import Fold, SplitLike, Training, training_of
from homeostat.sample._work import Step, Work

__all__ = ["Resampled", "resample"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Resampled:
    """Training rows after resampling.

    Args:
        frame: The rows; originals first where rows were added.
        lineage: One line a row: ``parent``, the position in the frame that was given of the row
            it is or starts from; ``parent_2``, of the row it goes towards, null for none;
            ``lambda``, how far; ``made``, whether it is a copy or synthetic.
        correction: Takes a model's probabilities back to the prior before.
        findings: What the steps had to say.
        tracked: The rows with their identities, where tracked rows were given.
    """

    frame: pl.DataFrame
    lineage: pl.DataFrame
    correction: PriorCorrection
    findings: tuple[Finding, ...]
    tracked: TrackedRows | None

    def check(self, split: SplitLike) -> Finding:
        """Say whether any row stems from one that a split holds out."""
        held = split.validation | split.test
        first = self.lineage["parent"]
        second = self.lineage["parent_2"].fill_null(first)
        stems = held[first.to_numpy()] | held[second.to_numpy()]
        out = int(stems.sum())
        return Finding(
            check="sample.parents",
            subject="resampled rows",
            verdict=Verdict.FAIL if out else Verdict.OK,
            summary=(
                f"{out:,} of {self.frame.height:,} resampled rows stem from rows that are held "
                "out: resample after the split."
                if out
                else f"All {self.frame.height:,} resampled rows stem from training rows."
            ),
            statistic=float(out),
            threshold=0.0,
        )

    def __repr__(self) -> str:
        made = int(self.lineage["made"].sum())
        return f"Resampled({self.frame.height:,} rows, {made:,} of them made)"


def resample(
    rows: pl.DataFrame | TrackedRows,
    steps: Step | Sequence[Step],
    *,
    label: str,
    train: SplitLike | Fold | Literal["all"] | None = None,
    seed: int,
) -> Resampled:
    """Resample the training rows of a frame, and none but those.

    Args:
        rows: The frame that was split, or tracked rows of the part ``"train"``.
        steps: `RandomOver`, `RandomUnder`, `Smote`, `Tomek`, `Imblearn`, or several in order.
        label: Column of the class: integers, booleans or text.
        train: Which rows are for training: a split of the frame, a fold ``(train, held out)``
            of positions, or ``"all"`` if the frame holds no other rows.
        seed: The same seed and rows give the same result.

    Returns:
        The resampled training rows, in a frame with the same columns. Rows that are not for
        training are not in it.

    Raises:
        InputError: If nothing says which rows are for training, tracked rows are not, the label
            is missing somewhere or has one value, or a column cannot be used.
        SchemaError: If a column is not there.

    Example:
        >>> from homeostat.sample import Smote, Tomek
        >>> rng = np.random.default_rng(0)
        >>> rows = pl.DataFrame(
        ...     {"x": rng.normal(size=100), "n": range(100), "y": [0] * 90 + [1] * 10}
        ... )
        >>> done = resample(rows, [Smote(), Tomek()], label="y", train="all", seed=0)
        >>> done.frame.schema == rows.schema
        True
    """
    training = training_of(rows, train)
    work = _start(training, label)
    before = work.counts
    chain = [steps] if hasattr(steps, "apply") else list(steps)
    if not chain:
        raise InputError("Resampling needs at least one step, got none.")
    rng = np.random.default_rng(seed)
    done = reduce(lambda so_far, step: step.apply(so_far, rng), chain, work)
    correction = PriorCorrection.from_counts(
        before,
        done.counts,
        classes=work.classes,
        approximate=not all(isinstance(step, (RandomOver, RandomUnder)) for step in chain),
    )
    return Resampled(
        frame=done.frame,
        lineage=_lineage(done, training.place),
        correction=correction,
        findings=done.findings,
        tracked=_tracked(done, training, chain),
    )


def _start(training: Training, label: str) -> Work:
    frame = training.frame
    lacking([label], frame.columns)
    column = frame[label]
    if not frame.height or column.null_count() or column.dtype.is_nested():
        raise InputError(f"The label `{label}` needs a value in each of at least one training row.")
    if column.dtype.is_float() and (column.is_nan().any() or (column != column.round()).any()):
        raise InputError(f"The label `{label}` holds classes, got numbers that are not whole.")
    classes = column.unique().sort()
    if len(classes) < 2:
        raise InputError(
            f"Every training row has `{label}` = {classes[0]!r}: there is nothing to balance."
        )
    n = frame.height
    codes = (column.rank("dense") - 1).to_numpy().astype(np.intp)
    none = np.full(n, -1, np.int64)
    return Work(frame, label, tuple(classes), codes, np.arange(n), none, np.full(n, np.nan))


def _lineage(work: Work, place: NDArray[np.int64]) -> pl.DataFrame:
    second = np.where(work.parent_2 >= 0, place[work.parent_2], -1)
    return pl.DataFrame(
        {
            "parent": place[work.parent],
            "parent_2": pl.Series(second).replace(-1, None),
            "lambda": pl.Series(work.share).fill_nan(None),
            "made": _made(work),
        }
    )


def _made(work: Work) -> NDArray[np.bool_]:
    """Return which rows are synthetic, or copies of a row that is there already."""
    made = np.ones(len(work.parent), np.bool_)
    own = np.flatnonzero(work.parent_2 < 0)
    made[own[np.unique(work.parent[own], return_index=True)[1]]] = False
    return made


def _tracked(work: Work, training: Training, steps: Sequence[Step]) -> TrackedRows | None:
    known = training.tracked
    if known is None:
        return None
    names = " + ".join(type(step).__name__ for step in steps)
    parents = np.stack([work.parent, np.where(work.parent_2 >= 0, work.parent_2, work.parent)], 1)
    made = known.made_from(work.frame, parents)
    saw = Fit(f"sample.{names}", known.seen)
    as_made = _made(work) | known.made[work.parent]
    return TrackedRows(work.frame, made.origins, as_made, known.part, (*made.through, saw))
