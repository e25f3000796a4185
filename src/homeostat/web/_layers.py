"""Draw a directed acyclic graph in layers: every edge runs from left to right.

The method is the layered one of Sugiyama, Tagawa and Toda (1981, IEEE Trans. SMC 11(2)): layers
by longest path, long edges passed through the layers between, order by barycentres.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Drawing", "layers"]

_SWEEPS = 8

Spot = str | tuple[str, str, int]  # a node, or where an edge passes through a column


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where the nodes and the edges of a graph lie.

    Args:
        columns: The column of each node, from 0.
        rows: The row of each node; a column's rows are centred on the tallest column.
        edges: For each edge, the (column, row) points it passes through.
        width: Number of columns.
        height: Number of rows.
    """

    columns: Mapping[str, int]
    rows: Mapping[str, float]
    edges: Mapping[tuple[str, str], Sequence[tuple[int, float]]]
    width: int
    height: int


def layers(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> Drawing:
    """Lay a graph out in columns so that every edge runs to the right.

    Args:
        nodes: Names, each once.
        edges: Pairs (from, to) of names; an edge that would close a cycle is not drawn.

    Returns:
        The drawing. O(sweeps * (nodes + edges * columns)) time.

    Example:
        >>> drawing = layers("abc", [("a", "b"), ("b", "c"), ("a", "c")])
        >>> dict(drawing.columns)
        {'a': 0, 'b': 1, 'c': 2}
    """
    names = list(dict.fromkeys(nodes))
    column, kept = _ranked(names, edges)
    chains = {(a, b): _chain(a, b, column) for a, b in kept}
    for (a, _), chain in chains.items():
        column |= {spot: column[a] + i for i, spot in enumerate(chain)}
    levels: list[list[Spot]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for spot, at in column.items():
        levels[at].append(spot)
    _order(levels, column, chains.values())
    height = max(map(len, levels), default=0)
    row = {s: i + (height - len(level)) / 2 for level in levels for i, s in enumerate(level)}
    return Drawing(
        {name: column[name] for name in names},
        {name: row[name] for name in names},
        {edge: [(column[s], row[s]) for s in chain] for edge, chain in chains.items()},
        len(levels),
        height,
    )


def _ranked(
    names: Sequence[str], edges: Iterable[tuple[str, str]]
) -> tuple[dict[Spot, int], list[tuple[str, str]]]:
    """Put each node one column right of the last of those before it (longest path)."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for a, b in dict.fromkeys(edges):
        if a in after and b in after:
            after[a].append(b)
    waiting = dict.fromkeys(names, 0)
    for targets in after.values():
        for b in targets:
            waiting[b] += 1
    column: dict[Spot, int] = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    done: set[str] = set()
    kept = []
    while ready or len(done) < len(names):
        # Nothing is ready only inside a cycle: its first node goes next, and the edge back is cut.
        name = ready.pop(0) if ready else next(n for n in names if n not in done)
        done.add(name)
        for b in after[name]:
            if b in done:
                continue
            kept.append((name, b))
            column[b] = max(column[b], column[name] + 1)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return column, kept


def _chain(a: str, b: str, column: Mapping[Spot, int]) -> list[Spot]:
    return [a, *((a, b, i) for i in range(column[a] + 1, column[b])), b]


def _order(
    levels: list[list[Spot]], column: Mapping[Spot, int], chains: Iterable[Sequence[Spot]]
) -> None:
    """Sort each column by the mean row of its neighbours, to and fro, to cross fewer edges."""
    near: dict[Spot, list[Spot]] = defaultdict(list)
    for chain in chains:
        for a, b in pairwise(chain):
            near[a].append(b)
            near[b].append(a)
    for sweep in range(_SWEEPS):
        step = 1 if sweep % 2 == 0 else -1
        for at in range(len(levels))[::step]:
            beside = levels[at - step] if 0 <= at - step < len(levels) else []
            place = {spot: i / len(beside) for i, spot in enumerate(beside)}
            centre = {}
            for i, spot in enumerate(levels[at]):
                before = [place[s] for s in near[spot] if column[s] == at - step]
                centre[spot] = sum(before) / len(before) if before else i / len(levels[at])
            levels[at].sort(key=centre.__getitem__)
