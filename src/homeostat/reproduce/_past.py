"""What the record knows of a run that is to be done again, in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeostat.core import Json
from homeostat.record import BlobStore, Invocation, PackedFile, Record, RunInfo, Tree, tree_files

__all__ = ["Past", "past_of"]


@dataclass(frozen=True, slots=True)
class Past:
    """A run, and what was seen of it.

    Args:
        info: The run.
        invocation: How it was called; None in old records.
        trees: Its code, the later of two trees of one place with the files of both.
        cells: The cells of a notebook that it executed, in order.
        reads: What was seen of its reading; None where nobody looked.
        seeds: What was seeded, as it was recorded, in order.
        blobs: The contents of the record.
    """

    info: RunInfo
    invocation: Invocation | None
    trees: tuple[Tree, ...]
    cells: tuple[Tree, ...]
    reads: Mapping[str, Any] | None = field(repr=False)
    seeds: tuple[Mapping[str, Json], ...]
    blobs: BlobStore = field(repr=False)

    @property
    def root(self) -> Tree | None:
        """The tree of the project; None where no code was kept."""
        return next((tree for tree in self.trees if tree.place == ""), None)

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """What it read that is no code: path, size, sha256, role, artifact, changed, secret."""
        return [] if self.reads is None else list(self.reads.get("files", ()))

    def files(self, place: str) -> dict[str, PackedFile]:
        """Return the files of one of its trees, by path."""
        found: dict[str, PackedFile] = {}
        for tree in self.trees:
            if tree.place == place:
                found |= tree_files(self.blobs, tree)
        return found

    def places(self) -> dict[str, Tree]:
        """Return the first tree of each place."""
        found: dict[str, Tree] = {}
        for tree in self.trees:
            found.setdefault(tree.place, tree)
        return found

    def source(self) -> list[str]:
        """Return the texts of the cells."""
        cells = [tree_files(self.blobs, tree) for tree in self.cells[-1:]]
        return [files[name].content.decode() for files in cells for name in sorted(files)]


def past_of(record: Record, run: str) -> Past:
    """Return what a record knows of a run.

    Raises:
        NotFoundError: If there is no such run.
    """
    info = record.run(run)
    code = info.code
    kept = () if code is None else code.trees
    read = _payloads(record, info.id, "reads")
    reads = read[-1] if read and "failed" not in read[-1] else None
    late = [Tree.from_json(tree) for tree in (reads or {}).get("late", ())]
    cells = [Tree.from_json(tree) for tree in (reads or {}).get("cells", ())]
    return Past(
        info=info,
        invocation=None if code is None else code.invocation,
        trees=(*(tree for tree in kept if tree.place != "cells"), *late),
        cells=tuple([tree for tree in kept if tree.place == "cells"] + cells),
        reads=reads,
        seeds=tuple(_payloads(record, info.id, "seed")),
        blobs=BlobStore(Path(record.path) / "blobs"),
    )


def _payloads(record: Record, run: str, kind: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in record.events(kind, run)["payload"]]
