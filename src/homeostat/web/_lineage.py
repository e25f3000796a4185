"""The graph of what something came from and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from homeostat.core import NotFoundError
from homeostat.record import Edge, Node
from homeostat.web._flat import flat
from homeostat.web._layers import Drawing, layers
from homeostat.web._page import Ask, Table, View, missing

__all__ = ["lineage"]

_COLUMN, _ROW, _MARGIN = 196, 52, 16
_WIDTH, _HEIGHT = 164, 40
_MOST_NODES = 80
_SHORT = 22
_FACTS = 4


def lineage(ask: Ask) -> View:
    """Draw the lineage of a run or an artifact."""
    identity = ask.names["identity"]
    try:
        traced = ask.record.lineage(identity)
    except NotFoundError:
        known = [*ask.record.artifacts()["name"].unique(), *ask.record.runs()["id"]]
        return missing("run or artifact", identity, known, ask.link.lineage)
    nodes = {node.id: node for node in traced.nodes}
    sources, targets = _neighbours(traced.edges)
    above = _reached(traced.root, sources)
    below = [one for one in _reached(traced.root, targets) if one not in set(above)]
    whole = layers(nodes, [(e.source, e.target) for e in traced.edges])
    label = _label(nodes[traced.root])
    data = {
        "root": traced.root,
        "label": label,
        "path": _steps(ask, [nodes[one] for one in above], whole, traced.root),
        "onward": _steps(ask, [nodes[one] for one in below], whole, traced.root),
    }
    near = dict.fromkeys([*above, *below, *nodes][:_MOST_NODES])
    left_out = len(nodes) - len(near)
    drawing = {
        "graph": _graph(ask, [nodes[one] for one in near], traced.edges, traced.root),
        "more": f"{left_out} further nodes are only in the lists." if left_out else "",
    }
    rows = [(edge.source, edge.relation, edge.target) for edge in traced.edges]
    table = Table("edges", ("source", "relation", "target"), rows)
    return View("lineage.html", f"Lineage of {label}", data, [table], drawing)


def _neighbours(edges: Iterable[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    sources, targets = defaultdict(list), defaultdict(list)
    for edge in edges:
        sources[edge.target].append(edge.source)
        targets[edge.source].append(edge.target)
    return sources, targets


def _reached(root: str, neighbours: dict[str, list[str]]) -> list[str]:
    """Return what can be reached from the root, the nearest first, the root itself included."""
    seen = {root: None}
    for one in (queue := [root]):
        for other in neighbours.get(one, ()):
            if other not in seen:
                seen[other] = None
                queue.append(other)
    return list(seen)


def _label(node: Node) -> str:
    return node.label if node.kind == "artifact" or node.label != node.id else node.type


def _href(ask: Ask, node: Node) -> str:
    return ask.link.run(node.id) if node.kind == "run" else ask.link.artifact(node.label)


def _steps(ask: Ask, nodes: Sequence[Node], whole: Drawing, root: str) -> list[dict[str, object]]:
    """Return nodes as the steps of a path, sources first."""
    ordered = sorted(nodes, key=lambda node: whole.columns[node.id])
    return [
        {
            "id": node.id,
            "kind": node.kind,
            "label": _label(node),
            "sub": node.type,
            "detail": _facts(node),
            "here": node.id == root,
            "href": _href(ask, node),
        }
        for node in ordered
    ]


def _facts(node: Node) -> str:
    """Return the first facts of a config or a metadata; long texts are told by their start."""
    told = [(key, value) for key, value in flat(node.detail) if key not in {"key", "digest"}]
    return ", ".join(f"{key} {value[:_SHORT]}" for key, value in told[:_FACTS])


def _graph(ask: Ask, nodes: Sequence[Node], edges: Iterable[Edge], root: str) -> dict[str, object]:
    """Return the marks of the graph: boxes, and curves from box to box."""
    drawn = layers((node.id for node in nodes), [(e.source, e.target) for e in edges])

    def corner(column: int, row: float) -> tuple[float, float]:
        return _MARGIN + column * _COLUMN, _MARGIN + row * _ROW

    boxes = []
    for node in nodes:
        x, y = corner(drawn.columns[node.id], drawn.rows[node.id])
        label = _label(node)
        boxes.append({
            "x": x, "y": y, "kind": node.kind, "here": node.id == root, "label": label,
            "short": label if len(label) <= _SHORT else f"{label[: _SHORT - 1]}…",
            "sub": node.type, "href": _href(ask, node),
        })  # fmt: skip
    wires = [_wire([corner(*spot) for spot in spots]) for spots in drawn.edges.values()]
    return {
        "nodes": boxes,
        "wires": wires,
        "node_width": _WIDTH,
        "width": 2 * _MARGIN + (drawn.width - 1) * _COLUMN + _WIDTH,
        "height": 2 * _MARGIN + (drawn.height - 1) * _ROW + _HEIGHT,
    }


def _wire(corners: Sequence[tuple[float, float]]) -> str:
    """Return the path of an edge: a curve between columns, straight across those between."""
    middle = _HEIGHT / 2
    x, y = corners[0]
    path = f"M{x + _WIDTH} {y + middle}"
    at = x + _WIDTH
    for i, (left, top) in enumerate(corners[1:], start=1):
        half = (at + left) / 2
        path += f"C{half} {y + middle} {half} {top + middle} {left} {top + middle}"
        if i < len(corners) - 1:
            path += f"H{left + _WIDTH}"
        at, y = left + _WIDTH, top
    return path
