"""Groups: rows of one patient, device or plane on both sides of a split."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl

from homeostat.core import Finding, Role, Schema, Verdict
from homeostat.leakage._label import truth_of
from homeostat.leakage._parts import Cut, Parts
from homeostat.leakage._probe import MakeClassifier, forest
from homeostat.leakage._tables import Halves, Table, column_codes
from homeostat.leakage._worth import worth_of_units
from homeostat.stats import auc

__all__ = ["check_groups", "find_groups"]

_TELLING = 0.6  # AUC on the test rows from which knowing the group tells the label
_SHRINK = 5.0  # rows at the base rate that each group's rate is mixed with
_HARM = 0.01  # AUC that an undeclared group must be worth, at the lower end of its interval
_NAMED = re.compile(
    r"(^|_)(id|uid|uuid|key|patient|subject|user|customer|client|device|account|session|household)"
    r"s?(_|$)",
    re.IGNORECASE,
)
_FEWEST = 100  # test rows of a group that training has seen


def check_groups(
    splits: Parts,
    frame: pl.DataFrame,
    schema: Schema,
    *,
    forward: bool,
    make: MakeClassifier,
    rng: np.random.Generator,
) -> list[Finding]:
    """Judge declared groups, and columns that look like identifiers.

    A group fails if having seen it tells the label of its other rows and a model gains by it; a
    declared one by which nothing is gained warns. A column that nobody declared is reported only
    if it fails, and the very value tells more than values near it.
    """
    declared = schema.having(Role.GROUP)
    if forward:
        return [
            _finding(
                name, Verdict.OK, f"The split is by time, so {name} may come back as it does live."
            )
            for name in declared
        ]
    truth = pl.Series(truth_of(frame, schema.label).values).fill_nan(None)
    aside = {*schema.having(Role.LABEL), *schema.having(Role.TIME), *declared}
    alike = [name for name in frame.columns if name not in aside and _identifies(frame[name])]
    found = [_judge(name, splits, frame, truth) for name in declared]
    maybe = [_judge(name, splits, frame, truth) for name in alike]
    maybe = [
        one for one in maybe if one.verdict is Verdict.FAIL and _names(one, splits, frame, truth)
    ]
    priced = [
        _priced(one, frame, schema, make=make, rng=rng) if one.verdict is Verdict.FAIL else one
        for one in [*found, *maybe]
    ]
    return [one for one in priced if one.subject in declared or _costs(one)]


def find_groups(
    frame: pl.DataFrame,
    schema: Schema,
    *,
    model: MakeClassifier = forest,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Discover columns that must be kept whole when rows are split: patients, devices, users.

    Rows are parted at random as a wrong split would, and each column with many values that come
    back a few times is asked: does having seen its value tell the label of its other rows, more
    than values near it do, and what does a model gain by it? The gain is the inflation: folds of
    rows against folds of whole groups.

    Args:
        frame: The rows.
        schema: With a label; columns with the role group are judged whatever they look like.
        model: Makes the model that is judged, in scikit-learn's manner, from a seed.
        rng: Generator or seed.

    Returns:
        A failing finding for each group column; none where none is found.

    Example:
        >>> from homeostat.core import Column
        >>> draw = np.random.default_rng(0)
        >>> patient = np.repeat(np.arange(100), 10)
        >>> frame = pl.DataFrame({"patient": draw.permutation(100)[patient],
        ...                       "scan": draw.normal(size=100)[patient],
        ...                       "ill": draw.integers(0, 2, 100)[patient]})
        >>> schema = Schema((Column("patient", "int"), Column("scan", "float"),
        ...                  Column("ill", "int", {"label"})))
        >>> [(one.subject, one.verdict.value) for one in find_groups(frame, schema)]
        [('patient', 'fail')]
    """
    draw = np.random.default_rng(rng)
    place = draw.integers(0, 5, frame.height)
    masks = {"train": place < 3, "validation": place == 3, "test": place == 4}
    found = check_groups(Cut(masks), frame, schema, forward=False, make=model, rng=draw)
    return [one for one in found if one.verdict is Verdict.FAIL]


