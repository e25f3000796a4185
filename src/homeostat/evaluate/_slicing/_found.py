"""What is said of a slice that passed the gate, or of none that did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from homeostat.core import Finding, Json, Verdict
from homeostat.evaluate._slicing._contrast import Contrast
from homeostat.evaluate._slicing._cube import sliceline_score
from homeostat.evaluate._slicing._errors import excess_low
from homeostat.evaluate._slicing._finders import Finder
from homeostat.evaluate._slicing._gate import Tested
from homeostat.evaluate._slicing._near import Near, as_matrix, nearest
from homeostat.stats import Floats

__all__ = ["Report", "loss_words"]

_WORDS = {"excess": "excess log loss", "logloss": "log loss"}
_EXAMPLES = 5


def loss_words(name: str) -> str:
    """Return what people call a loss."""
    return _WORDS.get(name, name)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Turns what was tested into findings.

    Args:
        loss: Name of the loss.
        losses: Of all rows, shape (n,).
        frame: Of all rows.
        show: Column to show examples of.
        minimum: Rows that a slice had to have.
    """

    loss: str
    losses: Floats
    frame: pl.DataFrame
    show: str | None
    minimum: int

    def found(self, one: Tested, finders: Sequence[Finder]) -> Finding:
        """Return the finding of a slice that was confirmed."""
        assert one.test is not None  # noqa: S101 - what has no test is not confirmed
        test, candidate = one.test, one.candidate
        looked_at = sum(finder.looked_at for finder in finders)
        return Finding(
            check="slice.found",
            subject=str(candidate.slice),
            verdict=Verdict.WARN,
            summary=(
                f"{loss_words(self.loss)} where {candidate.slice} is {test.inside:.4g} "
                f"{test.interval}, {test.worse:.3g} worse than the rest, on rows kept apart from "
                f"the search of {looked_at:,} slices (p = {one.p_value:.2g})."
            ),
            statistic=test.inside,
            threshold=test.outside,
            p_value=one.p_value,
            effect=test.worse,
            evidence={
                "metric": self.loss,
                "slice": candidate.slice.to_json(),
                "n": int(one.mask.sum()),
                "share": float(one.mask.sum() / one.among.sum()),
                "low": test.interval.low,
                "high": test.interval.high,
                "rest": test.outside,
                "worse_error": test.worse_error,
                "df": test.df,
                "finder": candidate.finder,
                "searched": [f"{finder.name}: {finder.says}" for finder in finders],
                "looked_at": looked_at,
                **self._weight(one, test),
                "examples": self._examples(one),
            },
        )

    def _weight(self, one: Tested, test: Contrast) -> dict[str, Json]:
        """Return the excess in sum, its lower bound and SliceLine's score, on the rows apart."""
        n, n_rows = int(one.mask.sum()), int(one.among.sum())
        overall = float(self.losses[one.among].mean())
        worse = test.worse or 0.0
        z = worse / test.worse_error if test.worse_error > 0 else 0.0
        score = sliceline_score(test.inside, overall, n, n_rows) if overall > 0 else None
        return {
            "excess": n * (test.inside - overall),
            "excess_low": float(excess_low(n, n_rows, worse, z)),
            "sliceline": None if score is None else float(score),
        }

    def _examples(self, one: Tested) -> list[Json]:
        """Return rows of the slice: those nearest to a cluster's centre, else the worst."""
        rows = np.flatnonzero(one.mask)
        part = one.candidate.slice.parts[0]
        if isinstance(part, Near):
            # All rows of a cluster have an embedding.
            matrix, _ = as_matrix(self.frame[part.column][rows.tolist()])
            order = nearest(matrix, np.asarray([part.centres[part.which]]))[1]
        else:
            order = -self.losses[rows]
        chosen = rows[np.argsort(order, kind="stable")[:_EXAMPLES]].tolist()
        if self.show is None:
            return [{"row": row, "loss": float(self.losses[row])} for row in chosen]
        shown = self.frame[self.show]
        return [
            {"row": row, "loss": float(self.losses[row]), "shown": str(shown[row])}
            for row in chosen
        ]

    def none(self, finders: Sequence[Finder], untested: int) -> Finding:
        """Return the finding that no slice was confirmed."""
        n, looked_at = len(self.losses), sum(finder.looked_at for finder in finders)
        words = (
            "is worse than the rest" if looked_at else "could be searched: too few rows or columns"
        )
        if untested:
            words = f"is shown to be worse, but {untested} had too few rows left to confirm it"
        return Finding(
            check="slice.found",
            subject="all slices",
            verdict=Verdict.OK if looked_at and not untested else Verdict.UNKNOWN,
            summary=(
                f"No slice of {looked_at:,} over {n:,} rows {words} in {loss_words(self.loss)}."
            ),
            evidence={
                "metric": self.loss,
                "looked_at": looked_at,
                "searched": [f"{finder.name}: {finder.says}" for finder in finders],
                "n": n,
            },
        )
