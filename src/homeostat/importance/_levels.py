"""Shapley values of deep trees: level by level, with a path's polynomial at a few nodes.

The same integral as in the tables, but a path's product is carried down from the root and the
sums of leaves back up (as in Yu, Bifet, Read and Xu 2022, "Linear tree Shap", Algorithm 2, with
Gauss-Legendre nodes for their interpolation points). Cost: O(nodes * depth) a row, and memory
that is bounded whatever the depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeostat.importance._edges import Edges, levels
from homeostat.importance._tables import nodes_and_weights
from homeostat.importance._trees import Bools, Columns, Ints, Trees
from homeostat.stats import Floats

__all__ = ["add_levels"]

_CELLS = 1 << 18  # numbers that one block of rows and nodes works on: 2 MB


def add_levels(
    phi: Floats, trees: Trees, facts: Edges, roots: Ints, alive: Bools, columns: Columns
) -> None:
    """Add what the leaves that are ``alive``, (m,), give each row to ``phi``, (outputs, d, n)."""
    rows = columns.values.shape[1]
    needed = _above(facts, alive)
    for part in _batches(trees, roots, facts.summed(np.where(needed, 2.0, 0.0))):
        batch = _Batch.of(trees, facts, part, alive, needed)
        step = max(1, _CELLS // (batch.n_nodes * batch.nodes))
        for start in range(0, rows, step):
            cut = slice(start, start + step)
            batch.add(phi[:, :, cut], trees, facts, columns.take(cut))


def _above(facts: Edges, alive: Bools) -> Bools:
    """Return which nodes have a leaf below them that is alive."""
    needed = np.zeros(len(alive), bool)
    at = facts.parent[alive]
    while len(at := np.unique(at[at >= 0])):
        needed[at] = True
        at = facts.parent[at]
        at = at[(at < 0) | ~needed[at]]
    return needed


def _batches(trees: Trees, roots: Ints, size: Floats) -> Iterator[Ints]:
    """Put small trees that add to the same outputs together, so that a level is worth a call."""
    added, tree_of = np.logical_or.reduceat(trees.value != 0, trees.root, axis=0), trees.tree_of
    adds = {int(root): added[tree_of[root]].tobytes() for root in roots}
    waiting: list[int] = []
    held = 0
    for root in sorted(adds, key=adds.__getitem__):
        full = held + size[root] > _CELLS >> 7
        if waiting and (full or adds[root] != adds[waiting[0]]):
            yield np.array(waiting)
            waiting, held = [], 0
        waiting.append(root)
        held += int(size[root])
    if waiting:
        yield np.array(waiting)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some trees, level by level, with what does not depend on the rows."""

    by_depth: list[Ints]
    inner: list[Ints]  # places within a level of the nodes that have children
    factor: list[Floats]  # (4 * nodes of the level, quadrature)
    weight: list[Floats]  # the same
    value: list[Floats]  # of leaves, 0 where not alive, (nodes of the level, outputs)
    outputs: Ints
    sums: Any  # from edges to features, sparse (d, nodes but the roots)

    @property
    def n_nodes(self) -> int:
        return sum(len(level) for level in self.by_depth)

    @property
    def nodes(self) -> int:
        return int(self.factor[0].shape[1]) if self.factor else 1

    @classmethod
    def of(cls, trees: Trees, facts: Edges, roots: Ints, alive: Bools, needed: Bools) -> _Batch:
        from scipy import sparse  # noqa: PLC0415 - where it is used

        by_depth = levels(trees, roots, needed)
        everything = np.concatenate(by_depth)
        most = int(facts.distinct[everything[alive[everything]]].max(initial=1))
        t, w = nodes_and_weights(most)
        made = [_factors(facts, level, t, w) for level in by_depth[1:]]
        value = [np.where(alive[level][:, None], trees.value[level], 0.0) for level in by_depth]
        below = np.concatenate([np.zeros(0, np.int64), *by_depth[1:]])
        place = (facts.feature[below], np.arange(len(below)))
        shape = (trees.columns, len(below))
        return cls(
            by_depth,
            [np.flatnonzero(needed[level]) for level in by_depth],
            [factor for factor, _ in made],
            [weight for _, weight in made],
            value,
            np.flatnonzero(np.any([one.any(axis=0) for one in value], axis=0)),
            sparse.csr_array((np.ones(len(below)), place), shape=shape),
        )

    def add(self, phi: Floats, trees: Trees, facts: Edges, columns: Columns) -> None:
        rows = columns.values.shape[1]
        cases = self._cases(trees, facts, columns)
        if not cases:  # trees of one leaf have nothing to share out
            return
        down = [np.ones((len(self.by_depth[0]), rows, self.nodes))]
        for i, case in enumerate(cases):
            above = down[i].take(self.inner[i], axis=0, mode="clip")
            product = self.factor[i].take(case, axis=0, mode="clip")
            pairs = product.reshape(-1, 2, rows, self.nodes)
            pairs *= above[:, None]
            down.append(product)
        for output in self.outputs:
            given = self._up(down, cases, int(output), last=output == self.outputs[-1])
            phi[output] += self.sums @ np.concatenate(given)

    def _cases(self, trees: Trees, facts: Edges, columns: Columns) -> list[Ints]:
        """Return, by level, four times the place of an edge plus which case a row is of it.

        A case is 2 if the row satisfies the earlier edges of the feature, plus 1 if this too.
        """
        rows = columns.values.shape[1]
        taken = np.ones((len(trees.feature) if len(self.by_depth) > 1 else 0, 1), bool)
        local = np.zeros(len(taken), np.int64)
        kept = np.ones((self.n_nodes + 1, rows), bool)  # the last is for edges without an earlier
        found, at = [], len(self.by_depth[0])
        for i, level in enumerate(self.by_depth[1:]):
            nodes = self.by_depth[i][self.inner[i]]
            left = _go_left(trees, nodes, columns)
            went = np.stack([left, ~left], axis=1).reshape(-1, rows)
            local[level] = at + np.arange(len(level))
            before = facts.earlier[level]
            earlier = kept[np.where(before < 0, -1, local[before])]
            kept[at : at + len(level)] = went & earlier
            place = 4 * np.arange(len(level))[:, None]
            found.append(place + 2 * earlier + (went & earlier))
            at += len(level)
        return found

    def _up(
        self, down: list[Floats], cases: list[Ints], output: int, *, last: bool
    ) -> list[Floats]:
        """Sum leaves from the deepest level up; return what each edge gives its feature."""
        given: list[Floats] = []
        below: Floats | None = None
        for i in range(len(cases), 0, -1):
            product = down[i] if last else down[i].copy()
            product *= self.value[i][:, output][:, None, None]
            if below is not None:
                product[self.inner[i]] = below
            weight = self.weight[i - 1].take(cases[i - 1], axis=0, mode="clip")
            given.append(np.einsum("erq,erq->er", product, weight))
            below = product[::2] + product[1::2]
        return given[::-1]


