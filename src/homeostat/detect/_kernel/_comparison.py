"""What every kernel test of two samples shares: its settings, and the way to its finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypedDict

import numpy as np

from homeostat.core import Finding, InputError, Json
from homeostat.detect._detector import LEAST_ROWS, check_level, conclude, fitted, too_few, unknown
from homeostat.detect._kernel._permutations import check_block, distinct_enough, permutation_p
from homeostat.detect._kernel._points import Floats, Pair, Reader, Reduce, Scale, check_whole
from homeostat.detect._rows import Data, Rows
from homeostat.stats import Interval

__all__ = ["Compared", "KernelTest", "Settings", "Untold", "check_bandwidth"]


class Settings(TypedDict, total=False):
    """The keywords of :class:`KernelTest`, which every kernel test takes beside its own."""

    level: float
    permutations: int
    block: int | None
    margin: float
    scale: Scale
    reduce: Reduce | None
    most_rows: int | None
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What comparing two samples gives.

    Args:
        statistics: Of the samples as they are, then of each permutation, (1 + P,).
        effect: Size of the change, at least 0.
        interval: Of the effect.
        said: What moved and by how much, a clause without a full stop.
        evidence: What else a person needs to check the judgement.
        unusual: Places among the window's compared rows of those least like the reference; None
            where the test does not tell. Not shown where some rows were not compared.
    """

    statistics: Floats
    effect: float
    interval: Interval
    said: str
    evidence: Mapping[str, Json] = field(default_factory=dict)
    unusual: list[int] | None = None

    def threshold(self, level: float) -> float:
        """Return what the statistic exceeds by chance in this share of permutations."""
        return float(np.quantile(self.statistics[1:], 1 - level))


@dataclass(frozen=True, slots=True)
class Untold:
    """Why two samples cannot be compared, a full sentence, with its figures."""

    why: str
    evidence: Mapping[str, Json]


class KernelTest(ABC):
    """Tells whether rows as a whole have changed: what :class:`MMD` and its relatives share.

    Args:
        level: False alarms a test, in (0, 1).
        permutations: Reshufflings; p is at least 1 / (1 + permutations).
        block: Neighbouring rows that change sides together: set it to more than the rows over
            which a row resembles the next, where rows are in the order of time. None takes
            rows to be exchangeable.
        margin: Least effect that matters; a smaller change is `warn`.
        scale: "columns" scales each column by its spread, "none" leaves it; "auto" scales the
            columns of a frame and leaves those of an array.
        reduce: Turns what it is given into rows of numbers. One that learns, and has not, learns
            from both samples together at each test, which keeps the level.
        most_rows: Rows a side that are compared, drawn at random from more; the finding says
            so. None compares all.
        seed: Of whatever is random.
    """

    _check: ClassVar[str]

    def __init__(
        self,
        *,
        level: float = 0.05,
        permutations: int = 1000,
        block: int | None = None,
        margin: float = 0.0,
        scale: Scale = "auto",
        reduce: Reduce | None = None,
        most_rows: int | None = None,
        seed: int = 0,
    ) -> None:
        self.level = check_level(level)
        self.permutations = check_whole(permutations, "permutations", least=1)
        self.block = check_block(block)
        self.margin = margin
        self.scale = scale
        self.reduce = reduce
        self.most_rows = most_rows
        self.seed = seed
        self.reader_: Reader | None = None
        if most_rows is not None:
            self.most_rows = check_whole(most_rows, "most_rows", least=self._least())

    def fit(self, reference: Data, /) -> Self:
        """Keep the reference.

        Raises:
            SchemaError: If it is not made of numbers (or text columns of a frame).
        """
        self.reader_ = Reader.of(reference, reduce=self.reduce, scale=self.scale)
        return self

    def test(self, window: Data, /) -> Finding:
        """Judge a window.

        Returns:
            The finding on `rows`, of the check and with the statistic and the effect that the
            class names. Threshold: the statistic's 1 - level quantile under permutations; the
            effect's interval is in the evidence, as are `unusual_rows` where the test can tell
            them: the window's rows that are least like the reference, worst first.

        Raises:
            SchemaError: If its rows are not like the reference's.
        """
        reader, rows = fitted(self.reader_, self).against(window)
        if unable := self._cannot_tell(reader.rows, rows):
            return unable
        rng = np.random.default_rng(self.seed)
        pair = reader.pooled(rows, most=self.most_rows, rng=rng)
        found = self._compare(pair, reader, rng)
        if isinstance(found, Untold):
            return unknown(self._check, "rows", found.why, **found.evidence)
        return self._conclude(found, reader.rows, rows, pair)

    @abstractmethod
    def _compare(self, pair: Pair, reader: Reader, rng: np.random.Generator) -> Compared | Untold:
        """Compare both samples' rows."""

    def _least(self) -> int:
        """Return the fewest rows a side from which anything is concluded."""
        return LEAST_ROWS

    def _cannot_tell(self, reference: Rows, window: Rows) -> Finding | None:
        """Return the finding where rows are too few for any p-value to reach the level."""
        least = self._least()
        if not distinct_enough(len(reference), len(window), block=self.block, level=self.level):
            smaller = min(len(reference), len(window))
            least = max(least, (self.block or 1) * LEAST_ROWS, smaller + 1)
        return too_few(
            self._check,
            "rows",
            reference=reference,
            window=window,
            level=self.level,
            least=least,
        )

    def _conclude(self, found: Compared, reference: Rows, window: Rows, pair: Pair) -> Finding:
        evidence: dict[str, Json] = {
            "permutations": self.permutations,
            "rows_compared": pair.n + pair.m,
            **found.evidence,
        }
        if found.unusual is not None:
            seen = pair.m == window.given and pair.n == len(reference)
            evidence["unusual_rows"] = [*found.unusual] if seen else []
        return conclude(
            self._check,
            "rows",
            said=found.said,
            reference=reference,
            window=window,
            level=self.level,
            p_value=permutation_p(found.statistics),
            statistic=float(found.statistics[0]),
            threshold=found.threshold(self.level),
            effect=found.effect,
            interval=found.interval,
            margin=self.margin,
            evidence=evidence,
        )


def check_bandwidth(bandwidth: float | None) -> float | None:
    """Return a kernel's width, above 0, or None, or raise InputError."""
    if bandwidth is not None and not 0 < bandwidth < np.inf:
        raise InputError(f"`bandwidth` is a distance above 0, got {bandwidth}.")
    return bandwidth
