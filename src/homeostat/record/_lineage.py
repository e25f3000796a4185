"""Lineage: where something came from, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from homeostat.core import Json
from homeostat.record._index import Index

__all__ = ["Edge", "Lineage", "Node", "trace"]


@dataclass(frozen=True, slots=True)
class Node:
    """A run or an artifact.

    Args:
        id: Id of the run or the artifact.
        kind: ``"run"`` or ``"artifact"``.
        type: The run's kind, or the artifact's type.
        label: The run's name (its kind where it has none), or the artifact's ``name:v3``.
        detail: The run's config, or the artifact's metadata.
    """

    id: str
    kind: str
    type: str
    label: str
    detail: Mapping[str, Json]

    def __str__(self) -> str:
        return f"{self.type} {self.label}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A step of lineage, in the direction in which data flow.

    Args:
        source: Id of the node it leaves.
        target: Id of the node it reaches.
        relation: ``"used"`` (artifact to run), ``"made"`` (run to artifact) or ``"part"`` (a run
            to the run it was part of).
    """

    source: str
    target: str
    relation: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Everything that ``root`` came from, and everything that came of it.

    Args:
        root: Id of the run or artifact that was asked about.
        nodes: The root, what it came from and what came of it.
        edges: How they hang together.
    """

    root: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def node(self, id: str) -> Node:  # noqa: A002 - the field's word
        """Return one node."""
        return next(node for node in self.nodes if node.id == id)

    def sources(self) -> tuple[Node, ...]:
        """Return the artifacts at the very start: those whose makers used nothing."""
        up = self._upstream(self.root)
        return tuple(
            node
            for node in self.nodes
            if node.id in up
            and node.kind == "artifact"
            and not any(
                other != node.id and self.node(other).kind == "artifact"
                for other in self._upstream(node.id)
            )
        )

    def __str__(self) -> str:
        """Tell where the root came from, as an indented list, nearest first."""
        lines: list[str] = []
        self._tell(self.root, 0, lines, set())
        return "\n".join(lines)

    def _tell(self, id_: str, depth: int, lines: list[str], seen: set[str]) -> None:
        again = " (see above)" if id_ in seen else ""
        lines.append(f"{'  ' * depth}{self.node(id_)}{again}")
        if not again:
            seen.add(id_)
            for edge in self.edges:
                if edge.target == id_:
                    self._tell(edge.source, depth + 1, lines, seen)

    def _upstream(self, id_: str) -> set[str]:
        seen, frontier = {id_}, {id_}
        while frontier:
            frontier = {e.source for e in self.edges if e.target in frontier} - seen
            seen |= frontier
        return seen


_UP = """
SELECT artifact, run, 'used' FROM used WHERE run = :id
UNION SELECT run, artifact, 'made' FROM made WHERE artifact = :id ORDER BY 1, 2
"""
_DOWN = """
SELECT artifact, run, 'used' FROM used WHERE artifact = :id
UNION SELECT run, artifact, 'made' FROM made WHERE run = :id ORDER BY 1, 2
"""
_PARTS = "SELECT run, parent, 'part' FROM starts WHERE parent = :id ORDER BY 1"


def trace(index: Index, root: str) -> Lineage:
    """Walk from a run (with the runs that are part of it) or an artifact both ways."""
    index.refresh()
    edges: dict[Edge, None] = {}

    def walk(sql: str, starts: Iterable[str], *, upward: bool) -> set[str]:
        seen = set(starts)
        frontier = sorted(seen)
        while frontier:
            for row in index.rows(sql, {"id": frontier.pop()}):
                edge = Edge(*row)
                edges[edge] = None
                following = edge.source if upward else edge.target
                if following not in seen:
                    seen.add(following)
                    frontier.append(following)
        return seen

    roots = walk(_PARTS, [root], upward=True)
    walk(_UP, roots, upward=True)
    walk(_DOWN, roots, upward=False)
    ids = dict.fromkeys([root, *(end for edge in edges for end in (edge.source, edge.target))])
    return Lineage(root, tuple(_node(index, id_) for id_ in ids), tuple(edges))


def _node(index: Index, id_: str) -> Node:
    for type_, name, version, metadata in index.rows(
        "SELECT type, name, version, metadata FROM versions WHERE artifact = ?", (id_,)
    ):
        return Node(id_, "artifact", type_, f"{name}:v{version}", json.loads(metadata))
    for kind, name, config in index.rows(
        "SELECT kind, name, config FROM starts WHERE run = ?", (id_,)
    ):
        return Node(id_, "run", kind, name or id_, json.loads(config))
    return Node(id_, "lost", "lost", id_, {})  # its frame was damaged
