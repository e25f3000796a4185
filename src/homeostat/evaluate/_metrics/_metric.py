"""What a metric is once measured, and a list of them as text and as a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from homeostat.core import InputError, suggest
from homeostat.stats import Interval

__all__ = ["SYMMETRIC", "Metric", "Metrics"]

SYMMETRIC = frozenset({
    "accuracy", "auc", "balanced_accuracy", "brier", "kappa", "logloss", "mcc",
    "normalized_entropy", "accuracy_top", "auc_ovo_macro", "auc_ovr_macro", "auc_ovr_weighted",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: None where the rows do not define it, no interval where they are too few.

    Args:
        name: What people call it.
        value: The estimate.
        interval: Where the truth lies, at the level that was asked.
        n: How many rows it is of.
        of: The class it is of; None is all of them.
        n_blocks: How many independent blocks the interval stands on.
        method: How the interval was made, such as ``"wilson"``, ``"delta"``, ``"bootstrap"``.
        note: What makes the rows a special case; empty where they are none.
    """

    name: str
    value: float | None
    interval: Interval | None
    n: int
    of: Any = None
    n_blocks: int = 0
    method: str = ""
    note: str = ""

    @property
    def symmetric(self) -> bool:
        """Whether it stays as it is when the classes change places.

        A ranking of models by one that does not is a ranking for the class that was called 1.
        """
        return self.of is None and self.name.partition("_top")[0] in SYMMETRIC

    def __str__(self) -> str:
        value = "undefined" if self.value is None else f"{self.value:.4g}"
        name = self.name if self.of is None else f"{self.name}[{self.of}]"
        return f"{name} {value} {self.interval or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics in order; ``found["auc"]`` or ``found["recall", "cat"]`` picks one."""

    rows: tuple[Metric, ...]

    def __iter__(self) -> Iterator[Metric]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: int | str | tuple[str, Any]) -> Metric:
        if isinstance(key, int):
            return self.rows[key]
        name, of = (key, None) if isinstance(key, str) else key
        for row in self.rows:
            if row.name == name and row.of == of:
                return row
        near = suggest(name, [row.name for row in self.rows])
        raise InputError(f"There is no metric `{name}` of {of!r} here.{near}")

    def __str__(self) -> str:
        return "\n".join(f"{row}{f'  ({row.note})' if row.note else ''}" for row in self.rows)

    def frame(self) -> pl.DataFrame:
        """Return a row a metric: name, of, value, low, high, n_rows, n_blocks, method, note."""
        return pl.DataFrame(
            {
                "metric": [row.name for row in self.rows],
                "of": [None if row.of is None else str(row.of) for row in self.rows],
                "value": [row.value for row in self.rows],
                "low": [None if row.interval is None else row.interval.low for row in self.rows],
                "high": [None if row.interval is None else row.interval.high for row in self.rows],
                "n_rows": [row.n for row in self.rows],
                "n_blocks": [row.n_blocks for row in self.rows],
                "method": [row.method for row in self.rows],
                "symmetric": [row.symmetric for row in self.rows],
                "note": [row.note for row in self.rows],
            },
            schema_overrides={
                "of": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
            },
        )  # fmt: skip
