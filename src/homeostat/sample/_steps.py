"""Steps that repeat or remove rows: random ones, Tomek links, and imbalanced-learn's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from homeostat.core import InputError, MissingExtraError
from homeostat.sample._columns import measured
from homeostat.sample._neighbours import category_difference
from homeostat.sample._sound import tomek_findings
from homeostat.sample._space import Rows, Space
from homeostat.sample._tomek import links_in
from homeostat.sample._work import Work, over_targets, under_targets
from homeostat.stats import Floats

__all__ = ["Imblearn", "RandomOver", "RandomUnder", "Tomek"]

_WIDEST = 512  # columns of indicators that categories may become


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomOver:
    """Repeat rows of the smaller classes: nothing is lost, and the copies invite overfitting.

    Args:
        ratio: Rows of each smaller class over those of the largest, in (0, 1].
    """

    ratio: float = 1.0

    def apply(self, work: Work, rng: np.random.Generator) -> Work:
        """Return all rows and copies; no row is copied twice more often than another."""
        wanted = over_targets(work.counts, self.ratio) - work.counts
        more = [
            _evenly(np.flatnonzero(work.codes == code), int(n), rng)
            for code, n in enumerate(wanted)
            if n
        ]
        return work.take(np.concatenate([np.arange(len(work.codes)), *more]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomUnder:
    """Remove rows of the larger classes at random: quick, and what they knew is lost.

    Args:
        ratio: Rows of the smallest class over those of each larger one, in (0, 1].
    """

    ratio: float = 1.0

    def apply(self, work: Work, rng: np.random.Generator) -> Work:
        """Return the rows that stay, in their order."""
        wanted = under_targets(work.counts, self.ratio)
        kept = [
            rng.choice(np.flatnonzero(work.codes == code), int(n), replace=False)
            for code, n in enumerate(wanted)
        ]
        return work.take(np.sort(np.concatenate(kept)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tomek:
    """Remove rows in Tomek links: opposite classes, each other's nearest; see `tomek_links`.

    Args:
        remove: ``"majority"`` removes the row of the commoner class, ``"both"`` both.
        scale: Whether columns of numbers are measured in their standard deviations.
        categorical: Columns of numbers that are codes of categories.
        carried: Columns that take no part in distances, such as identifiers.
        missing: ``"refuse"`` a missing number, or ``"keep"`` it and measure with the median.
    """

    remove: Literal["majority", "both"] = "majority"
    scale: bool = True
    categorical: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    missing: Literal["refuse", "keep"] = "refuse"

    def apply(self, work: Work, rng: np.random.Generator) -> Work:
        """Return the rows that stay, in their order; no chance is involved."""
        del rng
        if self.remove not in {"majority", "both"}:
            raise InputError(f"`remove` is 'majority' or 'both', got {self.remove!r}.")
        table = measured(
            work.frame,
            label=work.label,
            categorical=self.categorical,
            carried=self.carried,
            scale=self.scale,
            missing=self.missing,
        )
        rarest = np.flatnonzero(work.codes == work.counts.argmin())
        differ = category_difference(table, rarest)
        columns = _indicators(table.codes, table.categorical)
        weight = np.concatenate([table.weight, np.full(columns.shape[1], differ / 2)])
        space = Space(np.concatenate([table.numbers(), columns], axis=1), weight)
        links = links_in(space, work.codes)
        out = links.commoner if self.remove == "majority" else links.members
        kept = np.setdiff1d(np.arange(len(work.codes)), out)
        return work.take(kept).saying(*tomek_findings(space, work, links))


@dataclass(frozen=True, slots=True, kw_only=True)
class Imblearn:
    """Any under- or oversampler of imbalanced-learn that says which rows it took.

    Those that make rows up (ADASYN, SVM-SMOTE, combinations) do not tell a row's parents, so
    they are refused: use :class:`Smote` there.

    Args:
        sampler: Such as ``NearMiss()`` or ``EditedNearestNeighbours()``; it is cloned.
        columns: Columns of numbers that it sees; empty takes all but the label.
    """

    sampler: Any
    columns: tuple[str, ...] = ()

    def apply(self, work: Work, rng: np.random.Generator) -> Work:
        """Return the rows it took, in its order."""
        try:
            import imblearn  # type: ignore[import-untyped]  # noqa: F401, PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("imbalanced-learn", extra="imbalance") from error
        from sklearn.base import clone  # noqa: PLC0415 - loaded where it serves

        sampler = clone(self.sampler)
        if "random_state" in sampler.get_params():
            sampler.set_params(random_state=int(rng.integers(2**31)))
        seen = self.columns or tuple(set(work.frame.columns) - {work.label})
        carried = tuple(name for name in work.frame.columns if name not in {work.label, *seen})
        table = measured(
            work.frame,
            label=work.label,
            categorical=(),
            carried=carried,
            scale=False,
            missing="refuse",
        )
        if table.categorical:
            raise InputError(
                f"imbalanced-learn is given numbers only, and `{table.categorical[0]}` holds "
                "categories: name the `columns` it is to see."
            )
        sampler.fit_resample(table.numbers(), work.codes)
        taken = getattr(sampler, "sample_indices_", None)
        if taken is None:
            raise InputError(
                f"{type(sampler).__name__} makes rows up without saying from which, so they "
                "cannot be kept out of validation and test: use Smote."
            )
        return work.take(np.asarray(taken, np.intp))


def _evenly(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """Return ``n`` of some rows, each as often as any other or once more."""
    whole, rest = divmod(n, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.choice(rows, rest, replace=False)])


def _indicators(codes: np.ndarray[Any, np.dtype[np.int32]], names: tuple[str, ...]) -> Floats:
    wide = [int(column.max(initial=-1)) + 1 for column in codes.T]
    if sum(wide) > _WIDEST:
        name = names[int(np.argmax(wide))]
        raise InputError(
            f"Tomek links are looked for with up to {_WIDEST} categories in all, `{name}` alone "
            f"has {max(wide):,}: name it in `carried`, or group its rare values first."
        )
    parts = [column[:, None] == np.arange(n) for column, n in zip(codes.T, wide, strict=True)]
    empty = np.empty((len(codes), 0))
    return np.concatenate(parts, axis=1).astype(np.float64) if parts else empty
