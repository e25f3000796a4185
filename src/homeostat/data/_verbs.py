"""Steps that Polars has no single verb for: they say what they dropped and what they missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from homeostat.core import Finding, InputError, SchemaError, Verdict, suggest
from homeostat.data._column_lineage import traced_as
from homeostat.data._quarantine import as_text, rejected_rows

__all__ = ["deduplicate", "left_join", "quarantine"]

_MATCHED = "homeostat matched"
_EXAMPLES = 5

Keys = str | Sequence[str] | Mapping[str, str]


def deduplicate(
    frame: pl.LazyFrame,
    *,
    by: Sequence[str] | None = None,
    keep: Literal["first", "last"] = "first",
) -> tuple[pl.LazyFrame, list[Finding]]:
    """Keep one row of each key, in order, and say how many went; nulls equal nulls.

    Rows that go although they differ from the kept one are a warning: then the key is not a key,
    or one of the rows is wrong.

    Args:
        frame: The rows.
        by: Columns of the key; all by default.
        keep: Which of equal rows stays.

    Raises:
        SchemaError: If a column of the key does not exist.

    Example:
        >>> rows = pl.LazyFrame({"id": [1, 1, 2, 2], "x": [5, 5, 6, 7]})
        >>> kept, (found,) = deduplicate(rows, by=["id"])
        >>> kept.collect().height, found.summary
        (2, '2 of 4 rows dropped as duplicates by id; 1 of them differ from the row that stays.')
    """
    names = frame.collect_schema().names()
    for name in by or ():
        if name not in names:
            raise SchemaError(f"There is no column `{name}` to tell rows by.{suggest(name, names)}")
    rows = frame.collect()
    kept = rows.unique(subset=by, keep=keep, maintain_order=True)
    dropped = rows.height - kept.height
    differing = rows.n_unique() - kept.height if by and rows.height else 0
    key = ", ".join(by) if by else "all columns"
    more = f"; {differing:,} of them differ from the row that stays" if differing else ""
    found = Finding(
        check="step.deduplicate",
        subject=key,
        verdict=Verdict.WARN if differing else Verdict.OK,
        summary=f"{dropped:,} of {rows.height:,} rows dropped as duplicates by {key}{more}.",
        statistic=differing,
        threshold=0,
        evidence={"rows": rows.height, "dropped": dropped, "differing": differing},
    )
    return kept.lazy(), [found]


def left_join(
    left: pl.LazyFrame, right: pl.LazyFrame, *, on: Keys, max_unmatched: float = 0.05
) -> tuple[pl.LazyFrame, list[Finding]]:
    """Add the columns of ``right`` to each row of ``left``; rows are neither lost nor multiplied.

    Args:
        left: The rows, whose order and number stay.
        right: At most one row a key.
        on: Columns of the key, or a mapping from their names on the left to those on the right.
        max_unmatched: Share of rows that may find no partner before the finding warns.

    Raises:
        SchemaError: If a key occurs more than once on the right, a column of it does not exist,
            or both sides have a further column of the same name.

    Example:
        >>> trips = pl.LazyFrame({"city": ["Graz", "Linz", "Graz"]})
        >>> cities = pl.LazyFrame({"city": ["Graz"], "people": [300_000]})
        >>> joined, (found,) = left_join(trips, cities, on="city")
        >>> joined.collect().height, found.verdict, found.statistic
        (3, <Verdict.WARN: 'warn'>, 0.3333333333333333)
    """
    keys = _keys(on)
    _refuse_clash(left, right, keys)
    partners = right.with_columns(pl.lit(value=True).alias(_MATCHED)).collect()
    _refuse_repeated(partners, list(keys.values()))
    joined = left.join(
        partners.lazy(),
        left_on=list(keys),
        right_on=list(keys.values()),
        how="left",
        maintain_order="left",
    ).collect()
    alone = joined.filter(pl.col(_MATCHED).is_null()).select(list(keys))
    share = alone.height / joined.height if joined.height else 0.0
    key = ", ".join(keys)
    verdict = Verdict.OK if share <= max_unmatched else Verdict.WARN
    found = Finding(
        check="step.left_join",
        subject=key,
        verdict=verdict if joined.height else Verdict.UNKNOWN,
        summary=f"{alone.height:,} of {joined.height:,} rows ({share:.2%}) found no partner "
        f"by {key}.",
        statistic=share,
        threshold=max_unmatched,
        evidence={"unmatched": alone.height, "examples": alone.unique().head(_EXAMPLES).to_dicts()},
    )
    return joined.drop(_MATCHED).lazy(), [found]


def _keys(on: Keys) -> dict[str, str]:
    if isinstance(on, Mapping):
        return dict(on)
    names = [on] if isinstance(on, str) else on
    return {name: name for name in names}


def _refuse_clash(left: pl.LazyFrame, right: pl.LazyFrame, keys: Mapping[str, str]) -> None:
    ours, theirs = left.collect_schema().names(), right.collect_schema().names()
    for side, names, wanted in (("left", ours, keys), ("right", theirs, keys.values())):
        for name in wanted:
            if name not in names:
                raise SchemaError(f"The {side} side has no `{name}`.{suggest(name, names)}")
    if both := sorted(set(ours) & set(theirs) - set(keys.values())):
        raise SchemaError(f"Both sides have {', '.join(both)}: rename or drop them on one side.")


def _refuse_repeated(partners: pl.DataFrame, keys: list[str]) -> None:
    """Refuse a right side on which some key would multiply rows; null keys match nothing."""
    known = partners.select(keys).drop_nulls()
    repeated = known.filter(known.is_duplicated()).unique(maintain_order=True)
    if repeated.height:
        raise SchemaError(
            f"A left join must not multiply rows: {repeated.height:,} keys occur more than once on "
            f"the right, such as {repeated.row(0, named=True)}. Aggregate or deduplicate it first."
        )


def quarantine(
    frame: pl.LazyFrame, *, keep: pl.Expr, reason: str
) -> tuple[pl.LazyFrame, list[Finding], pl.DataFrame]:
    """Keep the rows for which a condition holds; the others are put aside with a reason.

    Used as a step, the rows put aside are the dataset's ``rejected``, kept with it in the cache.

    Args:
        frame: The rows.
        keep: What must hold; where it is null, it does not.
        reason: Why the others are put aside, such as ``"a delay of more than a day"``.

    Raises:
        InputError: If the condition is not one truth value a row.

    Example:
        >>> rides = pl.LazyFrame({"km": [1, -2]})
        >>> kept, (found,), aside = quarantine(rides, keep=pl.col("km") > 0, reason="no length")
        >>> found.summary, aside.row(0)
        ('1 of 2 rows (50.00%) put aside: no length.', ('', 2, None, 'no length', '{"km":-2}'))
    """
    rows = frame.collect()
    held = rows.select(keep.alias(_MATCHED)).to_series().fill_null(value=False)
    if held.dtype != pl.Boolean or held.len() != rows.height:
        raise InputError(
            f"`keep` is one truth value a row, got {held.len():,} of {held.dtype} for "
            f"{rows.height:,} rows."
        )
    bad = rows.filter(~held)
    lines = (~held).arg_true().cast(pl.Int64) + 1
    aside = rejected_rows(
        [(line, None, reason, text) for line, text in zip(lines, as_text(bad), strict=True)]
    )
    share = bad.height / rows.height if rows.height else 0.0
    verdict = Verdict.WARN if bad.height else Verdict.OK
    found = Finding(
        check="step.quarantine",
        subject=reason,
        verdict=verdict if rows.height else Verdict.UNKNOWN,
        summary=f"{bad.height:,} of {rows.height:,} rows ({share:.2%}) put aside: {reason}.",
        statistic=share,
        threshold=0.0,
        evidence={
            "rows": rows.height,
            "rejected": bad.height,
            "examples": aside["text"].head(_EXAMPLES).to_list(),
        },
    )
    return rows.filter(held).lazy(), [found], aside


def _joined(
    left: pl.LazyFrame, right: pl.LazyFrame, *, on: Keys, max_unmatched: float = 0.05
) -> pl.LazyFrame:
    del max_unmatched  # it decides a verdict, no row
    keys = _keys(on)
    return left.join(right, left_on=list(keys), right_on=list(keys.values()), how="left")


def _unique(
    frame: pl.LazyFrame,
    *,
    by: Sequence[str] | None = None,
    keep: Literal["first", "last"] = "first",
) -> pl.LazyFrame:
    return frame.unique(subset=by, keep=keep, maintain_order=True)


def _filtered(frame: pl.LazyFrame, *, keep: pl.Expr, reason: str) -> pl.LazyFrame:
    del reason
    return frame.filter(keep)


traced_as(left_join, _joined)
traced_as(deduplicate, _unique)
traced_as(quarantine, _filtered)
