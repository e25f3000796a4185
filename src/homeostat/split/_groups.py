"""Groups: rows of one patient, device or plane on both sides of a split."""

from __future__ import annotations

import numpy as np
import polars as pl

from homeostat.core import Finding, Role, Schema, Verdict
from homeostat.split._offer import binary
from homeostat.split._splits import Splits
from homeostat.split._tables import Halves, Table, column_codes
from homeostat.stats import auc

__all__ = ["check_groups"]

_TELLING = 0.6  # AUC on the test rows from which knowing the group tells the label
_SHRINK = 5.0  # rows at the base rate that each group's rate is mixed with
_FEWEST = 100  # test rows of a group that training has seen


def check_groups(
    splits: Splits, frame: pl.DataFrame, schema: Schema, *, forward: bool
) -> list[Finding]:
    """Judge declared groups, and columns that look like identifiers."""
    declared = schema.having(Role.GROUP)
    if forward:
        return [
            _finding(
                name, Verdict.OK, f"The split is by time, so {name} may come back as it does live."
            )
            for name in declared
        ]
    aside = {schema.label, *schema.having(Role.TIME), *declared}
    alike = [name for name in frame.columns if name not in aside and _many_few(frame[name])]
    truth = pl.Series(binary(frame, schema.label)).fill_nan(None)
    found = [_judge(name, splits, frame, truth) for name in declared]
    maybe = [_judge(name, splits, frame, truth) for name in alike]
    return [
        *found,
        *(
            one
            for one in maybe
            if one.verdict is Verdict.FAIL and _names(one, splits, frame, truth)
        ),
    ]


def _many_few(column: pl.Series) -> bool:
    """Say whether a column has many values (at least the root of the rows), each a few times."""
    if not (column.dtype.is_integer() or column.dtype in {pl.String, pl.Categorical}):
        return False
    distinct = column.n_unique()
    return bool(max(20.0, len(column) ** 0.5) <= distinct <= len(column) / 2)


def _names(told: Finding, splits: Splits, frame: pl.DataFrame, truth: pl.Series) -> bool:
    """Say whether numbers are names, so that the very one tells more than those near it."""
    column = frame[told.subject]
    if not column.dtype.is_integer() or told.statistic is None:
        return True
    known = truth.is_not_null().to_numpy()
    rows = [np.flatnonzero(mask & known) for mask in (splits.train, splits.test)]
    order = np.concatenate(rows)
    halves = Halves(truth.to_numpy()[order], rows[0].size)
    bins = min(64, max(2, column.n_unique() // 10))
    near = Table.make(column_codes(column[order], halves.cut, bins=bins), halves)
    return told.statistic - near.auc >= _TELLING - 0.5


def _judge(name: str, splits: Splits, frame: pl.DataFrame, truth: pl.Series) -> Finding:
    rows = pl.DataFrame({"group": frame[name], "label": truth}).with_columns(
        test=pl.Series(splits.test), train=pl.Series(splits.train)
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
