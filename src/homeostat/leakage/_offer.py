"""What is offered to the model, and the sample of rows on which it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import (
    Finding,
    InputError,
    Role,
    Schema,
    SchemaError,
    Verdict,
    require_columns,
)
from homeostat.leakage._evidence import Evidence
from homeostat.leakage._label import earlier_labels, truth_of
from homeostat.leakage._screen import Screened, screen
from homeostat.leakage._tables import Floats, Halves

__all__ = ["Offer", "offer"]

_BLOCKS = 40  # stretches of time that count as independent
_FEWEST = 50  # rows of each class in each half


@dataclass(frozen=True, slots=True)
class Offer:
    """Columns offered to the model, and those of them that no rule vouches for."""

    label: str
    time: str
    features: tuple[str, ...]
    suspects: tuple[str, ...]
    groups: tuple[str, ...] = ()

    def evidence(
        self, frame: pl.DataFrame, *, max_rows: int, rng: np.random.Generator | int
    ) -> tuple[Evidence, Screened] | Finding:
        """Sample labelled rows, the earlier half first; a finding says if there are too few.

        Of very many columns, only those that a first look chose are in the evidence.
        """
        rng = np.random.default_rng(rng)
        truth = truth_of(frame, self.label).values
        rows = rng.permutation(np.flatnonzero(~np.isnan(truth)))[:max_rows]
        blocks = None
        if self.time:
            at = frame[self.time].to_physical().to_numpy()
            rows = rows[np.argsort(at[rows], kind="stable")]
            blocks = (np.arange(rows.size) * _BLOCKS // max(rows.size, 1)).astype(np.intp)
        halves = Halves(truth[rows], rows.size // 2)
        parts = halves.label[: halves.cut], halves.label[halves.cut :]
        fewest = min(min(part.sum(), part.size - part.sum()) for part in parts)
        if fewest >= _FEWEST:
            screened = screen(frame.select(self.features)[rows], halves.label, rng)
            columns = frame.select(screened.chosen)[rows]
            return Evidence(columns, halves, self._past(frame, truth, rows), blocks), screened
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

    def _past(
        self, frame: pl.DataFrame, truth: Floats, rows: NDArray[np.intp]
    ) -> list[tuple[Floats, Floats]]:
        if not self.time:
            return []
        return earlier_labels(truth, frame[self.time], [frame[name] for name in self.groups], rows)


def offer(
    frame: pl.DataFrame,
    schema: Schema | None,
    *,
    features: Sequence[str] | None,
    label: str,
    time: str,
) -> Offer:
    """Read from the schema, where there is one, what was not said."""
    ruled: set[str] = set()
    groups: tuple[str, ...] = ()
    if schema is not None:
        label = label or schema.label
        time = time or next(iter(schema.having(Role.TIME)), "")
        features = schema.features if features is None else features
        ruled = {column.name for column in schema.columns if column.known_at}
        groups = tuple(name for name in schema.having(Role.GROUP) if name in frame.columns)
    if not label or not features:
        raise InputError(
            "Say what is predicted from what: give a schema, or `label` and `features`."
        )
    offered = tuple(name for name in features if name != label)
    time = time or _only_time(frame)
    require_columns(frame, [label, *offered, *([time] if time else [])])
    kinds = frame.schema
    for name in offered:
        if kinds[name].is_nested() or kinds[name] in {pl.Binary, pl.Object}:
            raise SchemaError(f"A feature holds one value a row, `{name}` is {kinds[name]}.")
    suspects = tuple(name for name in offered if name not in ruled)
    return Offer(label, time, offered, suspects, groups)


def _only_time(frame: pl.DataFrame) -> str:
    """Return the one column of instants without nulls, if there is one only."""
    times = [
        name
        for name, dtype in frame.schema.items()
        if isinstance(dtype, (pl.Date, pl.Datetime)) and not frame[name].null_count()
    ]
    return times[0] if len(times) == 1 and frame.height else ""
