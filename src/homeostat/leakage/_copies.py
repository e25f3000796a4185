"""Copies: the same row, or nearly, in training and in what it is judged on."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Role, Schema, Verdict
from homeostat.leakage._inflation import Inflation, told_worth
from homeostat.leakage._parts import Parts
from homeostat.leakage._probe import MakeClassifier
from homeostat.leakage._worth import worth_of_units

__all__ = ["check_copies"]

_MANY = 0.01  # share of judged rows with a copy from which the split fails
_CHANCE = 0.01  # equal training rows expected by coincidence, up to which equality means a copy
_SAMPLE = 10_000  # rows from which coincidence is estimated
_CLOSE = 3, 60  # fewest and most columns of which all but one may be equal
_HARM = 0.02  # AUC that near copies must add, at the lower end, to be reported

Hashes = NDArray[np.uint64]


def check_copies(
    splits: Parts,
    frame: pl.DataFrame,
    schema: Schema,
    *,
    make: MakeClassifier,
    rng: np.random.Generator,
) -> Finding:
    """Count rows of validation and test whose copy is in training, and price them.

    Keys and times are set aside, so that a row entered twice under two keys is found too. Where
    columns are so few and coarse that rows are equal by coincidence, whole rows are compared.
    Rows that are equal but for one column are near copies: they count if they are worth
    something, for two visits of one customer may look so by right.
    """
    content = _content(splits, frame, schema)
    values = frame.select(content).hash_rows().to_numpy()
    train, judged = splits.masks["train"], splits.masks["validation"] | splits.masks["test"]
    copied = judged & _among(values, values[train])
    share = float(copied.sum() / max(judged.sum(), 1))
    if share:
        worth = worth_of_units(frame, schema, values, make=make, rng=rng)
        verdict = Verdict.FAIL if share >= _MANY else Verdict.WARN
        return _finding(verdict, copied, judged, content, worth, kind="exact")
    if (unit := _near(frame, content)) is not None:
        near = judged & _among(unit, unit[train])
        if near.sum() >= _MANY * judged.sum():
            worth = worth_of_units(frame, schema, unit, make=make, rng=rng)
            if worth is not None and worth.interval.low >= _HARM:
                return _finding(Verdict.FAIL, near, judged, content, worth, kind="near")
    return _finding(Verdict.OK, copied, judged, content, None, kind="exact")


def _content(splits: Parts, frame: pl.DataFrame, schema: Schema) -> list[str]:
    """Return the columns whose equality means a copy; all of them where rows are coarse."""
    aside = {*schema.key, *schema.having(Role.TIME)}
    content = [
        name for name in frame.columns if name not in aside and not frame.schema[name].is_temporal()
    ]
    rows = int(splits.masks["train"].sum())
    if not content or _coincidence(frame.select(content)) * rows > _CHANCE:
        return frame.columns
    return content


def _near(frame: pl.DataFrame, content: list[str]) -> NDArray[np.uint64] | None:
    """Give rows that are equal but for one column the same number; None if that means nothing.

    The column left out is the one whose absence makes most rows equal: the sum of a hash a
    column, less one of them, is the hash of the rest, so each costs one pass.
    """
    few, many = _CLOSE
    if not few <= len(content) <= many:
        return None
    hashes = [frame.select(name).hash_rows(seed=i).to_numpy() for i, name in enumerate(content)]
    total: Hashes = np.sum(hashes, axis=0, dtype=np.uint64)
    best, unit = frame.height, None
    for name, one in zip(content, hashes, strict=True):
        rest = frame.select(other for other in content if other != name)
        if _coincidence(rest) * frame.height > _CHANCE:
            continue
        left = total - one
        if (distinct := pl.Series(left).n_unique()) < best:
            best, unit = distinct, left
    return unit


def _among(values: Hashes, others: Hashes) -> NDArray[np.bool_]:
    held: NDArray[np.bool_] = pl.Series(values).is_in(pl.Series(others).implode()).to_numpy()
    return held


def _finding(
    verdict: Verdict,
    copied: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    content: list[str],
    worth: Inflation | None,
    *,
    kind: str,
) -> Finding:
    share = float(copied.sum() / max(judged.sum(), 1))
    what = "an exact copy" if kind == "exact" else "a copy that differs in one column"
    summary = (
        f"None of {judged.sum():,} judged rows has a copy in training."
        if verdict is Verdict.OK
        else f"{copied.sum():,} of {judged.sum():,} judged rows ({share:.1%}) have {what} in "
        "training: remove duplicates before the split, resample only training rows"
        f"{told_worth(worth)}."
    )
    return Finding(
        check="leakage.duplicates",
        subject="split",
        verdict=verdict,
        statistic=share,
        threshold=_MANY,
        effect=worth.value if worth else None,
        summary=summary,
        evidence={
            "kind": kind,
            "compared": content,
            "copies": int(copied.sum()),
            "example_rows": np.flatnonzero(copied)[:5].tolist(),
            **(worth.evidence() if worth else {}),
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
