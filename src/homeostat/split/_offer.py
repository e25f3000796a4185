"""What is offered to the model, and the sample of rows on which it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Role, Schema, SchemaError, Verdict, suggest
from homeostat.split._evidence import Evidence
from homeostat.split._tables import Floats, Halves

__all__ = ["Offer", "binary", "offer", "present"]

_FEWEST = 50  # rows of each class in each half


@dataclass(frozen=True, slots=True)
class Offer:
    """Columns offered to the model, and those of them that no rule vouches for."""

    label: str
    time: str
    features: tuple[str, ...]
    suspects: tuple[str, ...]

    def evidence(
        self, frame: pl.DataFrame, *, max_rows: int, rng: np.random.Generator | int
    ) -> Evidence | Finding:
        """Sample labelled rows, the earlier half first; a finding says if there are too few."""
        truth = binary(frame, self.label)
        rows = np.random.default_rng(rng).permutation(np.flatnonzero(~np.isnan(truth)))[:max_rows]
        if self.time:
            at = frame[self.time].to_physical().to_numpy()
            rows = rows[np.argsort(at[rows], kind="stable")]
        halves = Halves(truth[rows], rows.size // 2)
        parts = halves.label[: halves.cut], halves.label[halves.cut :]
        fewest = min(min(part.sum(), part.size - part.sum()) for part in parts)
        if fewest >= _FEWEST:
            return Evidence(frame.select(self.features)[rows], halves)
        return Finding(
            check="leakage.scan",
            subject="features",
            verdict=Verdict.UNKNOWN,
            statistic=float(fewest),
            threshold=float(_FEWEST),
            summary=(
                f"A search for leaks needs {_FEWEST} rows of each class in both halves of the "
                f"rows, there are {fewest:.0f}."
            ),
        )


def offer(
    frame: pl.DataFrame,
    schema: Schema | None,
    *,
    features: Sequence[str] | None,
    label: str,
    time: str,
) -> Offer:
    """Read from the schema, where there is one, what was not said."""
    ruled = set()
    if schema is not None:
        label = label or schema.label
        time = time or next(iter(schema.having(Role.TIME)), "")
        features = schema.features if features is None else features
        ruled = {column.name for column in schema.columns if column.known_at}
    if not label or not features:
        raise InputError(
            "Say what is predicted from what: give a schema, or `label` and `features`."
        )
    offered = tuple(name for name in features if name != label)
    present(frame, [label, *offered, *([time] if time else [])])
    for name in offered:
        if frame.schema[name].is_nested() or frame.schema[name] in {pl.Binary, pl.Object}:
            raise SchemaError(f"A feature holds one value a row, `{name}` is {frame.schema[name]}.")
    return Offer(label, time, offered, tuple(name for name in offered if name not in ruled))


def binary(frame: pl.DataFrame, label: str) -> Floats:
    """Return a label of 0 and 1 as floats, NaN where it is null."""
    column = frame[label]
    values = column.drop_nulls().unique().sort().to_list()
    if not set(values) <= {0, 1}:
        raise InputError(
            f"A label must be 0 or 1, `{label}` holds {values[:5]}: derive one, such as `x > 15`."
        )
    return column.cast(pl.Float64).to_numpy()


def present(frame: pl.DataFrame, names: Sequence[str]) -> None:
    """Raise SchemaError, with the nearest name, if a column is missing."""
    for name in names:
        if name not in frame.columns:
            raise SchemaError(f"The frame has no column `{name}`.{suggest(name, frame.columns)}")
