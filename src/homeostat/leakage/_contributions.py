"""Performance as features are added, and as each is taken away: where it jumps, look."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Schema, Verdict
from homeostat.leakage._evidence import Evidence
from homeostat.leakage._inflation import Judged, weigh
from homeostat.leakage._offer import offer
from homeostat.leakage._probe import MakeClassifier, judge, matrix

__all__ = ["contributions", "sudden_gains"]

_AHEAD = 1.5  # how many times as far from a half as the next best a sudden feature is
_REACHED = 0.85  # AUC from which a sudden gain is worth a question


def contributions(
    frame: pl.DataFrame,
    schema: Schema | None = None,
    features: Sequence[str] | None = None,
    *,
    label: str = "",
    time: str = "",
    model: MakeClassifier | None = None,
    rng: np.random.Generator | int,
    max_rows: int = 40_000,
) -> pl.DataFrame:
    """Return the AUC of each feature alone, of all up to it, and of all without it.

    Models are fitted on the earlier half of the rows and judged on the later half. Without a
    model of your own it is an additive one (naive Bayes over binned columns), which is made once:
    good enough to see a jump, and it takes no tuning.
    What a feature brings is compared with a noise band: 1.96 standard errors of the difference
    of two AUCs on the same rows (DeLong, DeLong and Clarke-Pearson 1988), whole stretches of
    time counting as one where there is a time. :func:`sudden_gains` makes findings of it.

    Args:
        frame: The rows.
        schema: Gives label, time and features.
        features: In the order in which they are added; None takes the schema's.
        label: Where there is no schema.
        time: Where there is no schema; empty takes the only time column, else random halves.
        model: Makes a model, in scikit-learn's manner, from a seed; it is fitted twice a feature.
        rng: Generator or seed, for the sample of rows.
        max_rows: Labelled rows to look at.

    Returns:
        One row a feature, in order: ``feature``, ``alone``, ``added`` (all up to it), ``gain``
        (what adding it brought), ``gain_noise`` (half width of its 95 % band), ``without`` (all
        others), ``loss`` (what taking it away costs), ``loss_noise``.

    Raises:
        InputError: If there are too few rows of either class.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=1000)
        >>> frame = pl.DataFrame({"noise": rng.normal(size=1000), "x": x, "y": x > 0})
        >>> table = contributions(frame, label="y", features=["noise", "x"], rng=0)
        >>> table["gain"].round(1).to_list()
        [0.0, 0.5]
    """
    offered = offer(frame, schema, features=features, label=label, time=time)
    draw = np.random.default_rng(rng)
    made = offered.evidence(frame, max_rows=max_rows, rng=draw)
    if isinstance(made, Finding):
        raise InputError(made.summary)
    evidence, _ = made
    names = [name for name in offered.features if name in evidence.tables]
    seed = int(draw.integers(2**31 - 1))
    upto, rest = _added(evidence, names) if model is None else _fitted(evidence, names, model, seed)
    gains = [weigh(late, early) for early, late in pairwise([evidence.judge([]), *upto])]
    losses = [weigh(upto[-1], one) for one in rest]
    return pl.DataFrame(
        {
            "feature": names,
            "alone": [evidence.tables[name].auc for name in names],
            "added": [one.area for one in upto],
            "gain": [one.value for one in gains],
            "gain_noise": [one.interval.high - one.value for one in gains],
            "without": [one.area for one in rest],
            "loss": [one.value for one in losses],
            "loss_noise": [one.interval.high - one.value for one in losses],
        }
    )


def _added(evidence: Evidence, names: Sequence[str]) -> tuple[list[Judged], list[Judged]]:
    """Judge what tables say, added up: of all features up to each, and of all but each."""
    scores = [evidence.tables[name].score for name in names]
    upto = [evidence.judge([], score) for score in np.cumsum(scores, axis=0)]
    total = np.sum(scores, axis=0)
    return upto, [evidence.judge([], total - score) for score in scores]


def _fitted(
    evidence: Evidence, names: Sequence[str], make: MakeClassifier, seed: int
) -> tuple[list[Judged], list[Judged]]:
    """Judge a model fitted on all features up to each, and on all but each."""
    x, halves = matrix(evidence.frame, names), evidence.halves
    folds = [(np.arange(halves.cut), np.arange(halves.cut, halves.label.size))]

    def judged(columns: Sequence[int]) -> Judged:
        made = None
        if columns:
            held = x[:, columns]
            made = judge(held, halves.label, folds, make=make, seed=seed, blocks=evidence.blocks)
        return made or evidence.judge([])

    every = range(len(names))
    return (
        [judged(every[: i + 1]) for i in every],
        [judged([other for other in every if other != i]) for i in every],
    )


def sudden_gains(table: pl.DataFrame, *, least: float = 0.1) -> list[Finding]:
    """Warn of the feature that brings, or whose removal costs, far more than the others do.

    "Either a very good feature or leakage": a gain is sudden if it is at least ``least``, beyond
    its noise band, three times that of the next, and leads to an AUC of 0.85; and the feature
    alone is further from a half than the next best by half as much again: the first of several
    that say the same takes all the gain, which is no surprise.

    Args:
        table: Of :func:`contributions`.
        least: AUC from which a gain or a loss is worth a question.

    Returns:
        One warning a feature, whose ``effect`` is the gain; or one that all is steady.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=1000)
        >>> frame = pl.DataFrame({"noise": rng.normal(size=1000), "x": x, "y": x > 0})
        >>> table = contributions(frame, label="y", features=["noise", "x"], rng=0)
        >>> print(sudden_gains(table)[0].subject)
        x
    """
    found = [
        _sudden(row, kind)
        for kind in ("gain", "loss")
        for row in _far_ahead(table, kind, least).iter_rows(named=True)
    ]
    once = {one.subject: one for one in reversed(found)}
    steady = Finding(
        check="leakage.sudden_gain",
        subject="features",
        verdict=Verdict.OK,
        summary=f"None of {table.height} features brings far more than the others.",
    )
    return list(once.values()) or [steady]


def _far_ahead(table: pl.DataFrame, kind: str, least: float) -> pl.DataFrame:
    value = pl.col(kind)
    ordered = table[kind].sort(descending=True)
    second = float(ordered[1]) if table.height > 1 else 0.0
    reached = pl.col("added") if kind == "gain" else pl.col("without") + pl.col("loss")
    ahead = table.filter(
        (reached >= _REACHED)
        & (value >= least)
        & (value > pl.col(f"{kind}_noise"))
        & (value >= 3 * max(second, 0.0))
    )
    told = (table["alone"] - 0.5).sort(descending=True)
    company = float(told[1]) if table.height > 1 else 0.0
    ahead = ahead.filter(pl.col("alone") - 0.5 >= _AHEAD * company)
    return ahead if ahead.height == 1 else ahead.clear()


def _sudden(row: dict[str, float], kind: str) -> Finding:
    name, noise = str(row["feature"]), row[f"{kind}_noise"]
    before, after = (
        (row["added"] - row["gain"], row["added"])
        if kind == "gain"
        else (row["without"], row["without"] + row["loss"])
    )
    return Finding(
        check="leakage.sudden_gain",
        subject=name,
        verdict=Verdict.WARN,
        statistic=row[kind],
        threshold=noise,
        effect=row[kind],
        summary=(
            f"{name} lifts the AUC from {before:.3f} to {after:.3f} ({row[kind]:+.3f}, noise "
            f"{noise:.3f}): either a very good feature or a leak, find out why."
        ),
        evidence={
            "metric": "auc",
            "claimed": after,
            "honest": before,
            "inflation": row[kind],
            "inflation_interval": [row[kind] - noise, row[kind] + noise],
        },
    )
