"""Where one column comes from: the columns of the sources that its values and rows need.

A step is run once more over inputs without rows which note what is asked of them: Polars'
optimizer asks a source only for the columns that a result needs. So the answer is the plan's own,
whatever the step's code looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from homeostat.core import Json, SchemaError, suggest

if TYPE_CHECKING:
    from homeostat.data._dataset import Dataset

__all__ = ["ColumnLineage", "lineage_of_column", "traced_as"]

_STAND_INS: dict[Callable[..., object], Callable[..., pl.LazyFrame]] = {}
"""For steps that collect on the way: a lazy function of the same result."""

Needed = tuple[frozenset[str], ...]
"""Columns needed of each input."""


def traced_as(function: Callable[..., object], lazy: Callable[..., pl.LazyFrame]) -> None:
    """Have a step that collects its input be traced by a lazy function of the same result."""
    _STAND_INS[function] = lazy


@dataclass(frozen=True, slots=True)
class ColumnLineage:
    """A column, and the columns it is made of, back to the sources.

    Args:
        column: Its name.
        dataset: Name of the dataset it is a column of.
        step: The step that made the dataset; empty for a source.
        checksum: SHA-256 of the source, or digest of the step's result.
        location: Where the source is; empty for a step.
        inputs: Columns that its values are made of.
        rows: Columns that decide which rows there are and in what order, as of a filter, a
            sort or a join's key; its values may be made of them as well.
        known: Whether the step could be traced; if not, ``inputs`` are the columns of the same
            name, and it may be made of others too.
    """

    column: str
    dataset: str
    step: str
    checksum: str
    location: str = ""
    inputs: tuple[ColumnLineage, ...] = ()
    rows: tuple[ColumnLineage, ...] = ()
    known: bool = True

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Source and column, for each column of a source that its values are made of."""
        return tuple(dict.fromkeys(_leaves(self)))

    @property
    def row_sources(self) -> tuple[tuple[str, str], ...]:
        """Source and column, for each that decides its rows on the way, and not its values."""
        values = set(_leaves(self))
        return tuple(dict.fromkeys(one for one in _leaves(self, rows=True) if one not in values))

    @property
    def steps(self) -> tuple[str, ...]:
        """The datasets of the steps that its values pass, the latest first."""
        mine = (self.dataset,) if self.step else ()
        return tuple(dict.fromkeys((*mine, *(name for one in self.inputs for name in one.steps))))

    @property
    def traced(self) -> bool:
        """Whether every step on the way could be traced."""
        return self.known and all(one.traced for one in (*self.inputs, *self.rows))

    def to_json(self) -> dict[str, Json]:
        """Return the tree as a plain JSON object."""
        return {
            "column": self.column,
            "dataset": self.dataset,
            "step": self.step or None,
            "checksum": self.checksum,
            "location": self.location or None,
            "inputs": [one.to_json() for one in self.inputs],
            "rows": [one.to_json() for one in self.rows],
            "known": self.known,
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _leaves(tree: ColumnLineage, *, rows: bool = False) -> Iterator[tuple[str, str]]:
    if not tree.step:
        yield tree.dataset, tree.column
    for one in (*tree.inputs, *(tree.rows if rows else ())):
        yield from _leaves(one, rows=rows)


def _lines(tree: ColumnLineage) -> list[str]:
    by = ", ".join(dict.fromkeys(f"{one.dataset}.{one.column}" for one in tree.rows))
    about = f"{tree.step or tree.location}{'  rows by ' if by else ''}{by}"
    unsure = "" if tree.known else "  (could not be traced: it may need other columns)"
    lines = [f"{tree.dataset}.{tree.column}  {about}{unsure}  {tree.checksum[:12]}"]
    for number, one in enumerate(tree.inputs, start=1):
        last = number == len(tree.inputs)
        first, *rest = _lines(one)
        lines.append(f"{'└─' if last else '├─'} {first}")
        lines.extend(f"{'  ' if last else '│ '} {line}" for line in rest)
    return lines


def lineage_of_column(
    dataset: Dataset, column: str, seen: dict[tuple[int, str], ColumnLineage] | None = None
) -> ColumnLineage:
    """Return where a column of a dataset comes from; see `Dataset.column_lineage`."""
    seen = {} if seen is None else seen
    key = (id(dataset), column)
    if key not in seen:
        seen[key] = _of(dataset, column, seen)
    return seen[key]


def _of(dataset: Dataset, column: str, seen: dict[tuple[int, str], ColumnLineage]) -> ColumnLineage:
    names = dataset.lazy().collect_schema().names()
    if column not in names:
        raise SchemaError(
            f"Dataset `{dataset.name}` has no column `{column}`.{suggest(column, names)}"
        )
    if dataset.transform is None:
        source = dataset.source
        checksum, location = (source.sha256, source.location) if source else (dataset.digest, "")
        return ColumnLineage(column, dataset.name, "", checksum, location)
    trace = _trace(dataset, column, names)

    def back(needed: Needed) -> tuple[ColumnLineage, ...]:
        return tuple(
            lineage_of_column(one, name, seen)
            for one, some in zip(dataset.inputs, needed, strict=True)
            for name in one.lazy().collect_schema().names()
            if name in some
        )

    step = dataset.step_text
    found = (back(trace.values), back(trace.rows), trace.known)
    return ColumnLineage(column, dataset.name, step, dataset.digest, "", *found)


@dataclass(frozen=True, slots=True)
class _Trace:
    values: Needed
    rows: Needed
    known: bool


def _trace(dataset: Dataset, column: str, names: Sequence[str]) -> _Trace:
    """Ask the step's plan what a column needs."""
    inputs = [_Input(one.lazy().collect_schema()) for one in dataset.inputs]
    frame = _plan(dataset, inputs)
    if frame is None or column not in frame.collect_schema().names():
        return _by_name(column, inputs)
    try:
        needed = _needed(frame.select(column), inputs)
        counted = _needed(frame.select(pl.len()), inputs)
        others = [_needed(frame.select(name), inputs) for name in _others(names, column)]
    except Exception:  # noqa: BLE001 - a step's own code may not bear a frame without rows
        return _by_name(column, inputs)
    if needed == counted:
        needed = _surely(dataset, column, needed)
    rows = tuple(
        frozenset.intersection(mine, count, *(other[at] for other in others))
        for at, (mine, count) in enumerate(zip(needed, counted, strict=True))
    )
    values = tuple(mine - row for mine, row in zip(needed, rows, strict=True))
    if not any(values):
        same = tuple(row & {column} for row in rows)
        values = same if any(same) else rows
    return _Trace(values, rows, known=True)


def _surely(dataset: Dataset, column: str, needed: Needed) -> Needed:
    """Return what a column needs that needs no more than the number of rows does.

    To count rows, any column serves; which one is taken hangs on their order.
    """
    turned = [
        _Input(pl.Schema(reversed(one.lazy().collect_schema().items()))) for one in dataset.inputs
    ]
    frame = _plan(dataset, turned)
    again = needed if frame is None else _needed(frame.select(column), turned)
    return tuple(one & other for one, other in zip(needed, again, strict=True))


def _others(names: Sequence[str], column: str, most: int = 3) -> list[str]:
    """Return a few other columns; what all need decides the rows."""
    others = [name for name in names if name != column]
    return others[:most]


def _by_name(column: str, inputs: Sequence[_Input]) -> _Trace:
    same = tuple(frozenset({column} & set(one.schema)) for one in inputs)
    return _Trace(same, tuple(frozenset() for _ in inputs), known=False)


def _plan(dataset: Dataset, inputs: Sequence[_Input]) -> pl.LazyFrame | None:
    """Run the step over the inputs that take notes; None where it collected one."""
    step = dataset.transform
    if step is None:
        return None
    try:
        traced: Callable[..., Any] = _STAND_INS.get(step.function, step.function)
        made = traced(*(one.frame() for one in inputs), **step.arguments)
    except Exception:  # noqa: BLE001 - likewise
        return None
    frame = made[0] if isinstance(made, tuple) else made
    return frame if isinstance(frame, pl.LazyFrame) and not any(o.asked for o in inputs) else None


def _needed(frame: pl.LazyFrame, inputs: Sequence[_Input]) -> Needed:
    for one in inputs:
        one.asked.clear()
    frame.collect()
    return tuple(frozenset(one.asked) for one in inputs)


@dataclass(slots=True)
class _Input:
    """An input without rows that notes which of its columns are asked for."""

    schema: pl.Schema
    asked: set[str] = field(default_factory=set)

    def frame(self) -> pl.LazyFrame:
        from polars.io.plugins import register_io_source  # noqa: PLC0415 - only lineage needs it

        return register_io_source(self._read, schema=self.schema)

    def _read(
        self,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        rows: int | None,  # noqa: ARG002 - the signature is Polars'
        batch: int | None,  # noqa: ARG002 - likewise
    ) -> Iterator[pl.DataFrame]:
        self.asked.update(self.schema if columns is None else columns)
        if predicate is not None:
            self.asked.update(predicate.meta.root_names())
        empty = pl.DataFrame(schema=self.schema)
        yield empty if columns is None else empty.select(columns)
