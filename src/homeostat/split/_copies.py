"""Copies: the same row in training and in what it is judged on."""

from __future__ import annotations

import numpy as np
import polars as pl

from homeostat.core import Finding, Role, Schema, Verdict
from homeostat.split._splits import Splits

__all__ = ["check_copies"]

_MANY = 0.01  # share of judged rows with a copy from which the split fails
_CHANCE = 0.01  # equal training rows expected by coincidence, up to which equality means a copy
_SAMPLE = 10_000  # rows from which coincidence is estimated


def check_copies(splits: Splits, frame: pl.DataFrame, schema: Schema) -> Finding:
    """Count rows of validation and test whose exact copy is in training.

    Keys and times are set aside, so that a row entered twice under two keys is found too. Where
    columns are so few and coarse that rows are equal by coincidence, whole rows are compared.
    """
    aside = {*schema.key, *schema.having(Role.TIME)}
    content = [
        name for name in frame.columns if name not in aside and not frame.schema[name].is_temporal()
    ]
    if not content or _coincidence(frame.select(content)) * splits.train.sum() > _CHANCE:
        content = frame.columns
    values = frame.select(content).hash_rows().to_numpy()
    judged = splits.validation | splits.test
    copied = judged & np.isin(values, values[splits.train])
    share = float(copied.sum() / judged.sum())
    verdict = Verdict.FAIL if share >= _MANY else Verdict.WARN if share > 0 else Verdict.OK
    if verdict is Verdict.OK:
        summary = f"None of {judged.sum():,} judged rows has a copy in training."
    else:
        summary = (
            f"{copied.sum():,} of {judged.sum():,} judged rows ({share:.1%}) have an exact copy in "
            "training: remove duplicates before the split, resample only training rows."
        )
    return Finding(
        check="leakage.duplicates",
        subject="split",
        verdict=verdict,
        statistic=share,
        threshold=_MANY,
        effect=share,
        summary=summary,
        evidence={
            "compared": content,
            "copies": int(copied.sum()),
            "example_rows": np.flatnonzero(copied)[:5].tolist(),
        },
    )


def _coincidence(frame: pl.DataFrame) -> float:
    """Return the chance that two rows are equal if columns were independent."""
    sample = frame.gather_every(max(1, frame.height // _SAMPLE))
    rows = max(sample.height, 2)
    chance = 1.0
    for column in sample.iter_columns():
        count = column.alias("value").value_counts()["count"]
        equal = int((count.cast(pl.Int64) * (count.cast(pl.Int64) - 1)).sum())
        chance *= max(equal, 1) / (rows * (rows - 1))
    return chance
