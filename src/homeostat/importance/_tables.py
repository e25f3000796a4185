"""Shapley values of shallow paths: small tables, looked up for all rows at once.

What a leaf gives to a feature depends on which features of its path a row satisfies, and on
nothing else. With ``r`` the share of training rows that satisfy a feature and ``o`` whether this
row does, it is ``value * (o_j - r_j) * integral over t in [0, 1] of the product over the other
features of (1 - t) r + t o``, a polynomial that ceil(d / 2) Gauss-Legendre nodes integrate
exactly. All features that a row does *not* satisfy get the same, and those it does follow from
the pattern without them, so one number a pattern is enough.

The leaves of a small subtree share their tests: their tables are added up to one whose index
is the answers to all tests of the subtree, so a row needs one look-up a subtree, not a leaf.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from homeostat.importance._edges import Edges, last_edges
from homeostat.importance._trees import Bools, Columns, Ints, Trees
from homeostat.stats import Floats

__all__ = ["Group", "add_tables", "groups", "nodes_and_weights"]

_CELLS = 1 << 19  # of a table that is made at a time: 4 MB
_MOST_BITS = 13
_LEAST_SHARE = 1e-20  # a feature no training row satisfies; its product cancels out


@dataclass(frozen=True, slots=True)
class Group:
    """A subtree and its table.

    Args:
        tree: Which tree it is of.
        tests: What the bits of the index are, the lowest first: an edge, or ``~node`` for
            whether a row goes left there.
        features: What the rows of the table are for.
        output: Which output it adds to.
        table: Shape (features, 2 ** bits).
    """

    tree: int
    tests: Ints
    features: Ints
    output: int
    table: Floats


@cache
def nodes_and_weights(features: int) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on [0, 1], exact for that many features."""
    x, w = np.polynomial.legendre.leggauss(max(1, -(-features // 2)))
    return (x + 1) / 2, w / 2


def groups(trees: Trees, facts: Edges, rows: int) -> tuple[list[Group], Ints]:
    """Return subtrees with their tables, and the leaves for which no table is worth its cost.

    Args:
        trees: The ensemble.
        facts: Of its edges.
        rows: How many rows the tables will be used for.
    """
    needs, tops, leaves = *_tops(trees, facts, rows), trees.leaves
    top_of = np.full(len(needs), -1, dtype=np.int64)
    for nodes in facts.by_depth:
        above = facts.parent[nodes]
        top_of[nodes] = np.where(above < 0, -1, top_of[above])
        top_of[nodes] = np.where((top_of[nodes] < 0) & tops[nodes], nodes, top_of[nodes])
    alone = leaves[(top_of[leaves] == leaves) & (facts.distinct[leaves] > 0)]
    shared = leaves[(top_of[leaves] >= 0) & (top_of[leaves] != leaves)]
    made: list[Group] = []
    for width in np.unique(needs[alone]):
        for part in _parts(alone[needs[alone] == width], top_of, int(width)):
            made += _of_leaves(trees, facts, part)
    for width in np.unique(needs[top_of[shared]]):
        for part in _parts(shared[needs[top_of[shared]] == width], top_of, int(width)):
            made += _of_subtrees(trees, facts, part, top_of[part], int(width))
    return made, leaves[top_of[leaves] < 0]


def _tops(trees: Trees, facts: Edges, rows: int) -> tuple[Ints, Bools]:
    """Return how many bits a table of each subtree has, and where a table begins.

    Bottom-up: a subtree has a table of its own where that costs less than the best for its two
    halves, and a tree has none where all of it costs less by levels. Constants are nanoseconds
    on one core, and shift the choice, not the result.
    """
    leaf = trees.feature < 0
    splits = facts.summed((~leaf).astype(float))
    needs = (facts.distinct + splits).astype(np.int64)
    paths = facts.summed(np.where(leaf, facts.distinct, 0).astype(float))
    width = np.minimum(needs, _MOST_BITS)
    look_up = np.minimum(needs, trees.columns) * (2.2 * rows + 3000) + 0.5 * rows * needs
    table = 10000 + look_up + np.where(leaf, 8, 22) * paths * 2.0**width
    table[needs > _MOST_BITS] = np.inf
    nodes = np.maximum(1, facts.distinct // 2 + 1)
    best = np.where(leaf, rows * 8.0 * nodes * (facts.depth + 1) + 1000, 0.0)
    tops = table < np.where(leaf, best, np.inf)
    best[tops] = table[tops]
    for nodes in reversed(facts.by_depth[1:]):
        pair, above = nodes[::2], facts.parent[nodes[::2]]
        best[above] = best[pair] + best[nodes[1::2]]
        tops[above] = table[above] <= best[above]
        best[above] = np.minimum(best[above], table[above])
    sizes, deepest = np.bincount(trees.tree_of), np.maximum.reduceat(facts.distinct, trees.root)
    whole = rows * sizes * (6.0 * (deepest // 2 + 1) + 10) + 50000
    return needs, tops & (whole >= best[trees.root])[trees.tree_of]


def _parts(leaves: Ints, top_of: Ints, width: int) -> Iterator[Ints]:
    """Cut leaves between subtrees so that what is made at a time stays small."""
    leaves = leaves[np.argsort(top_of[leaves], kind="stable")]
    most = max(1, _CELLS // (max(width, 1) << width))
    tops = top_of[leaves]
    start = 0
    while start < len(leaves):
        end = min(start + most, len(leaves))
        if end < len(leaves):
            first = int(np.searchsorted(tops, tops[end]))  # where the subtree that is cut begins
            end = first if first > start else int(np.searchsorted(tops, tops[end], side="right"))
        yield leaves[start:end]
        start = end


def _of_leaves(trees: Trees, facts: Edges, leaves: Ints) -> list[Group]:
    """Make the tables of leaves that ask for equally many features."""
    path, tree_of = last_edges(facts, leaves), trees.tree_of[leaves]
    tables = _unit_tables(facts.share[path])
    outputs = [np.flatnonzero(one) for one in trees.value[leaves]]
    return [
        Group(int(tree_of[i]), path[i], facts.feature[path[i]], int(output), table * value[output])
        for i, (table, value) in enumerate(zip(tables, trees.value[leaves], strict=True))
        for output in outputs[i]
    ]


def _of_subtrees(trees: Trees, facts: Edges, leaves: Ints, tops: Ints, width: int) -> list[Group]:
    """Make the tables of subtrees that have equally many bits."""
    from scipy import sparse  # noqa: PLC0415 - where it is used

    path = last_edges(facts, leaves)
    counts = (path >= 0).sum(axis=1)
    if not counts.any():
        return []
    firsts, group_of = np.unique(tops, return_inverse=True)
    tests = _tests(trees, facts, firsts, width)
    leaf, place = np.nonzero(path >= 0)
    mask, want = _conditions(facts, path[leaf, place], tops[leaf], tests[group_of[leaf]])
    flat, start = _leaf_tables(facts.share, path, counts)
    patterns = np.arange(1 << width, dtype=np.int32)
    index = np.zeros((len(leaves), 1 << width), dtype=np.int32)
    for k in range(path.shape[1]):
        of_k = place == k
        holds = (patterns & mask[of_k, None]) == want[of_k, None]
        index[leaf[of_k]] |= holds.astype(np.int32) << k
    feature = facts.feature[path[leaf, place]]
    order = np.lexsort((feature, group_of[leaf]))
    leaf, place, feature = leaf[order], place[order], feature[order]
    where = (start[leaf] + (place << counts[leaf])).astype(np.int32)
    cells = flat.take(where[:, None] + index[leaf], mode="clip")
    group = group_of[leaf]
    begins = np.flatnonzero(np.r_[True, (np.diff(group) != 0) | (np.diff(feature) != 0)])
    bounds = np.searchsorted(group[begins], np.arange(len(firsts) + 1))
    ends, each = np.r_[begins, len(leaf)], np.arange(len(leaf))
    made, tree = [], trees.tree_of[firsts]
    for output in range(trees.n_outputs):
        value = trees.value[leaves, output]
        if not value.any():
            continue
        sums = sparse.csr_array((value[leaf], each, ends), shape=(len(begins), len(leaf))) @ cells
        made += [
            Group(int(tree[i]), tests[i], feature[begins[low:high]], output, sums[low:high])
            for i, (low, high) in enumerate(itertools.pairwise(bounds))
            if high > low
        ]
    return made


def _tests(trees: Trees, facts: Edges, tops: Ints, width: int) -> Ints:
    """Return the bits of each subtree: edges above it, then the nodes in it, as ``~node``."""
    found = np.full((len(tops), width), -1, dtype=np.int64)
    above = last_edges(facts, tops)
    found[:, : above.shape[1]] = above
    filled = (above >= 0).sum(axis=1)
    rows, nodes = np.arange(len(tops)), tops
    while True:
        inner = trees.feature[nodes] >= 0
        rows, nodes = rows[inner], nodes[inner]
        if not len(rows):
            return found
        nth = np.arange(len(rows)) - np.searchsorted(rows, rows)  # among those of its subtree
        found[rows, filled[rows] + nth] = ~nodes
        filled += np.bincount(rows, minlength=len(tops))
        rows = np.repeat(rows, 2)
        nodes = np.stack([trees.left[nodes], trees.right[nodes]], axis=1).ravel()


def _conditions(
    facts: Edges, last: Ints, tops: Ints, tests: Ints
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return which bits must be what for a row to satisfy an edge and those before it."""
    mask, want = np.zeros(len(last), np.int32), np.zeros(len(last), np.int32)
    rows, at = np.arange(len(last)), last
    while len(rows):
        inside = facts.depth[at] > facts.depth[tops[rows]]
        test = np.where(inside, ~facts.parent[at], at)
        bit = 1 << np.argmax(tests[rows] == test[:, None], axis=1).astype(np.int32)
        mask[rows] |= bit
        want[rows] |= np.where(inside & ~facts.is_left[at], 0, bit).astype(np.int32)
        on = inside & (facts.earlier[at] >= 0)
        rows, at = rows[on], facts.earlier[at[on]]
    return mask, want


def _leaf_tables(share: Floats, path: Ints, counts: Ints) -> tuple[Floats, Ints]:
    """Return what a leaf of value 1 gives, by its features and their pattern, one after another.

    Returns:
        All tables, and where that of each leaf begins: ``d`` rows of ``2 ** d``.
    """
    order = np.argsort(counts, kind="stable")
    sizes = (counts << counts)[order]
    start = np.empty_like(counts)
    start[order] = np.cumsum(sizes) - sizes
    made = [
        _unit_tables(share[path[order[counts[order] == d], :d]]).ravel()
        for d in np.unique(counts[counts > 0])
    ]
    return np.concatenate(made), start


def _unit_tables(share: Floats) -> Floats:
    """Return what leaves of value 1 give each feature, (leaves, d, 2 ** d)."""
    leaves, d = share.shape
    r = np.maximum(share, _LEAST_SHARE)
    shared = _of_unsatisfied(r)
    table = np.empty((leaves, d, 1 << d))
    for k in range(d):
        halves = (leaves, -1, 2, 1 << k)  # bit k is 0 and 1
        without = shared.reshape(halves)[:, :, 0]
        of_k = table.reshape(leaves, d, *halves[1:])[:, k]
        np.negative(without, out=of_k[:, :, 0])
        np.multiply(without, (1 / r[:, k] - 1)[:, None, None], out=of_k[:, :, 1])
    return table


def _of_unsatisfied(r: Floats) -> Floats:
    """Integrate the product over the features but one that is not satisfied, (leaves, 2 ** d)."""
    t, w = nodes_and_weights(r.shape[1])
    product = np.empty((len(r), len(t), 1 << r.shape[1]))
    product[:, :, 0] = w / (1 - t)
    for k in range(r.shape[1]):
        no = (r[:, k, None] * (1 - t))[:, :, None]
        known, new = product[:, :, : 1 << k], product[:, :, 1 << k : 2 << k]
        np.multiply(known, no + t[:, None], out=new)
        known *= no
    return np.asarray(product.sum(axis=1))


def add_tables(
    phi: Floats, trees: Trees, facts: Edges, made: list[Group], columns: Columns
) -> None:
    """Look up every group for every row and add what is found to ``phi``, (outputs, d, rows)."""
    rows = columns.values.shape[1]
    found = np.empty(rows)
    index = np.zeros(rows, np.uint16)
    tree = -1
    for group in sorted(made, key=lambda one: one.tree):
        if group.tree != tree:
            tree, answers = group.tree, _Answers(trees, facts, columns)
        index[:] = 0
        for test in group.tests[::-1]:
            np.left_shift(index, 1, out=index)
            np.bitwise_or(index, answers(int(test)), out=index)
        at = index.astype(np.intp)
        for feature, table in zip(group.features, group.table, strict=True):
            np.take(table, at, out=found, mode="clip")
            phi[group.output, feature] += found


class _Answers:
    """The answers of some rows to the tests of one tree, each worked out once."""

    __slots__ = ("_columns", "_facts", "_known", "_trees")

    def __init__(self, trees: Trees, facts: Edges, columns: Columns) -> None:
        self._trees, self._facts, self._columns = trees, facts, columns
        self._known: dict[int, NDArray[np.uint16]] = {}

    def __call__(self, test: int) -> NDArray[np.uint16]:
        known = self._known.get(test)
        if known is None:
            known = self._known[test] = self._ask(test)
        return known

    def _ask(self, test: int) -> NDArray[np.uint16]:
        if test < 0:
            return self._trees.goes_left(~test, self._columns).astype(np.uint16)
        answer = self(~int(self._facts.parent[test]))
        if not self._facts.is_left[test]:
            answer = answer ^ np.uint16(1)
        before = int(self._facts.earlier[test])
        return answer if before < 0 else answer & self(before)
