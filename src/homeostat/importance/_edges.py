"""What lies between a tree's root and its leaves, as Shapley values need it.

An edge is named by the node it leads to. Of the edges on a path that ask for one feature only
the last counts: a row satisfies it if it satisfies them all, and its share of training rows is
the product of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeostat.importance._trees import Bools, Ints, Trees
from homeostat.stats import Floats

__all__ = ["Edges", "edges", "last_edges", "levels"]


@dataclass(frozen=True, slots=True)
class Edges:
    """Facts of each edge, shape (m,); a root has no edge: feature -1, share 1, depth 0."""

    parent: Ints
    is_left: Bools
    feature: Ints
    depth: Ints
    earlier: Ints  # the nearest edge above that asks for the same feature, or -1
    ratio: Floats  # of the training rows above this edge that take it
    share: Floats  # the product of ratios of this and the earlier edges of the feature
    distinct: Ints  # how many features the path down to here asks for
    by_depth: list[Ints]  # all nodes

    def summed(self, values: Floats) -> Floats:
        """Return the sum of a number over each node and all nodes below it."""
        total = values.copy()
        for nodes in reversed(self.by_depth[1:]):
            total[self.parent[nodes[::2]]] += total[nodes[::2]] + total[nodes[1::2]]
        return total


def levels(trees: Trees, roots: Ints, inner_nodes: Bools) -> list[Ints]:
    """Return the nodes by depth; the two children of an inner node lie beside each other."""
    found = [np.asarray(roots, dtype=np.int64)]
    while True:
        inner = found[-1][inner_nodes[found[-1]]]
        if not len(inner):
            return found
        found.append(np.stack([trees.left[inner], trees.right[inner]], axis=1).ravel())


def edges(trees: Trees) -> Edges:
    """Return the facts of every edge."""
    n = len(trees.feature)
    parent, is_left = np.full(n, -1, dtype=np.int64), np.zeros(n, bool)
    inner = np.flatnonzero(trees.feature >= 0)
    parent[trees.left[inner]] = parent[trees.right[inner]] = inner
    is_left[trees.left[inner]] = True
    feature = np.where(parent < 0, -1, trees.feature[parent])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(parent < 0, 1.0, trees.cover / trees.cover[parent])
    ratio = np.where(np.isfinite(ratio), ratio, 0.5)  # no training row came by: either way alike
    earlier = _earlier(parent, feature)
    share, distinct, depth = ratio.copy(), np.zeros(n, np.int64), np.zeros(n, np.int64)
    by_depth = levels(trees, trees.root, trees.feature >= 0)
    for nodes in by_depth[1:]:
        before = earlier[nodes]
        share[nodes] *= np.where(before < 0, 1.0, share[before])
        distinct[nodes] = distinct[parent[nodes]] + (before < 0)
        depth[nodes] = depth[parent[nodes]] + 1
    return Edges(parent, is_left, feature, depth, earlier, ratio, share, distinct, by_depth)


def _earlier(parent: Ints, feature: Ints) -> Ints:
    found = np.full(len(parent), -1, dtype=np.int64)
    looking = np.flatnonzero(parent >= 0)
    above = parent[looking]
    while len(looking):
        same = feature[above] == feature[looking]
        found[looking[same]] = above[same]
        on = ~same & (parent[above] >= 0)
        looking, above = looking[on], parent[above[on]]
    return found


def last_edges(facts: Edges, nodes: Ints) -> Ints:
    """Return the last edge of each feature on the path to each node, (n, most), -1 at the end."""
    most = int(facts.distinct[nodes].max(initial=0))
    found = np.full((len(nodes), most), -1, dtype=np.int64)
    features = np.full((len(nodes), most), -1, dtype=np.int64)
    filled = np.zeros(len(nodes), np.int64)
    rows, at = np.arange(len(nodes)), nodes
    while True:
        below = facts.parent[at] >= 0
        rows, at = rows[below], at[below]
        if not len(rows):
            return found
        new = ~(features[rows] == facts.feature[at][:, None]).any(axis=1)
        found[rows[new], filled[rows[new]]] = at[new]
        features[rows[new], filled[rows[new]]] = facts.feature[at[new]]
        filled[rows[new]] += 1
        at = facts.parent[at]