def _factors(facts: Edges, level: Ints, t: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Return by what an edge multiplies its path, and how a leaf's sum counts for its feature.

    Both by case, shape (4 * edges, quadrature). A feature's earlier edge is divided out, and
    what it gave is taken back.
    """
    before = facts.earlier[level]
    again = (before >= 0)[:, None]
    r = facts.share[level][:, None]
    r_before = np.where(again, facts.share[before][:, None], 1.0)
    satisfied, satisfied_before = (1 - t) * r + t, (1 - t) * r_before + t
    factor = np.zeros((len(level), 4, len(t)))
    factor[:, 0] = facts.ratio[level][:, None]
    factor[:, 2] = (1 - t) * r / satisfied_before
    factor[:, 3] = satisfied / satisfied_before
    weight = np.zeros_like(factor)
    back = np.where(again, (1 - r_before) / satisfied_before, 0.0)
    weight[:, 2] = -1 / (1 - t) - back
    weight[:, 3] = (1 - r) / satisfied - back
    return factor.reshape(-1, len(t)), (w * weight).reshape(-1, len(t))


def _go_left(trees: Trees, nodes: Ints, columns: Columns) -> Bools:
    """Return whether each row goes left at each node, (nodes, rows)."""
    x = columns.values[trees.feature[nodes]]
    compare = np.less if trees.strict else np.less_equal
    left = compare(x, trees.threshold[nodes][:, None])
    left |= np.isnan(x) & trees.nan_left[nodes][:, None]
    special = np.zeros(len(nodes), bool)
    if len(trees.sets):
        special |= trees.category[nodes] >= 0
    if len(trees.zero_missing):
        special |= trees.zero_missing[nodes]
    for i in np.flatnonzero(special):
        left[i] = trees.goes_left(int(nodes[i]), columns)
    return np.asarray(left)
