"""Lineage: where something came from, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from homeostat.core import Json, NotFoundError
from homeostat.record._index.index import Index

__all__ = ["Edge", "Lineage", "Node", "neighbours", "trace"]


@dataclass(frozen=True, slots=True)
class Node:
    """A run or an artifact.

    Args:
        id: Id of the run or the artifact.
        kind: ``"run"`` or ``"artifact"``.
        type: The run's kind, or the artifact's type.
        label: The run's name (its kind where it has none), or the artifact's ``name:v3``.
        detail: The run's config, or the artifact's metadata.
        deleted: Whether the artifact was deleted: the record knows of it and has it no more.
    """

    id: str
    kind: str
    type: str
    label: str
    detail: Mapping[str, Json]
    deleted: bool = False

    def __str__(self) -> str:
        return f"{self.type} {self.label}{' (deleted)' if self.deleted else ''}"


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
        """Return one node; raises NotFoundError if the lineage has none of that id."""
        for node in self.nodes:
            if node.id == id:
                return node
        raise NotFoundError(f"The lineage of {self.root} has no node {id}.")

    def sources(self) -> tuple[Node, ...]:
        """Return the artifacts the root started from: those whose makers used no other."""
        above = self._above()
        seen, frontier = {self.root}, [self.root]
        while frontier:
            fresh = [id_ for id_ in above.get(frontier.pop(), ()) if id_ not in seen]
            seen.update(fresh)
            frontier += fresh
        return tuple(
            node
            for node in self.nodes
            if node.id in seen
            and node.kind == "artifact"
            and all(set(above.get(maker, ())) <= {node.id} for maker in above.get(node.id, ()))
        )

    def __str__(self) -> str:
        """Tell where the root came from, as an indented list, nearest first."""
        nodes, above = {node.id: node for node in self.nodes}, self._above()
        lines: list[str] = []
        seen: set[str] = set()
        stack = [(self.root, 0)]
        while stack:
            id_, depth = stack.pop()
            told = id_ in seen and bool(above.get(id_))
            lines.append(f"{'  ' * depth}{nodes[id_]}{' (see above)' if told else ''}")
            if not told:
                seen.add(id_)
                nearest = sorted(above.get(id_, ()), key=lambda one: str(nodes[one]), reverse=True)
                stack += [(one, depth + 1) for one in nearest]
        return "\n".join(lines)

    def _above(self) -> dict[str, list[str]]:
        """Return what each node comes from directly."""
        above: dict[str, list[str]] = {}
        for edge in self.edges:
            above.setdefault(edge.target, []).append(edge.source)
        return above


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


def neighbours(index: Index, artifact: str, relation: str) -> tuple[Node, ...]:
    """Return the runs that ``"made"`` or ``"used"`` an artifact, the first one first."""
    rows = index.query(
        f"SELECT run FROM {relation} WHERE artifact = ? ORDER BY time, log, offset",  # noqa: S608 - our own names
        (artifact,),
    )
    return tuple(_node(index, run) for run in dict.fromkeys(run for (run,) in rows))


def _node(index: Index, id_: str) -> Node:
    for type_, name, version, metadata in index.rows(
        "SELECT type, name, version, metadata FROM makings WHERE artifact = ? "
        "ORDER BY coalesce(life, 0) DESC, time, log, offset LIMIT 1",
        (id_,),
    ):
        there = index.rows("SELECT 1 FROM versions WHERE artifact = ?", (id_,))
        about = json.loads(metadata)
        return Node(id_, "artifact", type_, f"{name}:v{version}", about, deleted=not there)
    for kind, name, config in index.rows(
        "SELECT kind, name, config FROM starts WHERE run = ?", (id_,)
    ):
        return Node(id_, "run", kind, name or id_, json.loads(config))
    return Node(id_, "lost", "lost", id_, {})  # its frame was damaged
