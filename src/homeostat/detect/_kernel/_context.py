"""Context-aware MMD (Cobb and Van Looveren 2022): has the rest changed, given the context?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, Unpack

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError
from homeostat.detect._detector import LEAST_ROWS
from homeostat.detect._kernel._comparison import Compared, KernelTest, Settings, Untold
from homeostat.detect._kernel._conditional import Conditional, ridge_of, without_mean
from homeostat.detect._kernel._means import root, square_interval
from homeostat.detect._kernel._mmd import median_bandwidth
from homeostat.detect._kernel._nystroem import nystroem
from homeostat.detect._kernel._permutations import Splits, splits
from homeostat.detect._kernel._points import Floats, Pair, Reader
from homeostat.detect._kernel._propensity import propensity
from homeostat.detect._rows import Data

__all__ = ["ContextMMD"]

_CONTEXT_FEATURES = 30
_ROW_FEATURES = 100


class ContextMMD(KernelTest):
    """Tells whether rows have changed by more than their context explains.

    On a Sunday there are other customers than on a Monday: every test of the rows raises an
    alarm. This one compares rows whose contexts agree, so it is quiet where only the mix of
    contexts moved, and finds a change within a context, P(rest | context), even where the mix
    hides it.

    Both samples' conditional mean embeddings given the context are fitted by kernel ridge
    regression, and their squared distance averaged over contexts, each weighing as much as both
    samples have of it, e (1 - e) with e the propensity: the chance that a row of this context is
    of the window. Labels are reshuffled by that propensity, which leaves every context's mix as
    it is. After Cobb and Van Looveren (2022), AISTATS, section 4, with two changes that need no
    context held out and keep the level where the regression is stiff: the overlap weights (Li,
    Morgan and Zaslavsky 2018), and that the mean of both samples together, given the context, is
    taken off first. The propensity is estimated, so the level holds about, not exactly; it is
    fitted to both samples with a ridge chosen on held-out rows.

    The check is `shift.mmd_context`; the statistic the squared distance less what chance makes
    of it on average, the effect its root. `overlap` in the evidence is which share of what equal
    contexts would let us compare is there; where it leaves fewer than 5 rows a side to compare,
    the finding is `unknown`.

    n = m = 2,000 rows of 20 columns take about 2 CPU seconds at 1,000 permutations.

    Args:
        context: Columns of a frame by name, or of an array by place, that are the context; all
            others are compared. A `reduce` must leave them where they are.
        settings: See :class:`KernelTest`; `most_rows` is 2,000. Rows of a `block` change sides
            together, by a propensity of the block's contexts.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def day(weekend, extra=0.0):
        ...     sunny = rng.random(400) < weekend
        ...     return np.column_stack([sunny, 3 * sunny + extra + rng.normal(size=400)])
        >>> detector = ContextMMD(context=0, permutations=200).fit(day(0.2))
        >>> detector.test(day(0.7)).verdict, detector.test(day(0.7, extra=0.5)).verdict
        (<Verdict.OK: 'ok'>, <Verdict.FAIL: 'fail'>)
    """

    _check = "shift.mmd_context"

    def __init__(
        self, *, context: str | int | Sequence[str | int], **settings: Unpack[Settings]
    ) -> None:
        settings.setdefault("most_rows", 2000)
        super().__init__(**settings)
        self.context = (context,) if isinstance(context, (str, int)) else tuple(context)
        if not self.context:
            raise InputError("`context` names at least one column, got none.")

    def fit(self, reference: Data, /) -> Self:
        """Keep the reference.

        Raises:
            SchemaError: If it lacks a column of the context, or is not made of numbers (or text
                columns of a frame).
            InputError: If no column but the context is left to compare.
        """
        super().fit(reference)
        if self.reader_ is not None and self.reader_.raw is None:
            self._context_of(self.reader_)
        return self

    def _context_of(self, reader: Reader) -> NDArray[np.bool_]:
        """Return which numbers of a row are context, (d,)."""
        columns = reader.columns
        names = list(columns)
        found = np.zeros(len(reader.rows.names), dtype=bool)
        for one in self.context:
            known = one in columns if isinstance(one, str) else -len(names) <= one < len(names)
            if not known:
                raise SchemaError(
                    f"`context` must be columns of the rows, got {one!r}; there are: "
                    f"{', '.join(names[:20])}."
                )
            found[columns[one if isinstance(one, str) else names[one]]] = True
        if found.all():
            raise InputError("`context` must leave a column to compare, but it names them all.")
        return found

    def _compare(self, pair: Pair, reader: Reader, rng: np.random.Generator) -> Compared | Untold:
        context = self._context_of(reader)
        places, rows = pair.points[:, context], pair.points[:, ~context]
        phi = _with_constant(_features(places, _CONTEXT_FEATURES, rng))
        psi = _features(rows, _ROW_FEATURES, rng)
        split = splits(pair.n, pair.m, 0, block=self.block or 1, rng=rng)
        chance = propensity(phi, split, rng=rng)
        overlap = _overlap(chance, pair)
        if overlap.rows < LEAST_ROWS:
            return Untold(
                "The contexts of the window and of the reference hardly overlap: there are "
                f"{overlap.rows:.1f} rows a side to compare, {LEAST_ROWS} are needed.",
                {"n": pair.m, "n_reference": pair.n, "overlap": overlap.share},
            )
        split = _by_chance(split, chance, self.permutations, rng)
        ridge = ridge_of(phi, psi)
        pieces = Conditional(phi, without_mean(phi, psi, ridge), chance * (1 - chance), ridge)
        squared = pieces.distances(split)
        statistics = squared - squared[1:].mean()
        along, unusual = pieces.leanings(split)
        variance = float((np.add.reduceat(along, split.starts) ** 2).sum() + statistics[1:].var())
        interval = root(square_interval(float(statistics[0]), variance))
        effect = max(float(statistics[0]), 0.0) ** 0.5
        limit = max(float(np.quantile(statistics[1:], 1 - self.level)), 0.0) ** 0.5
        order = np.argsort(-unusual[pair.n :], kind="stable")[:10]
        return Compared(
            statistics,
            effect,
            interval,
            f"Where contexts agree, the rows are {effect:.2g} apart in MMD {interval}, where "
            f"chance gives up to {limit:.2g}; contexts overlap by {overlap.share:.0%}",
            {
                "context": [*self.context],
                "overlap": overlap.share,
                "ridge": ridge,
                "block": int(split.sizes.max()),
            },
            [int(row) for row in order],
        )


@dataclass(frozen=True, slots=True)
class _Overlap:
    """How far contexts agree.

    Args:
        share: Of what equal contexts would let us compare, in [0, 1].
        rows: Rows a side that as good a comparison would take, were contexts equal.
    """

    share: float
    rows: float


def _overlap(chance: Floats, pair: Pair) -> _Overlap:
    most = pair.n * pair.m / (pair.n + pair.m)
    shared = float((chance * (1 - chance)).sum())
    return _Overlap(min(1.0, shared / most), 2 * shared)


def _by_chance(
    split: Splits, chance: Floats, permutations: int, rng: np.random.Generator
) -> Splits:
    """Return the split as it is, then runs of rows on either side by their propensity."""
    of_runs = np.add.reduceat(chance, split.starts) / split.sizes
    drawn = rng.random((len(of_runs), permutations)) >= of_runs[:, None]
    return Splits(split.starts, np.concatenate([split.who, drawn], axis=1), split.rows)


def _features(points: Floats, most: int, rng: np.random.Generator) -> Floats:
    return nystroem(points, median_bandwidth(points, rng), most=most, rng=rng)


def _with_constant(features: Floats) -> Floats:
    return np.column_stack([np.ones(len(features)), features])
