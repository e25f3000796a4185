"""Models trained several times: what the seed moves, and what the rows move, kept apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import Finding, InputError
from homeostat.evaluate._compare._lines import ComparisonLine, adjusted, line_finding, lines_frame
from homeostat.evaluate._compare._measured import Task
from homeostat.evaluate._metrics._inputs import Rows, rows_of
from homeostat.stats import (
    CostMatrix,
    Floats,
    Interval,
    influence_error,
    smallest_difference,
    two_sided,
)

__all__ = ["OverSeeds", "SeedComparison", "compare_seeds"]

_FEWEST_BLOCKS = 6


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """One model's trainings with different seeds, on the same rows.

    Args:
        name: The model's.
        mean: Of the loss or metric over seeds.
        seed_sd: Standard deviation over seeds; None for one seed.
        rows_error: Standard error of the mean from which rows were drawn.
        n_seeds: How many trainings.
        values: One a seed.
    """

    name: str
    mean: float
    seed_sd: float | None
    rows_error: float
    n_seeds: int
    values: tuple[float, ...]

    def __str__(self) -> str:
        sd = "one seed" if self.seed_sd is None else (
            f"sd over {self.n_seeds} seeds {self.seed_sd:.4f}"
        )  # fmt: skip
        return f"{self.name}: {self.mean:.4f} ({sd}; error from rows {self.rows_error:.4f})"


@dataclass(frozen=True, slots=True)
class SeedComparison:
    """Models over seeds, and a line for each pair.

    A line's interval is of the rows alone; ``seed_intervals`` has that of the seeds alone, and
    its p-value is the larger of both: a model is better where rows and seeds both show it.
    """

    models: tuple[OverSeeds, ...]
    lines: tuple[ComparisonLine, ...]
    seed_intervals: tuple[Interval | None, ...]
    findings: tuple[Finding, ...]

    def frame(self) -> pl.DataFrame:
        """Return a row a line, with the interval over seeds beside that over rows."""
        low = [None if one is None else one.low for one in self.seed_intervals]
        high = [None if one is None else one.high for one in self.seed_intervals]
        return lines_frame(self.lines).with_columns(
            pl.Series("seed_low", low, pl.Float64), pl.Series("seed_high", high, pl.Float64)
        )

    def __str__(self) -> str:
        return "\n".join([*map(str, self.models), *(found.summary for found in self.findings)])


def compare_seeds(
    label: ArrayLike,
    predictions: Mapping[str, Sequence[ArrayLike]],
    *,
    loss: str = "logloss",
    blocks: ArrayLike | None = None,
    usefulness: float = 0.0,
    level: float = 0.95,
    classes: Sequence[Any] | None = None,
    costs: CostMatrix | None = None,
    threshold: float = 0.5,
) -> SeedComparison:
    """Compare models that were each trained with several seeds, on the same rows.

    Args:
        label: As in :func:`compare`.
        predictions: By model, one prediction a seed; five or more are worth having.
        loss: A loss or a metric of :func:`compare`.
        blocks: Which block a row is in; None takes rows as independent.
        usefulness: By how much a model must gain to be of use.
        level: Confidence.
        classes: As in :func:`compare`.
        costs: As in :func:`compare`.
        threshold: As in :func:`compare`.

    Returns:
        For each pair the difference of means over seeds, its interval over rows (the influence
        over blocks) and over seeds (Welch's t). The two are never pooled: more rows do not make
        up for one seed, nor more seeds for few rows. With one seed nothing is claimed.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(3000)
        >>> y = rng.random(3000) < p
        >>> a = [np.clip(p + 0.02 * rng.normal(size=3000), 0.01, 0.99) for _ in range(5)]
        >>> b = [np.clip(p + 0.20 * rng.normal(size=3000), 0.01, 0.99) for _ in range(5)]
        >>> compare_seeds(y, {"rough": b, "fine": a}, loss="brier").lines[0].says
        'better'
    """
    if len(predictions) < 2:
        raise InputError(f"A comparison needs two models or more, got {list(predictions)}.")
    rows = rows_of(np.shape(label)[0] if np.ndim(label) else 0, blocks, None)
    task = Task.of(rows, label, loss, classes=classes, costs=costs, threshold=threshold)
    models: list[OverSeeds] = []
    influences: dict[str, Floats] = {}
    for name, of_seeds in predictions.items():
        one, influences[name] = _over_seeds(task, name, of_seeds)
        models.append(one)
    lines, spreads = [], []
    for before, one in combinations(models, 2):
        moved = influences[one.name] - influences[before.name]
        line, spread = _line(one, before, moved, rows, task, usefulness, level)
        lines.append(line)
        spreads.append(spread)
    found = adjusted(lines)
    findings = tuple(line_finding(line) for line in found)
    return SeedComparison(tuple(models), tuple(found), tuple(spreads), findings)


def _over_seeds(task: Task, name: str, of_seeds: Sequence[ArrayLike]) -> tuple[OverSeeds, Floats]:
    if not len(of_seeds):
        raise InputError(f"`{name}` has no prediction of any seed.")
    measured = [task.measure(name, p) for p in of_seeds]
    values = np.array([one.value for one in measured])
    influence = np.mean([one.influence for one in measured], axis=0)
    error, _ = influence_error(influence, task.rows.blocks)
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    model = OverSeeds(name, float(values.mean()), sd, error, len(values), tuple(values.tolist()))
    return model, influence


def _line(
    one: OverSeeds,
    before: OverSeeds,
    influence: Floats,
    rows: Rows,
    task: Task,
    usefulness: float,
    level: float,
) -> tuple[ComparisonLine, Interval | None]:
    effect = one.mean - before.mean
    error, n_blocks = influence_error(influence, rows.blocks)
    enough = n_blocks >= _FEWEST_BLOCKS
    half = two_sided(level, n_blocks - 1) * error if enough else 0.0
    spread, p_seeds = _welch(one, before, effect, level)
    p_rows = _t_tail(effect, error, n_blocks - 1) if enough else None
    p = None if p_rows is None or p_seeds is None else max(p_rows, p_seeds)
    line = ComparisonLine(
        model=one.name,
        against=before.name,
        measure=task.name,
        effect=effect,
        interval=Interval(effect - half, effect + half, level) if enough else None,
        p_value=p,
        p_adjusted=None,
        test="rows t and seeds welch",
        better=task.sign,
        n_rows=rows.n,
        n_blocks=n_blocks,
        n_seeds=min(one.n_seeds, before.n_seeds),
        smallest_shown=smallest_difference(error, level=level, df=n_blocks - 1) if enough else None,
        usefulness=usefulness,
        level=level,
    )
    return line, spread


def _welch(
    one: OverSeeds, before: OverSeeds, effect: float, level: float
) -> tuple[Interval | None, float | None]:
    if one.seed_sd is None or before.seed_sd is None:
        return None, None
    parts = [m.seed_sd**2 / m.n_seeds for m in (one, before) if m.seed_sd is not None]
    error = math.sqrt(sum(parts))
    if error == 0:  # no seed moves anything: only the rows are left to ask
        return Interval(effect, effect, level), 0.0 if effect else 1.0
    df = sum(parts) ** 2 / sum(
        v**2 / (m.n_seeds - 1) for v, m in zip(parts, (one, before), strict=True)
    )
    half = two_sided(level, df) * error
    return Interval(effect - half, effect + half, level), _t_tail(effect, error, df)


def _t_tail(effect: float, error: float, df: float) -> float:
    if error <= 1e-15:
        return 1.0 if effect == 0 else 0.0
    return float(2 * special.stdtr(df, -abs(effect) / error))
