"""Which classes a model takes for which, and examples of each confusion."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homeostat.core import InputError, suggest
from homeostat.media._collect import collected
from homeostat.media._compile import compile_filter, compile_formula

__all__ = ["confusions"]

_ROW, _TRUTH, _GUESS = "\0row", "\0truth", "\0guess"


def confusions(
    lazy: pl.LazyFrame, truth: str, guess: str, *, examples: int, show: Sequence[str]
) -> pl.DataFrame:
    """Count confusions; see `TableView.confusions`."""
    schema = lazy.collect_schema()
    for name in show:
        if name not in schema:
            raise InputError(f"There is no column `{name}` to show.{suggest(name, schema)}")
    if examples < 0:
        raise InputError(f"The number of examples is 0 or more, got {examples}.")
    compile_filter(f"({truth}) == ({guess})", schema)  # refuses what cannot be compared
    classes = lazy.with_row_index(_ROW).with_columns(
        compile_formula(truth, schema).alias(_TRUTH), compile_formula(guess, schema).alias(_GUESS)
    )
    classes = classes.filter(pl.col(_TRUTH).is_not_null())
    totals = classes.group_by(_TRUTH).agg(pl.len().alias("\0of"))
    wrong = classes.filter(pl.col(_TRUTH).ne_missing(pl.col(_GUESS)))
    counts = wrong.group_by(_TRUTH, _GUESS).agg(
        pl.len().cast(pl.Int64).alias("count"), pl.col(_ROW).head(examples).alias("examples")
    )
    counts = counts.join(totals, on=_TRUTH, how="left").select(
        pl.col(_TRUTH).alias("truth"),
        pl.col(_GUESS).alias("guess"),
        "count",
        (pl.col("count") / pl.col("\0of")).alias("share"),
        "examples",
    )
    found = collected(counts.sort("count", "truth", "guess", descending=[True, False, False]))
    return _with_examples(found, lazy, show)


def _with_examples(found: pl.DataFrame, lazy: pl.LazyFrame, show: Sequence[str]) -> pl.DataFrame:
    """Fetch what is shown of the example rows, and of no others."""
    rows = found["examples"].explode().drop_nulls().unique()
    wanted = lazy.with_row_index(_ROW).filter(pl.col(_ROW).is_in(rows.implode()))
    shown = collected(wanted.select(pl.col(_ROW).alias("row"), *show)).sort("row")
    structs = shown.select(pl.col("row").alias(_ROW), pl.struct(pl.all()).alias("example"))
    listed = (
        found.lazy()
        .with_row_index("\0place")
        .select("\0place", pl.col("examples").alias(_ROW))
        .explode(_ROW)
        .join(structs.lazy(), on=_ROW, how="inner")
        .sort("\0place", _ROW)
        .group_by("\0place", maintain_order=True)
        .agg(pl.col("example").alias("examples"))
    )
    kept = found.lazy().with_row_index("\0place").drop("examples")
    joined = kept.join(listed, on="\0place", how="left", maintain_order="left").drop("\0place")
    return collected(joined)
