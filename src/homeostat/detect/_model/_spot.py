"""Spot the difference: which features differ, by how much, and how."""

from __future__ import annotations

from typing import Self, cast

import numpy as np

from homeostat.core import Finding, InputError, Json
from homeostat.detect._detector import LEAST_ROWS, check_level, conclude, fitted, too_few
from homeostat.detect._model._cases import Cases, Sample, read_cases
from homeostat.detect._model._difference import Difference, difference_of
from homeostat.detect._model._pair import Pair, Reduce
from homeostat.detect._model._ridge import quiet_blas
from homeostat.detect._reduce._text import WordCounts
from homeostat.stats import Interval

__all__ = ["SpotTheDiff"]

_SHOWN = 20
_NAMED = 3


class SpotTheDiff:
    """Says which features make the window differ from the reference, ranked, with intervals.

    One curve a feature is learned, all together, on some rows, and its mean is compared between
    the samples on others: what a feature adds is 0 on average unless its own distribution
    differs, and a feature that moved only because another did gets little. Features are
    columns of a frame, pixels or steps of an array, words of texts
    (:class:`WordCounts`), or whatever `reduce` makes, such as :class:`SeriesFeatures`. A change
    of the way features go together, with each as it was, is not seen: :class:`Classifier` is for
    that.

    Args:
        level: False alarms a test; of the features named as well (Holm).
        margin: Least AUC above one half that matters, in [0, 0.5).
        reduce: Applied to both samples first.
        n_blocks: Of rows, dealt at random; at least 2.
        most_rows: Of either sample.
        seed: Of all that is drawn.

    Source: the additive form follows generalised additive models (Hastie and Tibshirani 1986);
    its use to tell samples apart is Jitkrittum et al. 2016, "Interpretable distribution
    features", with curves in the place of test locations. Cost: 8 ridge regressions.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> then, now = rng.normal(size=(800, 6)), rng.normal(size=(400, 6))
        >>> now[:, 3] += 0.8
        >>> found = SpotTheDiff(seed=0).fit(then).test(now)
        >>> found.evidence["features"][0]["feature"], found.evidence["differing"]
        ('x3', ['x3'])
    """

    def __init__(
        self,
        *,
        level: float = 0.05,
        margin: float = 0.0,
        reduce: Reduce | None = None,
        n_blocks: int = 5,
        most_rows: int = 10_000,
        seed: int = 0,
    ) -> None:
        self.level = level
        self.margin = margin
        self.reduce = reduce
        self.n_blocks = n_blocks
        self.most_rows = most_rows
        self.seed = seed
        self.reference_: Cases | None = None

    def fit(self, reference: Sample, /) -> Self:
        """Keep the reference.

        Raises:
            SchemaError: If it is neither a frame, numbers nor texts.
            InputError: If a setting is out of its range.
        """
        check_level(self.level)
        if not 0 <= self.margin < 0.5:
            raise InputError(f"`margin` is an AUC above one half, in [0, 0.5), got {self.margin}.")
        if self.n_blocks < 2 or self.most_rows < 2 * self.n_blocks:
            raise InputError(
                "`n_blocks` is at least 2 and `most_rows` at least twice that, got "
                f"{self.n_blocks} and {self.most_rows}."
            )
        self.reference_ = read_cases(reference, what="The reference")
        return self

    def test(self, window: Sample, /) -> Finding:
        """Judge a window, and name what differs.

        Raises:
            SchemaError: If it is not like the reference.
        """
        pair = self._pair(window)
        check, subject = "shift.spot_the_diff", "rows"
        short = too_few(
            check,
            subject,
            reference=pair.reference,
            window=pair.window,
            level=self.level,
            least=max(LEAST_ROWS, 2 * self.n_blocks),
        )
        if short is not None:
            return short
        with quiet_blas():
            found = difference_of(pair, level=self.level, n_blocks=self.n_blocks, seed=self.seed)
        ends = found.interval
        return conclude(
            check,
            subject,
            said=_said(found),
            reference=pair.reference,
            window=pair.window,
            level=self.level,
            p_value=found.p_joint,
            statistic=found.auc,
            threshold=0.5 + self.margin if self.margin else None,
            effect=max(found.auc - 0.5, 0.0),
            interval=Interval(ends.low - 0.5, ends.high - 0.5, ends.level),
            margin=self.margin,
            evidence=_evidence(found, pair),
        )

    def explain(self, window: Sample, /) -> Difference:
        """Return all of what :meth:`test` found, feature by feature.

        Raises:
            InputError: If either sample has fewer than two rows a block.
        """
        pair = self._pair(window)
        if min(pair.counts) < 2 * self.n_blocks:
            raise InputError(
                f"An explanation needs {2 * self.n_blocks} rows a side, got {pair.counts[0]} "
                f"and {pair.counts[1]}."
            )
        with quiet_blas():
            return difference_of(pair, level=self.level, n_blocks=self.n_blocks, seed=self.seed)

    def _pair(self, window: Sample) -> Pair:
        reference = cast("Cases", fitted(self.reference_, self))
        cases = read_cases(window, what="The window", like=reference)
        reduce = self.reduce
        if reduce is None and isinstance(reference, list):
            reduce = cast("Reduce", WordCounts())
        rng = np.random.default_rng(self.seed)
        return Pair.of(reference, cases, reduce=reduce, most_rows=self.most_rows, rng=rng)


def _said(found: Difference) -> str:
    if not found.moved:
        return (
            f"No single feature surely differs; all together tell the samples apart with AUC "
            f"{found.auc:.3f} ({found.interval.low:.3f} to {found.interval.high:.3f})"
        )
    shares = dict(zip(*found.ranked().select("feature", "share").get_columns(), strict=True))
    names = list(found.moved)[:_NAMED]
    told = "; ".join(f"`{n}` {shares[n]:.0%} ({found.moved[n]})" for n in names)
    more = int((found.p_value <= 0.05).sum()) - len(names)
    rest = f"; and {more} more" if more > 0 else ""
    return f"The difference (AUC {found.auc:.3f}) lies in {told}{rest}"


def _evidence(found: Difference, pair: Pair) -> dict[str, Json]:
    rows = found.ranked().head(_SHOWN).to_dicts()
    return {
        "auc": found.auc,
        "auc_low": found.interval.low,
        "auc_high": found.interval.high,
        "separation": found.total,
        "features": rows,
        "differing": list(found.moved),
        "n_used": pair.counts[1],
        "n_reference_used": pair.counts[0],
        "missing": pair.missing(),
    }
