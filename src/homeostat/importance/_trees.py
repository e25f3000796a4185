"""Trees of any library, as flat arrays over all nodes of all trees."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.stats import Floats

__all__ = ["Bools", "Columns", "Ints", "Trees", "joined"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ZERO = 1e-35  # LightGBM's bound of what it reads as zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """An ensemble whose prediction is ``base`` plus the value of one leaf of each tree.

    A row goes left where its value is at most the threshold (below it, where ``strict``), or
    where its category is in the node's set.

    Args:
        feature: Column that a node asks for, -1 at a leaf, shape (m,).
        threshold: Of the dtype in which the library compares: float32 or float64, shape (m,).
        left: Child of a row that goes left, counted over all trees; -1 at a leaf.
        right: The other child.
        nan_left: Whether a missing value goes left.
        cover: Training rows (or their weight, or hessian) in a node.
        gain: What a split gained; 0 at a leaf.
        value: What a leaf adds to each output, shape (m, k).
        root: First node of each tree, shape (t,).
        base: What is added to each output, shape (k,).
        columns: How many columns the model was trained with.
        strict: Whether the threshold itself goes right (XGBoost).
        zero_missing: Nodes at which zero counts as missing (LightGBM); empty for none.
        category: Index into ``sets`` of a categorical node, -1 elsewhere; empty for none.
        sets: Whether a category goes left, shape (c, codes + 1): the last column is what is
            unknown.
        unknown_missing: Whether an unknown category goes where a missing value goes.
    """

    feature: Ints
    threshold: NDArray[np.floating]
    left: Ints
    right: Ints
    nan_left: Bools
    cover: Floats
    gain: Floats
    value: Floats
    root: Ints
    base: Floats
    columns: int
    strict: bool = False
    zero_missing: Bools = field(default_factory=lambda: np.zeros(0, bool))
    category: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    sets: Bools = field(default_factory=lambda: np.zeros((0, 1), bool))

    @property
    def n_trees(self) -> int:
        """How many trees there are."""
        return len(self.root)

    @property
    def n_outputs(self) -> int:
        """How many numbers are predicted for a row."""
        return len(self.base)

    @property
    def leaves(self) -> Ints:
        """Nodes that have no children."""
        return np.flatnonzero(self.feature < 0)

    @property
    def tree_of(self) -> Ints:
        """Which tree each node is of."""
        return np.repeat(np.arange(self.n_trees), np.diff(np.r_[self.root, len(self.feature)]))

    def part(self, first: int, last: int, end: int) -> Trees:
        """Return the trees ``first`` to ``last - 1``, whose nodes end before ``end``."""
        start = int(self.root[first])
        cut = slice(start, end)
        if (first, last) == (0, self.n_trees):
            return self
        return replace(
            self,
            **{
                name: getattr(self, name)[cut]
                for name in ("feature", "threshold", "nan_left", "cover", "gain", "value")
            },
            left=np.where(self.left[cut] < 0, -1, self.left[cut] - start),
            right=np.where(self.right[cut] < 0, -1, self.right[cut] - start),
            root=self.root[first:last] - start,
            zero_missing=self.zero_missing[cut],
            category=self.category[cut],
            base=np.zeros(self.n_outputs),
        )

    def goes_left(self, node: int, columns: Columns) -> Bools:
        """Return whether each row goes left at a node, shape (n,)."""
        feature = int(self.feature[node])
        x = columns.values[feature]
        if len(self.category) and self.category[node] >= 0:
            return self._in_set(node, x)
        compare = np.less if self.strict else np.less_equal
        went = compare(x, self.threshold[node])
        if columns.missing[feature] is not None and self.nan_left[node]:
            went |= columns.missing[feature]
        if len(self.zero_missing) and self.zero_missing[node]:
            went = np.where(np.abs(x) <= _ZERO, self.nan_left[node], went)
        return np.asarray(went, dtype=bool)

    def _in_set(self, node: int, x: NDArray[np.floating]) -> Bools:
        among = self.sets[self.category[node]]
        unknown = len(among) - 1
        known = (x > -1) & (x < unknown)
        codes = np.where(known, x, unknown).astype(np.intp)  # (-1, 0) is cut to 0, as in C
        return np.asarray(np.where(np.isnan(x), self.nan_left[node], among[codes]), dtype=bool)

    def predict(self, matrix: Floats) -> Floats:
        """Return the sum of base and leaves for each row, shape (n, k): for checks, it is slow."""
        columns = Columns.of(matrix, self)
        total = np.tile(self.base, (len(matrix), 1))
        for root in self.root:
            waiting = [(int(root), np.arange(len(matrix)))]
            while waiting:
                node, rows = waiting.pop()
                if self.feature[node] < 0:
                    total[rows] += self.value[node]
                elif len(rows):
                    went = self.goes_left(node, columns.take(rows))
                    waiting.append((int(self.left[node]), rows[went]))
                    waiting.append((int(self.right[node]), rows[~went]))
        return total


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows as trees read them: column by column, of their dtype, and where values are missing."""

    values: NDArray[np.floating]  # (d, n)
    missing: list[Bools | None]

    @classmethod
    def of(cls, matrix: Floats, trees: Trees) -> Columns:
        """Turn rows (n, d) into columns of the dtype in which the trees compare."""
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(matrix.T, dtype=trees.threshold.dtype)
        lost = np.isnan(values)
        return cls(values, [one if one.any() else None for one in lost])

    def take(self, rows: Ints | slice) -> Columns:
        """Return some of the rows."""
        missing = [None if one is None else one[rows] for one in self.missing]
        return Columns(self.values[:, rows], missing)


def joined(parts: list[Trees], base: Floats, columns: int) -> Trees:
    """Put trees behind one another, each with its nodes counted from 0."""
    if not parts:
        return _no_trees(base, columns)
    starts = np.cumsum([0, *(len(one.feature) for one in parts[:-1])])

    def moved(name: str) -> Ints:
        own = [getattr(one, name) for one in parts]
        return np.concatenate(
            [np.where(x < 0, -1, x + start) for x, start in zip(own, starts, strict=True)]
        )

    def all_of(name: str) -> Any:  # noqa: ANN401 - of the field's dtype
        return np.concatenate([getattr(one, name) for one in parts])

    width = max(one.sets.shape[1] for one in parts)
    sets_before = np.cumsum([0, *(len(one.sets) for one in parts[:-1])])
    category = [
        np.where((own := one.category) < 0, -1, own + before)
        for one, before in zip(parts, sets_before, strict=True)
    ]
    return replace(
        parts[0],
        feature=all_of("feature"),
        threshold=all_of("threshold"),
        left=moved("left"),
        right=moved("right"),
        nan_left=all_of("nan_left"),
        cover=all_of("cover"),
        gain=all_of("gain"),
        value=all_of("value"),
        root=moved("root"),
        zero_missing=all_of("zero_missing"),
        category=np.concatenate(category),
        sets=np.concatenate([_widened(one.sets, width) for one in parts]),
        base=base,
        columns=columns,
    )


def _widened(sets: Bools, width: int) -> Bools:
    """Repeat what is unknown up to a width of codes."""
    return np.pad(sets, ((0, 0), (0, width - sets.shape[1])), mode="edge")


def _no_trees(base: Floats, columns: int) -> Trees:
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    return Trees(
        feature=none,
        threshold=nothing,
        left=none,
        right=none,
        nan_left=np.zeros(0, bool),
        cover=nothing,
        gain=nothing,
        value=np.zeros((0, len(base))),
        root=none,
        base=base,
        columns=columns,
    )
