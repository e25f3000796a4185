"""Leaks from how the data came about: what holds at one site and nowhere else.

A hospital sends its suspects to the better scanner, so the scanner tells the disease, there. Rows
of that hospital cannot show it, however they are split; another hospital's can.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Role, Schema, Verdict
from homeostat.leakage._inflation import Inflation, weigh
from homeostat.leakage._label import truth_of
from homeostat.leakage._probe import MakeClassifier, forest, judge, matrix, shuffled
from homeostat.leakage._tables import Halves, Table, column_codes
from homeostat.leakage._worth import TELLING, model_columns
from homeostat.stats import auc

__all__ = ["check_sites"]

Floats = NDArray[np.float64]
_HARM, _SOME = 0.1, 0.03  # inflation, at the lower end, that fails; that warns
_FEWEST = 100  # labelled rows of a site, and 20 of each class
_SITES = 12  # most sites, the largest first
_ROWS = 4000
_VALUES = 2, 50  # distinct values of a column that may name sites
_BROKEN = 0.1  # AUC that a column loses at the other site, from which it is named


def check_sites(
    frame: pl.DataFrame,
    schema: Schema,
    sites: Sequence[str] | None = None,
    *,
    model: MakeClassifier = forest,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Leave out one site at a time: does what was learned at the others hold there?

    For each value of a metadata column (hospital, scanner, labeller, source), a model is judged
    by folds among all other values (which is what a report would claim), and then on the value
    that was left out. The finding is about the value where the two differ most, and names the
    columns whose own AUC breaks there.

    Args:
        frame: The rows.
        schema: With a label, and features if not all columns are.
        sites: Columns that name sites; None takes the columns with the roles group and slice
            that have 2 to 50 values.
        model: Makes the model that is judged, in scikit-learn's manner, from a seed.
        rng: Generator or seed.

    Returns:
        One finding a column. It fails if the inflation is 0.1 AUC or more at the lower end of its
        interval, warns from 0.03; unknown if fewer than two values have 100 labelled rows.

    Example:
        >>> from homeostat.core import Column
        >>> draw = np.random.default_rng(0)
        >>> ill, hospital = draw.integers(0, 2, 3000), np.repeat(["A", "B"], 1500)
        >>> sent = np.where(draw.random(3000) < 0.9, ill, 1 - ill)
        >>> scanner = np.where(hospital == "A", sent, draw.integers(0, 2, 3000))
        >>> frame = pl.DataFrame({"hospital": hospital, "scanner": scanner, "ill": ill})
        >>> schema = Schema((Column("hospital", "string", {"group"}), Column("scanner", "int"),
        ...                  Column("ill", "int", {"label"})))
        >>> [found] = check_sites(frame, schema)
        >>> found.verdict.value, found.evidence["site"], found.evidence["broken"]
        ('fail', 'B', ['scanner'])
    """
    declared = [*schema.having(Role.GROUP), *schema.having(Role.SLICE)]
    columns = list(dict.fromkeys(declared if sites is None else sites))
    few, many = _VALUES
    if sites is None:
        columns = [
            name for name in columns if name in frame and few <= frame[name].n_unique() <= many
        ]
    draw = np.random.default_rng(rng)
    return [_judge(name, frame, schema, model, draw) for name in columns]


def _judge(
    site: str, frame: pl.DataFrame, schema: Schema, make: MakeClassifier, rng: np.random.Generator
) -> Finding:
    truth = truth_of(frame, schema.label).values
    known = frame[site].is_not_null().to_numpy() & ~np.isnan(truth)
    rows = np.sort(rng.permutation(np.flatnonzero(known))[: 3 * _ROWS])
    names = model_columns(frame, schema, (site,))
    label = truth[rows]
    where = frame[site][rows].cast(pl.String)
    large = [v for v in where.value_counts(sort=True)[site].to_list() if _enough(where, v, label)]
    if len(large) < 2 or not names:
        return _unknown(site)
    x = matrix(frame.select(names)[rows], names)
    found: list[tuple[Inflation, str]] = []
    for value in large[:_SITES]:
        worth = _left_out(x, label, (where == value).to_numpy(), make, rng)
        if worth is not None:
            found.append((worth, value))
    if not found:
        return _unknown(site)
    worth, value = max(found, key=lambda one: one[0].interval.low)
    inside = (where == value).to_numpy()
    broken = _broken(frame.select(names)[rows], label, inside) if worth.interval.low > _SOME else []
    return _finding(site, value, worth, broken, len(found))


def _enough(where: pl.Series, value: str, label: Floats) -> bool:
    held = label[(where == value).to_numpy()]
    return bool(held.size >= _FEWEST and min(held.sum(), held.size - held.sum()) >= 20)


def _left_out(
    x: Floats,
    label: Floats,
    inside: NDArray[np.bool_],
    make: MakeClassifier,
    rng: np.random.Generator,
) -> Inflation | None:
    """Judge among the other sites by folds, then on the one that was left out."""
    others = rng.permutation(np.flatnonzero(~inside))[:_ROWS]
    there = rng.permutation(np.flatnonzero(inside))[:_ROWS]
    seed = int(rng.integers(2**31 - 100))
    folds = [(others[a], others[b]) for a, b in shuffled(label[others], rng)]
    claimed = judge(x, label, folds, make=make, seed=seed, most=TELLING)
    honest = judge(x, label, [(others, there)], make=make, seed=seed, most=TELLING)
    return weigh(claimed, honest, paired=False) if claimed and honest else None


def _broken(columns: pl.DataFrame, label: Floats, inside: NDArray[np.bool_]) -> list[str]:
    """Name columns whose table, made at the other sites, tells less where one was left out."""
    others = np.flatnonzero(~inside)
    order = np.concatenate([others, np.flatnonzero(inside)])
    halves = Halves(label[order], others.size)
    lost = {}
    for column in columns[order].iter_columns():
        table = Table.make(column_codes(column, halves.cut, bins=32), halves)
        claimed = auc(halves.label[: halves.cut], table.score[: halves.cut]) or 0.5
        lost[column.name] = claimed - table.auc
    return sorted((n for n, gap in lost.items() if gap >= _BROKEN), key=lambda n: -lost[n])


def _finding(site: str, value: str, worth: Inflation, broken: list[str], sites: int) -> Finding:
    low = worth.interval.low
    verdict = Verdict.FAIL if low >= _HARM else Verdict.WARN if low >= _SOME else Verdict.OK
    named = f" through {', '.join(broken[:3])}" if broken else ""
    return Finding(
        check="leakage.sites",
        subject=site,
        verdict=verdict,
        statistic=low,
        threshold=_HARM,
        effect=worth.value,
        summary=(
            f"What is learned at the other {site}s holds for {value}: {worth}."
            if verdict is Verdict.OK
            else f"What is learned at the other {site}s does not hold for {value}{named}: {worth}."
        ),
        evidence={"site": value, "sites": sites, "broken": broken, **worth.evidence()},
    )


def _unknown(site: str) -> Finding:
    return Finding(
        check="leakage.sites",
        subject=site,
        verdict=Verdict.UNKNOWN,
        summary=f"Fewer than two values of {site} have {_FEWEST} labelled rows and both classes.",
    )
