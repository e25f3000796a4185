"""Code that no git knows: the modules that a process imported, and the cells of a notebook."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from homeostat.core import Json
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._capture.pack import PackedFile
from homeostat.record._capture.snapshot import Tree, keep_files, shown_path, unwanted

__all__ = [
    "cells_tree",
    "executed_cells",
    "import_paths",
    "imported_files",
    "is_tool",
    "keep_late",
    "modules_tree",
]

_PLAIN, _EXECUTABLE = 0o100644, 0o100755
_MAX_BESIDE = 2000


def modules_tree(root: Path, blobs: BlobStore, place: str) -> Tree:
    """Keep every imported module that lies below a folder, and the modules beside them.

    Those beside are kept because a later line may import them.
    """
    return _kept(blobs, place, root, _modules_below(root))


def cells_tree(blobs: BlobStore, cells: Sequence[str]) -> list[Tree]:
    """Keep the executed cells of a notebook, one file a cell, in their order; no cells, no tree."""
    if not cells:
        return []
    files = [
        PackedFile(f"cell-{number:05}.py", _PLAIN, cell.encode("utf-8", "backslashreplace"))
        for number, cell in enumerate(cells, 1)
    ]
    kept = keep_files(blobs, files, {})
    return [Tree("cells", "", "cells", changes=kept.sha256, hidden=tuple(kept.hidden))]


def keep_late(blobs: BlobStore, code_trees: Iterable[Tree], paths: Iterable[str]) -> list[Json]:
    """Keep modules that were imported, or scripts that ran, after the trees were kept."""
    roots = [(tree.place, Path(tree.folder)) for tree in code_trees if tree.folder]
    by_place: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        place = next((place for place, root in roots if path.is_relative_to(root)), None)
        if place is not None and path.is_file():
            by_place.setdefault(place, []).append(path)
    folders = dict(roots)
    return [
        _kept(blobs, place, folders[place], files).to_json() for place, files in by_place.items()
    ]


def executed_cells() -> list[str]:
    """Return the cells that IPython executed, as Python, in their order; none outside of it."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    cells = [] if shell is None else list(shell.user_ns.get("In", ()))
    return [cell for cell in cells if isinstance(cell, str) and cell.strip()]


def imported_files() -> Iterator[Path]:
    """Yield the source files of imported modules that are no installed package's."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = Path(file)
        if not is_tool(path) and path.is_absolute() and path.is_file():
            yield path


def is_tool(path: Path) -> bool:
    """Say whether a path belongs to Python or to an installed package."""
    return any(path.is_relative_to(folder) for folder in _TOOLS)


def import_paths(root: Path) -> tuple[str, ...]:
    """Return the folders of a tree that Python's import path holds, relative to it."""
    entries = (Path(entry) for entry in sys.path if entry)
    inside = [entry for entry in entries if entry.is_relative_to(root) and not is_tool(entry)]
    found = [entry.relative_to(root).as_posix() for entry in inside]
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__") and isinstance(getattr(module, "MAPPING", None), dict):
            targets = (Path(target).parent for target in module.MAPPING.values())
            found += [t.relative_to(root).as_posix() for t in targets if t.is_relative_to(root)]
    return tuple(dict.fromkeys(found))


def _modules_below(root: Path) -> list[Path]:
    imported = [path for path in imported_files() if path.is_relative_to(root)]
    folders = dict.fromkeys(path.parent for path in imported)
    beside = [path for folder in folders for path in _sources(folder)]
    return list(dict.fromkeys([*imported, *beside[:_MAX_BESIDE]]))


def _sources(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.glob("*.py") if path.is_file())


def _kept(blobs: BlobStore, place: str, root: Path, paths: Iterable[Path]) -> Tree:
    files = {path.relative_to(root).as_posix(): path for path in paths}
    left_out = unwanted(root, {name: path.stat().st_size for name, path in files.items()})
    packed = (_packed(name, path) for name, path in files.items() if name not in left_out)
    kept = keep_files(blobs, packed, left_out)
    return Tree(
        place=place,
        folder=str(root),
        source="modules",
        changes=kept.sha256,
        left_out={shown_path(path): why for path, why in kept.left_out.items()},
        hidden=tuple(kept.hidden),
    )


def _packed(name: str, path: Path) -> PackedFile:
    mode = _EXECUTABLE if path.stat().st_mode & 0o100 else _PLAIN
    return PackedFile(name, mode, path.read_bytes())


def _tools() -> tuple[Path, ...]:
    """Return where Python and installed packages lie."""
    installed = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    paths = {*(installed[name] for name in names), *_user_site()}
    if sys.prefix != sys.base_prefix:
        paths.add(sys.prefix)  # all of a virtual environment
    known = tuple(Path(path) for path in paths)
    return (*known, *_installed_elsewhere(known))


def _installed_elsewhere(known: Sequence[Path]) -> Iterator[Path]:
    """Yield other folders of the import path that pip filled, as by ``--target``."""
    for path in map(Path, filter(None, sys.path)):
        inside = any(path.is_relative_to(folder) for folder in known)
        if not inside and path.is_dir() and any(path.glob("*.dist-info/RECORD")):
            yield path


def _user_site() -> list[str]:
    site: Any = sys.modules.get("site")
    folder = None if site is None else getattr(site, "USER_SITE", None)
    return [folder] if folder else []


_TOOLS = _tools()
