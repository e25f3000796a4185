"""The files of a run, laid out anew in a folder of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from homeostat.core import Finding, RecordError, Verdict
from homeostat.record import Record, write_files
from homeostat.reproduce._past import Past

__all__ = ["Layout", "lay_out", "provide_inputs"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the folders of a run lie now.

    Args:
        folder: The folder of the reproduction.
        moved: Where each old folder is now; the deepest first.
        paths: What Python's import path must hold.
    """

    folder: Path
    moved: tuple[tuple[Path, Path], ...]
    paths: tuple[Path, ...]

    def place(self, path: Path) -> Path | None:
        """Return where a file or folder of the run is now; None if it was in none of the trees."""
        for old, new in self.moved:
            if path.is_relative_to(old):
                return new / path.relative_to(old)
        return None

    def argument(self, text: str) -> str:
        """Return an argument of the command line with the old folders replaced."""
        for old, new in self.moved:
            start, found, rest = text.partition(str(old))
            if found and start[-1:] in {"", "="} and rest[:1] in {"", "/"}:
                return f"{start}{new}{rest}"
        return text


def lay_out(past: Past, folder: Path) -> Layout:
    """Write the trees of a run below a folder.

    A package that was installed from its sources, and has not changed since, stays where it is.

    Raises:
        NotFoundError: If a content is not in the record.
        CorruptionError: If one has gone bad.
    """
    moved: dict[Path, Path] = {}
    paths: list[Path] = []
    for place, tree in past.places().items():
        files = past.files(place)
        old = Path(tree.folder)
        if place.startswith("editable:") and _unchanged(past, place):
            paths += [old / path for path in tree.import_paths]
            continue
        new = folder / _name(place)
        new.mkdir(parents=True, exist_ok=True)
        write_files(new, files.values())
        moved.setdefault(old, new)
        paths += [new / path for path in tree.import_paths]
    if past.cells:
        (folder / "cells.py").write_text("\n\n".join(past.source()) + "\n")
    deepest_first = sorted(moved.items(), key=lambda pair: -len(pair[0].parts))
    return Layout(folder, tuple(deepest_first), tuple(paths))


def provide_inputs(record: Record, past: Past, layout: Layout) -> Iterator[Finding]:
    """Put the files that were read from inside the trees, but are no code, where they were.

    Yields:
        A finding for each one whose content is no longer to be had.
    """
    stored = _stored(record, past)
    for file in past.inputs:
        old = Path(file["path"])
        new = layout.place(old)
        if new is None or new.exists():
            continue
        source = stored.get(file["sha256"], old)
        if source.is_file():
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, new)
        else:
            yield Finding(
                check="reproduce.missing_input",
                subject=str(old),
                verdict=Verdict.FAIL,
                summary=f"{old} was read, is gone, and no artifact has its content.",
            )


def _stored(record: Record, past: Past) -> dict[str, Path]:
    """Return the files of used artifacts by digest, as far as they are there."""
    found: dict[str, Path] = {}
    for reference in past.info.used:
        try:
            artifact = record.artifact(reference)
            found |= {digest: artifact.path(file) for file, digest in artifact.files.items()}
        except RecordError:
            continue  # the preflight has told so
    return found


def _unchanged(past: Past, place: str) -> bool:
    tree = past.places()[place]
    changed = set(tree.hidden)
    return not tree.left_out and all(
        path in changed or _same(Path(tree.folder) / path, file.content)
        for path, file in past.files(place).items()
    )


def _same(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _name(place: str) -> str:
    if place == "":
        return "project"
    kind, colon, name = place.partition(":")
    return f"{kind}/{name}" if colon else (place if place == "script" else f"project/{place}")
