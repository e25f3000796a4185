"""Predictions with some features of other rows, for trees of at most 64 leaves.

Every split of a tree rules out the leaves on the side a row does not take; what is left of the
lowest bit is its leaf (Lucchese et al. 2015, "QuickScorer"). What the other features rule out
does not change when one is permuted, so a permuted copy costs one look-up, one AND and one
count of bits a tree that asks for the feature, and nothing for all other trees.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homeostat.importance._trees import Columns, Trees
from homeostat.stats import Floats

__all__ = ["Masks", "masks"]

_LEAVES = 64
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)

Words = NDArray[np.uint64]


def masks(trees: Trees, matrix: Floats) -> Masks | None:
    """Return the masks of all trees and rows; None where a tree has too many leaves."""
    tree_of = trees.tree_of
    leaves = np.bincount(tree_of[trees.leaves], minlength=trees.n_trees)
    if trees.n_outputs != 1 or leaves.max(initial=0) > _LEAVES:
        return None
    return Masks(trees, Columns.of(matrix, trees))


class Masks:
    """What each feature of each row leaves over in each tree.

    Memory: 8 bytes a row, tree and feature that the tree asks for, one tree at a time.
    """

    def __init__(self, trees: Trees, columns: Columns) -> None:
        self._trees, self._columns = trees, columns
        ends = np.r_[trees.root[1:], len(trees.feature)]
        self._spans = list(zip(trees.root.tolist(), ends.tolist(), strict=True))

    def changes(
        self, groups: Sequence[Sequence[int]], permutations: Sequence[NDArray[np.intp]]
    ) -> tuple[Floats, Floats]:
        """Return the sum of trees as it is, (n,), and by how much permuted groups change it.

        Args:
            groups: The features that are permuted together.
            permutations: For each group, which row each row takes them from, (repeats, n).

        Returns:
            Sums (n,) and changes (groups, repeats, n).
        """
        rows = self._columns.values.shape[1]
        total = np.full(rows, float(self._trees.base[0]))
        changed = np.zeros((len(groups), len(permutations[0]), rows))
        for start, end in self._spans:
            left_over, value = self._tree(start, end)
            whole = _and(list(left_over.values()), rows)
            now = value[_lowest(whole)]
            total += now
            for g, group in enumerate(groups):
                asked = [left_over[feature] for feature in group if feature in left_over]
                if not asked:
                    continue
                theirs = _and(asked, rows)
                others = _and([left_over[f] for f in left_over if f not in set(group)], rows)
                for repeat, permutation in enumerate(permutations[g]):
                    leaf = _lowest(theirs.take(permutation, mode="clip") & others)
                    changed[g, repeat] += value.take(leaf, mode="clip") - now
        return total, changed

    def _tree(self, start: int, end: int) -> tuple[dict[int, Words], Floats]:
        trees, rows = self._trees, self._columns.values.shape[1]
        order, below = _leaf_order(trees, start)
        left_over: dict[int, Words] = {}
        for node in range(start, end):
            feature = int(trees.feature[node])
            if feature < 0:
                continue
            went = trees.goes_left(node, self._columns)
            left, right = (~np.uint64(below[int(side[node])]) for side in (trees.right, trees.left))
            kept = np.where(went, left, right)
            known = left_over.get(feature)
            left_over[feature] = kept if known is None else known & kept
        if not left_over:
            left_over[-1] = np.full(rows, _ALL)
        return left_over, trees.value[order, 0]


def _leaf_order(trees: Trees, root: int) -> tuple[list[int], dict[int, int]]:
    """Return the leaves from left to right, and which of them are below each node, as bits."""
    order: list[int] = []
    below: dict[int, int] = {}
    waiting = [(root, False)]
    while waiting:
        node, seen = waiting.pop()
        if trees.feature[node] < 0:
            below[node] = 1 << len(order)
            order.append(node)
        elif seen:
            below[node] = below[int(trees.left[node])] | below[int(trees.right[node])]
        else:
            waiting += [
                (node, True), (int(trees.right[node]), False), (int(trees.left[node]), False)
            ]  # fmt: skip
    return order, below


def _and(words: list[Words], rows: int) -> Words:
    if not words:
        return np.full(rows, _ALL)
    together = words[0]
    for one in words[1:]:
        together = together & one
    return together


def _lowest(words: Words) -> NDArray[np.intp]:
    """Return the place of the lowest bit that is set."""
    return np.bitwise_count((words & (~words + _ONE)) - _ONE).astype(np.intp)