def _identifies(column: pl.Series) -> bool:
    """Say whether a column has many values, each in a few rows.

    Many is the root of the rows; for a column that is named as an identifier, ten.
    """
    if not (column.dtype.is_integer() or column.dtype in {pl.String, pl.Categorical}):
        return False
    distinct = column.n_unique()
    many = 10.0 if _NAMED.search(column.name) else max(20.0, len(column) ** 0.5)
    return bool(many <= distinct <= len(column) / 2)


def _costs(found: Finding) -> bool:
    """Say whether a model gains by having seen the group, beyond chance."""
    gained = found.evidence.get("inflation_interval")
    return isinstance(gained, list) and float(str(gained[0])) >= _HARM


def _priced(
    found: Finding,
    frame: pl.DataFrame,
    schema: Schema,
    *,
    make: MakeClassifier,
    rng: np.random.Generator,
) -> Finding:
    unit = frame[found.subject].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    name = found.subject
    worth = worth_of_units(frame, schema, unit, without=(name,), make=make, rng=rng)
    if worth is None:
        return found
    harmless = worth.interval.low < _HARM
    return replace(
        found,
        verdict=Verdict.WARN if harmless else found.verdict,
        effect=worth.value,
        summary=f"{found.summary.rstrip('.')} ({worth}).",
        evidence={**found.evidence, **worth.evidence()},
    )


def _names(told: Finding, splits: Parts, frame: pl.DataFrame, truth: pl.Series) -> bool:
    """Say whether numbers are names, so that the very one tells more than those near it."""
    column = frame[told.subject]
    if not column.dtype.is_integer() or told.statistic is None:
        return True
    known = truth.is_not_null().to_numpy()
    rows = [np.flatnonzero(mask & known) for mask in (splits.masks["train"], splits.masks["test"])]
    order = np.concatenate(rows)
    halves = Halves(truth.to_numpy()[order], rows[0].size)
    bins = min(64, max(2, column.n_unique() // 10))
    near = Table.make(column_codes(column[order], halves.cut, bins=bins), halves)
    return told.statistic - near.auc >= _TELLING - 0.5


def _judge(name: str, splits: Parts, frame: pl.DataFrame, truth: pl.Series) -> Finding:
    rows = pl.DataFrame({"group": frame[name], "label": truth}).with_columns(
        test=pl.Series(splits.masks["test"]), train=pl.Series(splits.masks["train"])
    )
    rows = rows.drop_nulls()
    train, test = rows.filter("train"), rows.filter("test")
    base = pl.lit(train["label"].mean())
    rate = (pl.col("label").sum() + _SHRINK * base) / (pl.len() + _SHRINK)
    seen = test.join(train.group_by("group").agg(rate=rate), on="group")
    share = seen.height / test.height if test.height else 0.0
    if seen.height < _FEWEST:
        verdict = Verdict.OK if not seen.height and test.height else Verdict.UNKNOWN
        summary = f"{seen.height} labelled test rows are of a {name} that training has seen."
        return _finding(name, verdict, summary)
    area = auc(seen["label"].to_numpy(), seen["rate"].to_numpy())
    if area is None:
        return _finding(name, Verdict.UNKNOWN, f"Test rows of a known {name} have one label only.")
    told = area >= _TELLING
    summary = (
        f"{share:.1%} of test rows are of a {name} that training has seen, and its rate there "
        f"reaches AUC {area:.3f}"
        + (", which a new one would not: keep groups whole." if told else ".")
    )
    verdict = Verdict.FAIL if told else Verdict.OK
    return _finding(
        name, verdict, summary, statistic=area, share=share, groups=train["group"].n_unique()
    )


def _finding(
    name: str,
    verdict: Verdict,
    summary: str,
    *,
    statistic: float | None = None,
    **evidence: float,
) -> Finding:
    return Finding(
        check="leakage.groups",
        subject=name,
        verdict=verdict,
        statistic=statistic,
        threshold=None if statistic is None else _TELLING,
        effect=None if statistic is None else statistic - 0.5,
        summary=summary,
        evidence=evidence,
    )
