"""Classifier two-sample test: can a model tell the window from the reference?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np

from homeostat.core import Finding, InputError, Json
from homeostat.detect._detector import LEAST_ROWS, check_level, conclude, fitted, too_few
from homeostat.detect._model._cases import Cases, Sample, read_cases
from homeostat.detect._model._domain import Domain
from homeostat.detect._model._forward import Crossed, crossed
from homeostat.detect._model._learners import LearnerName, learner_of
from homeostat.detect._model._pair import Pair, Reduce
from homeostat.detect._model._ridge import quiet_blas
from homeostat.stats import Interval

__all__ = ["Classifier"]

_SHOWN = 10


class Classifier:
    """Tells a shift by how well a model separates the window from the reference.

    It sees any change that its model can learn, of many columns together, numbers, categories
    and missing values mixed, and says by its AUC how large the change is: 0.5 is none, 1 is
    apart. Its level is exact for any model, by learning from earlier blocks of rows and judging
    later ones. Use it on tables with interactions, and on images, texts and series by `reduce`;
    a kernel test (:class:`MMD`) is stronger for few rows, single-column tests are quicker.

    A frame's text columns are categories; a list of strings is texts, which are hashed
    (:class:`TextEmbedding`) unless `reduce` says otherwise. Rows with missing values stay: that
    they are missing is a thing to learn from.

    Args:
        model: "both" (the default, trees and a line), "boosted", "linear", or a function that
            makes a scikit-learn classifier or a :class:`homeostat.core.Model`.
        level: False alarms a test.
        margin: Least AUC above one half that matters, in [0, 0.5).
        reduce: Applied to both samples first; if it has `fit` and has not learned, it learns
            from both together, which keeps the level exact.
        n_blocks: Of rows, dealt at random; at least 2.
        most_rows: Of either sample, drawn at random if there are more.
        seed: Of all that is drawn.

    Source: Lopez-Paz and Oquab 2017, ICLR; the exact level by the martingale of
    :func:`crossed`. Cost: 8 fits for 5 blocks.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> then, now = rng.normal(size=(600, 4)), rng.normal(size=(300, 4))
        >>> now[:, 1] = 0.9 * now[:, 0] + 0.44 * now[:, 1]       # only the correlation moved
        >>> found = Classifier(seed=0).fit(then).test(now)
        >>> found.verdict.value, found.evidence["auc"] > 0.6
        ('fail', True)
    """

    def __init__(
        self,
        *,
        model: LearnerName | Callable[[], Any] = "both",
        level: float = 0.05,
        margin: float = 0.0,
        reduce: Reduce | None = None,
        n_blocks: int = 5,
        most_rows: int = 20_000,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.level = level
        self.margin = margin
        self.reduce = reduce
        self.n_blocks = n_blocks
        self.most_rows = most_rows
        self.seed = seed
        self.reference_: Cases | None = None

    def fit(self, reference: Sample, /) -> Self:
        """Keep the reference; nothing is learned until there is a window.

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
        """Judge a window.

        Raises:
            SchemaError: If it is not like the reference.
        """
        pair = self._pair(window)
        least = max(LEAST_ROWS, 2 * self.n_blocks)
        short = too_few(
            "shift.classifier",
            "rows",
            reference=pair.reference,
            window=pair.window,
            level=self.level,
            least=least,
        )
        if short is not None:
            return short
        found = self._cross(pair)
        half = Interval(found.interval.low - 0.5, found.interval.high - 0.5, found.interval.level)
        return conclude(
            "shift.classifier",
            "rows",
            said=_said(found, pair),
            reference=pair.reference,
            window=pair.window,
            level=self.level,
            p_value=found.p_value,
            statistic=found.auc,
            threshold=0.5 + self.margin if self.margin else None,
            effect=max(found.auc - 0.5, 0.0),
            interval=half,
            margin=self.margin,
            evidence=self._evidence(found, pair),
        )

    def domain(self, window: Sample, /) -> Domain:
        """Return how much each row looks like the window rather than the reference.

        Every row is scored by a model that did not learn from it.

        Raises:
            InputError: If either sample has fewer than two rows a block.
        """
        pair = self._pair(window)
        if min(pair.counts) < 2 * self.n_blocks:
            raise InputError(
                f"Scores need {2 * self.n_blocks} rows a side, got {pair.counts[0]} and "
                f"{pair.counts[1]}."
            )
        found = self._cross(pair)
        return Domain.of(found, pair.label)

    def _pair(self, window: Sample) -> Pair:
        reference = cast("Cases", fitted(self.reference_, self))
        cases = read_cases(window, what="The window", like=reference)
        rng = np.random.default_rng(self.seed)
        return Pair.of(reference, cases, reduce=self.reduce, most_rows=self.most_rows, rng=rng)

    def _cross(self, pair: Pair) -> Crossed:
        learner = learner_of(self.model, pair.matrix, self.seed)
        rng = np.random.default_rng([self.seed, 1])
        with quiet_blas():
            return crossed(learner, pair.label, n_blocks=self.n_blocks, rng=rng, level=0.95)

    def _evidence(self, found: Crossed, pair: Pair) -> dict[str, Json]:
        shares = np.zeros(0) if found.shares is None else found.shares
        told = [int(i) for i in np.argsort(-shares, kind="stable")[:_SHOWN] if shares[i] > 0]
        return {
            "auc": found.auc,
            "auc_low": found.interval.low,
            "auc_high": found.interval.high,
            "z": found.z,
            "n_used": pair.counts[1],
            "n_reference_used": pair.counts[0],
            "n_blocks": self.n_blocks,
            "columns": {pair.matrix.names[i]: float(shares[i]) for i in told},
            "missing": pair.missing(),
        }


def _said(found: Crossed, pair: Pair) -> str:
    mostly = ""
    if found.shares is not None and len(found.shares) > 1 and found.shares.max() > 0:
        top = int(np.argmax(found.shares))
        mostly = f", most by `{pair.matrix.names[top]}` ({min(found.shares[top], 1):.0%} of it)"
    return (
        f"A model tells the window's rows from the reference's with AUC {found.auc:.3f} "
        f"({found.interval.low:.3f} to {found.interval.high:.3f}; 0.5 is no difference){mostly}"
        f"{pair.newly_missing()}"
    )
