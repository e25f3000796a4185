"""A line of a comparison: two models, what was seen, by which test, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from homeostat.core import Finding, Json, Verdict
from homeostat.stats import Interval, holm

__all__ = ["ComparisonLine", "adjusted", "line_finding", "lines_frame", "lines_text"]


@dataclass(frozen=True, slots=True)
class ComparisonLine:
    """One model set against another on the same rows, folds or data sets.

    Args:
        model: The one that is judged.
        against: The one it is set against.
        measure: The loss or metric.
        effect: The first's less the second's.
        interval: Where the effect lies; None for too few blocks.
        p_value: Of the test alone; None for too few blocks.
        p_adjusted: By Holm, for the number of lines.
        test: Which.
        better: 1 where a larger effect is better, -1 where a smaller is.
        n_rows: Rows compared (folds or data sets have none: 0).
        n_blocks: Independent blocks of rows, folds or data sets.
        n_seeds: Trainings of each model.
        smallest_shown: The difference that the test would have shown with a chance of 80 %.
        rows_needed: Rows that would show the effect, or the usefulness, with that chance.
        usefulness: What a difference must be to be of use.
        level: Confidence.
    """

    model: str
    against: str
    measure: str
    effect: float
    interval: Interval | None
    p_value: float | None
    p_adjusted: float | None
    test: str
    better: int
    n_rows: int
    n_blocks: int
    n_seeds: int = 1
    smallest_shown: float | None = None
    rows_needed: int | None = None
    usefulness: float = 0.0
    level: float = 0.95

    @property
    def says(self) -> str:
        """``"better"``, ``"worse"``, ``"too small"``, ``"not shown"`` or ``"unknown"``."""
        if self.p_adjusted is None:
            return "unknown"
        if self.p_adjusted >= 1 - self.level:
            return "not shown"
        gained = self.better * self.effect
        if gained < 0:
            return "worse"
        return "better" if gained >= self.usefulness else "too small"

    def __str__(self) -> str:
        return line_finding(self).summary


_WORDS = {
    "better": (Verdict.OK, "is better than"),
    "worse": (Verdict.FAIL, "is worse than"),
    "not shown": (Verdict.WARN, "is not shown to differ from"),
    "unknown": (Verdict.UNKNOWN, "cannot be told from"),
}


def adjusted(lines: Sequence[ComparisonLine]) -> list[ComparisonLine]:
    """Return the lines with their p-values adjusted by Holm for how many there are."""
    found = iter(holm([one.p_value for one in lines if one.p_value is not None]).tolist())
    return [replace(one, p_adjusted=None if one.p_value is None else next(found)) for one in lines]


def line_finding(line: ComparisonLine, check: str = "compare.better") -> Finding:
    """Say what a line shows.

    Verdict ok where the first is shown to be better by at least the usefulness, warn where no
    difference is shown or it is too small, fail where it is shown to be worse, unknown where
    there are too few blocks.
    """
    small = f"is better, but by less than {line.usefulness:g}, than"
    verdict, words = _WORDS.get(line.says, (Verdict.WARN, small))
    size = f"{line.measure} {line.effect:+.4f}"
    size += "" if line.interval is None else f" {line.interval}"
    rows = f"{line.n_rows:,} rows" if line.n_rows else f"{line.n_blocks} {_over(line.test)}"
    why = f"p = {line.p_adjusted:.2g}" if line.p_adjusted is not None else (
        f"only {line.n_blocks} blocks"
    )  # fmt: skip
    ends, more = line.interval, ""
    if line.says == "not shown" and line.smallest_shown:
        more = f" A difference of {line.smallest_shown:.2g} would have been shown"
        more += f"; this one takes about {line.rows_needed:,} rows." if line.rows_needed else "."
    evidence: dict[str, Json] = {
        "before": line.against,
        "loss": line.measure,
        "low": None if ends is None else ends.low,
        "high": None if ends is None else ends.high,
        "rows": line.n_rows,
        "blocks": line.n_blocks,
        "seeds": line.n_seeds,
        "test": line.test,
        "p_unadjusted": line.p_value,
        "smallest_shown": line.smallest_shown,
        "rows_needed": line.rows_needed,
    }
    return Finding(
        check=check,
        subject=line.model,
        verdict=verdict,
        summary=f"{line.model} {words} {line.against}: {size} over {rows} ({why}).{more}",
        statistic=line.effect,
        threshold=line.better * line.usefulness if line.usefulness else 0.0,
        p_value=line.p_adjusted,
        effect=line.effect,
        evidence=evidence,
    )


def _over(test: str) -> str:
    return "data sets" if test.startswith("wilcoxon") else "folds"


def lines_frame(lines: Sequence[ComparisonLine]) -> pl.DataFrame:
    """Return a row a line, with everything that a reader needs to check the claim."""
    low = [None if one.interval is None else one.interval.low for one in lines]
    high = [None if one.interval is None else one.interval.high for one in lines]
    plain = {
        name: [getattr(one, name) for one in lines]
        for name in (
            "model", "against", "measure", "effect", "says", "test", "p_value", "p_adjusted",
            "n_rows", "n_blocks", "n_seeds", "smallest_shown", "rows_needed",
        )
    }  # fmt: skip
    return pl.DataFrame(
        plain | {"low": low, "high": high},
        schema_overrides={
            "low": pl.Float64, "high": pl.Float64, "p_value": pl.Float64,
            "p_adjusted": pl.Float64, "smallest_shown": pl.Float64, "rows_needed": pl.Int64,
        },
    )  # fmt: skip


def lines_text(lines: Sequence[ComparisonLine]) -> str:
    """Return the lines as sentences."""
    return "\n".join(str(one) for one in lines)
