"""Random splits: for rows that have no order in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, RowSet, TrackedRows, require_columns
from homeostat.core._row_ids import mix
from homeostat.split._allot import allot
from homeostat.split._copies import Copies
from homeostat.split._identity import Identity
from homeostat.split._kept import judge_parts
from homeostat.split._links import column_codes, components
from homeostat.split._splits import Splits

__all__ = ["Draw", "random_split"]

_BINS = 10  # of a number by which rows are shared out
_FEW = 20  # distinct numbers up to which each is a class of its own


def random_split(
    frame: pl.DataFrame | TrackedRows,
    *,
    validation: float = 0.2,
    test: float = 0.2,
    rng: np.random.Generator | int,
    stratify: str | Sequence[str] | None = None,
    groups: Sequence[str] = (),
    copies: Copies | Sequence[Copies] = (),
    key: Sequence[str] = (),
    stable: bool = False,
) -> Splits:
    """Part rows at random, evenly over columns' values, with groups and copies kept whole.

    A row's part depends on the seed and on what the row holds (on its key, where one is given),
    not on where it is in the frame. Where rows are ordered in time this flatters: the model
    sees the hour before and the hour after each test row. `leakage.check_split` measures it;
    `by_time` avoids it.

    Args:
        frame: The rows. Of tracked rows those that were copied or made come into training if
            all they were made of does, else into no part.
        validation: Share of the rows for validation.
        test: Share of the rows for the test.
        rng: Generator or seed.
        stratify: Columns whose values are shared out evenly: the count of each combination of
            values in each part is its share of the whole, to within one row. Numbers with more
            than 20 values are cut at their deciles. With ``groups``, as evenly as they allow.
        groups: Columns of identifiers. Rows that share a value in any of them, or are linked
            through other rows, stay together. Shares are of rows, as near as whole groups come.
        copies: Copies that stay together, from `exact_copies`, `similar_texts` or `close_rows`.
        key: Columns that say which row it is; rows with one key stay together.
        stable: Whether a row keeps its part when rows are added later; shares are then met on
            average only, and nothing can be stratified.

    Returns:
        Splits, whose ``findings`` say where shares or classes could not be met.

    Raises:
        InputError: If shares do not fit, or there are fewer groups than parts.
        SchemaError: If a column is missing.

    Example:
        >>> frame = pl.DataFrame({"id": range(100), "late": [0, 1] * 50})
        >>> splits = random_split(frame, rng=0, stratify="late", key=["id"])
        >>> splits.take("test", frame)["late"].value_counts(sort=True)["count"].to_list()
        [10, 10]
    """
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise InputError(
            f"Shares must be positive and leave rows for training, got {validation} and {test}."
        )
    draw = Draw.of(frame, stratify=stratify, groups=groups, copies=copies, key=key)
    shares = (1 - validation - test, validation, test)
    seed = seed_of(rng)
    if stable:
        part = draw.stable(shares, seed)
    else:
        draw.enough(3)
        part = draw.parts(shares, seed)
    codes = draw.identity.spread((part + 1).astype(np.uint8)[None, :])[0]
    findings = draw.judge(part, dict(zip(("train", "validation", "test"), shares, strict=True)))
    return Splits.of_codes(codes, "random", identity=draw.identity, findings=findings)


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Rows to be parted at random, with what is to be shared out and what stays together.

    Args:
        identity: Who the rows are.
        classes: By column, the class of each row, shape (n,).
        unit: Number of what stays together, shape (n,); None if each row stands alone.
    """

    identity: Identity
    classes: dict[str, NDArray[np.int64]]
    unit: NDArray[np.int64] | None

    @classmethod
    def of(
        cls,
        rows: pl.DataFrame | TrackedRows,
        *,
        stratify: str | Sequence[str] | None,
        groups: Sequence[str],
        copies: Copies | Sequence[Copies],
        key: Sequence[str],
    ) -> Draw:
        """Look at the columns."""
        identity = Identity.of(rows, key)
        frame = identity.frame
        names = [stratify] if isinstance(stratify, str) else list(stratify or ())
        require_columns(frame, [*groups, *names])
        ids = identity.original_ids
        links = [copies] if isinstance(copies, Copies) else list(copies)
        same = [ids] if len(RowSet.of(ids)) < ids.size else []
        unit = components(frame, groups, links, same) if groups or links or same else None
        return cls(identity, {name: class_codes(frame[name]) for name in names}, unit)

    @property
    def units(self) -> int:
        """How many units there are to part."""
        rows = self.identity.original_ids.size
        return rows if self.unit is None else int(self.unit.max(initial=-1)) + 1

    def enough(self, parts: int) -> None:
        """Raise InputError if there are fewer units than parts."""
        if self.units < parts:
            what = "rows" if self.unit is None else "groups that are not linked"
            raise InputError(
                f"{parts} parts need at least {parts} {what}, there are {self.units}: bring more "
                "data, or link rows by fewer columns."
            )

    def parts(self, shares: Sequence[float], seed: int) -> NDArray[np.int64]:
        """Return the part of each row, shape (n,)."""
        return allot(self._order(seed), self.unit, list(self.classes.values()), shares)

    def stable(self, shares: Sequence[float], seed: int) -> NDArray[np.int64]:
        """Return the part of each row by its own random number alone."""
        if self.classes:
            raise InputError("A stable split looks at one row at a time: it cannot stratify.")
        order = self._order(seed)
        if self.unit is not None:
            lowest = np.full(self.units, np.iinfo(np.uint64).max, np.uint64)
            np.minimum.at(lowest, self.unit, order)
            order = mix(lowest)[self.unit]
        ends = np.cumsum(shares)[:-1]
        return np.searchsorted(ends, order / 2.0**64, side="right").astype(np.int64)

    def judge(self, part: NDArray[np.int64], shares: dict[str, float]) -> tuple[Finding, ...]:
        """Say where shares or classes were not met."""
        return judge_parts(part, shares, self.classes, whole=self.unit is not None)

    def _order(self, seed: int) -> NDArray[np.uint64]:
        return mix(self.identity.original_ids ^ mix(np.array([seed], np.uint64)))


def class_codes(column: pl.Series) -> NDArray[np.int64]:
    """Number the classes of a column: its values, or of a number with many its deciles."""
    if column.dtype.is_float() and column.n_unique() > _FEW:
        edges = [column.quantile(q / _BINS) for q in range(1, _BINS)]
        inner = sorted({edge for edge in edges if edge is not None})
        cut = np.searchsorted(np.array(inner), column.fill_null(np.nan).to_numpy(), side="left")
        return np.asarray(cut, np.int64)
    return column_codes(column)


def seed_of(rng: np.random.Generator | int) -> int:
    """Draw a 64-bit seed."""
    return int(np.random.default_rng(rng).integers(2**64, dtype=np.uint64))
