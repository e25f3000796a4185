"""The code of a run as whole trees of files, kept in the content store.

A tree is two packs: what its commit holds (made once for each commit, shared by all runs at it)
and what differed from that (usually small). Packs and not one content a file, because a run then
writes and ships two contents, not hundreds; and ZIP, because anybody can open it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from homeostat.core import Json
from homeostat.record._artifact.blobs import Blob, BlobStore
from homeostat.record._capture.git import git
from homeostat.record._capture.hide import hide_bytes, is_secret_name
from homeostat.record._capture.pack import PackedFile, pack, packed_paths, unpack
from homeostat.record._capture.shadow import Entry, Shadow
from homeostat.record._json import to_bytes

__all__ = [
    "Kept",
    "Noted",
    "Tree",
    "keep_files",
    "keep_tree",
    "nested_places",
    "note_tree",
    "shown_path",
    "status",
    "tree_files",
    "tree_paths",
    "unwanted",
]

_MAX_FILE_BYTES = 8 << 20
_MAX_TREE_BYTES = 64 << 20
_MAX_NAMES = 1000
_RULES = 1
"""Which rules a cached pack was made by; another number after each change of what is left out."""
_REPOSITORY = 0o160000
_MAX_REMEMBERED_BYTES = 4 << 20
_last: list[tuple[str, bytes, Kept]] = []
"""The commit that this process packed last, and the pack."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of files as it was when a run started.

    Args:
        place: "" is the project; a path is a submodule or another repository inside it;
            ``"editable:NAME"`` is a package installed from its sources; ``"script"`` is where
            the script lies if not in the project; ``"cells"`` are the executed cells of a notebook.
        folder: Where it lay.
        source: ``"git"``, or ``"modules"`` where there is no git: then only the modules that were
            imported, and those beside them, are kept.
        commit: The git commit that was checked out.
        tree: Git's name of the tree as it was, changes included.
        base: SHA-256 of the pack of what the commit holds.
        changes: SHA-256 of the pack of files that differed, or that the commit has not.
        removed: Files of the commit that were not there.
        left_out: Why a file is not kept, by its path.
        hidden: Files in which something that looks like a secret is replaced.
        import_paths: Folders of it that Python's import path held, for an editable install.
    """

    place: str
    folder: str
    source: str
    commit: str | None = None
    tree: str | None = None
    base: str | None = None
    changes: str | None = None
    removed: tuple[str, ...] = field(default=(), repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    import_paths: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; unknown keys are ignored."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        for name in ("removed", "hidden", "import_paths"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Noted:
    """The state of a work tree: git's name of it, and why which files are not in it."""

    tree: str
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A pack in the content store, and what is not in it."""

    pack: Blob | None
    left_out: dict[str, str]
    hidden: list[str]

    @property
    def sha256(self) -> str | None:
        """Digest of the pack; None if there is nothing in it."""
        return None if self.pack is None else self.pack.sha256


def keep_files(blobs: BlobStore, files: Iterable[PackedFile], left_out: dict[str, str]) -> Kept:
    """Keep files as one content, secrets hidden; no files are no content."""
    kept, hidden = [], []
    for file in files:
        content, count = hide_bytes(file.content)
        if count:
            hidden.append(file.path)
        kept.append(PackedFile(file.path, file.mode, content))
    packed = blobs.put(pack(kept)) if kept else None
    return Kept(packed, left_out, sorted(hidden))


def note_tree(shadow: Shadow, changed: Iterable[str]) -> Noted | None:
    """Have git note the state of a work tree; from then on it does not matter what is edited.

    Args:
        shadow: The work tree.
        changed: Files that may differ from the commit, as :func:`status` tells.
    """
    listed = {path: _size(shadow.root / path) for path in _to_read(shadow, changed)}
    listed = {path: size for path, size in listed.items() if not path.endswith("/")}
    left_out = unwanted(shadow.root, listed)
    tree = shadow.write_tree([path for path in listed if path not in left_out], left_out)
    return None if tree is None else Noted(tree, left_out)


def keep_tree(shadow: Shadow, blobs: BlobStore, place: str, noted: Noted) -> Tree:
    """Keep the files of a state that was noted, as two contents."""
    entries, gone = shadow.differences(noted.tree)
    changes = _keep_entries(shadow, blobs, entries, noted.left_out)
    base = Kept(None, {}, []) if shadow.head is None else _base(shadow, blobs, shadow.head)
    return Tree(
        place=place,
        folder=str(shadow.root),
        source="git",
        commit=shadow.head,
        tree=noted.tree,
        base=base.sha256,
        changes=changes.sha256,
        removed=tuple(shown_path(path) for path in gone if path not in noted.left_out),
        left_out=_named({**_without(base.left_out, gone), **changes.left_out}),
        hidden=tuple(sorted({*base.hidden, *changes.hidden})),
    )


def status(root: Path, avoid: Path | None) -> tuple[list[str], list[str]]:
    """Return the paths that differ from the commit, and which of them git does not know.

    Args:
        root: The work tree.
        avoid: A folder that is no code: the record that is being written.
    """
    own = ("-c", "core.untrackedCache=false", "status", "--porcelain", "-z", "--no-renames")
    printed = git(root, *own, "--untracked-files=all") or b""
    lines = [line for line in printed.split(b"\0") if line]
    found = {os.fsdecode(line[3:]): line.startswith(b"?? ") for line in lines}
    skipped = _records(root, (path for path, unknown in found.items() if unknown))
    if avoid is not None and avoid.is_relative_to(root) and avoid != root:
        skipped.append(f"{avoid.relative_to(root).as_posix()}/")
    paths = [path for path in found if not any(path.startswith(prefix) for prefix in skipped)]
    return paths, sorted(path for path in paths if found[path])


def tree_files(blobs: BlobStore, tree: Tree) -> dict[str, PackedFile]:
    """Return the files of a tree that was kept, by path.

    Raises:
        NotFoundError: If a pack is not in the content store.
        CorruptionError: If a pack has gone bad.
    """
    files = {file.path: file for file in unpack(blobs.get(tree.base))} if tree.base else {}
    gone = {*tree.removed, *tree.left_out}
    files = {path: file for path, file in files.items() if path not in gone}
    if tree.changes:
        files |= {file.path: file for file in unpack(blobs.get(tree.changes))}
    return files


def tree_paths(blobs: BlobStore, tree: Tree) -> set[str]:
    """Return the paths of the files of a tree that was kept; raises as :func:`tree_files`."""
    held = set(packed_paths(blobs.get(tree.base))) if tree.base else set()
    changed = set(packed_paths(blobs.get(tree.changes))) if tree.changes else set()
    return (held - {*tree.removed, *tree.left_out}) | changed


def nested_places(shadow: Shadow, noted: Noted, changed: Iterable[str]) -> list[str]:
    """Return where other repositories lie in a work tree: submodules, and unknown ones."""
    inside = [entry.path for entry in shadow.files(noted.tree) if entry.mode == _REPOSITORY]
    unknown = [path.rstrip("/") for path in changed if path.endswith("/")]
    return [
        path
        for path in dict.fromkeys([*inside, *unknown])
        if (shadow.root / path / ".git").exists()
    ]


def _to_read(shadow: Shadow, changed: Iterable[str]) -> list[str]:
    """Return the files whose state git has to take from the disk."""
    if not shadow.raw:
        return list(changed)
    tracked = git(shadow.root, "ls-files", "-z") or b""
    known = (os.fsdecode(path) for path in tracked.split(b"\0")[:-1])
    return list(dict.fromkeys([*known, *changed]))


def _base(shadow: Shadow, blobs: BlobStore, commit: str) -> Kept:
    """Return the pack of what a commit holds, made once a record, or once a process."""
    cache = blobs.folder.parent / "snapshots" / f"{commit}-{_RULES}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(cache.read_bytes())
        held = None if known["pack"] is None else Blob(*known["pack"])
        if held is None or held in blobs.hold([held]):
            return Kept(held, known["left_out"], known["hidden"])
    kept = _from_memory(blobs, commit)
    if kept is None:
        kept = _keep_entries(shadow, blobs, shadow.files(commit), {})
        _remember(blobs, commit, kept)
    draft = cache.with_suffix(f".{os.getpid()}")
    with suppress(OSError):  # a cache that cannot be written is done without
        cache.parent.mkdir(exist_ok=True)
        draft.write_bytes(to_bytes(asdict(kept)))
        draft.replace(cache)
    return kept


def _from_memory(blobs: BlobStore, commit: str) -> Kept | None:
    """Keep the pack that this process made last, for another record, again."""
    for known, content, kept in _last:
        if known == commit:
            return replace(kept, pack=blobs.put(content))
    return None


def _remember(blobs: BlobStore, commit: str, kept: Kept) -> None:
    if kept.pack is not None and kept.pack.size <= _MAX_REMEMBERED_BYTES:
        _last[:] = [(commit, blobs.get(kept.pack.sha256), kept)]


def _keep_entries(
    shadow: Shadow, blobs: BlobStore, entries: Iterable[Entry], left_out: dict[str, str]
) -> Kept:
    files = [entry for entry in entries if entry.mode != _REPOSITORY]
    sizes = {entry.path: entry.size for entry in files}
    left_out = left_out | unwanted(None, sizes)
    wanted = [entry for entry in files if entry.path not in left_out]
    contents = shadow.contents(dict.fromkeys(entry.object for entry in wanted))
    missing = [entry.path for entry in wanted if entry.object not in contents]
    left_out |= dict.fromkeys(missing, "git has no content of it here")
    packed = (
        PackedFile(entry.path, entry.mode, contents[entry.object])
        for entry in wanted
        if entry.object in contents
    )
    return keep_files(blobs, packed, left_out)


def unwanted(root: Path | None, sizes: Mapping[str, int]) -> dict[str, str]:
    """Return which files are not kept, and why: the largest ones where all are too much."""
    reasons, total = {}, 0
    for path, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        reason = _refusal(root, path, size)
        if reason is None and total + size > _MAX_TREE_BYTES:
            reason = f"with it the snapshot exceeds {_MAX_TREE_BYTES >> 20} MiB"
        if reason is None:
            total += size
        else:
            reasons[path] = reason
    return reasons


def _refusal(root: Path | None, path: str, size: int) -> str | None:
    if is_secret_name(path):
        return "its name is that of a secret"
    if size > _MAX_FILE_BYTES:
        return f"it exceeds {_MAX_FILE_BYTES >> 20} MiB"
    if shown_path(path) != path:
        return "its name is no UTF-8"
    place = None if root is None else root / path
    if place is not None and place.is_file() and not os.access(place, os.R_OK):
        return "it cannot be read"
    return None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _records(root: Path, unknown: Iterable[str]) -> list[str]:
    """Return folders that are records: what they hold is no code."""
    folders = (Path(path).parent for path in unknown if path.rpartition("/")[2] == "record.json")
    return [f"{folder.as_posix()}/" for folder in folders if (root / folder / "logs").is_dir()]


def _without(left_out: Mapping[str, str], gone: Iterable[str]) -> dict[str, str]:
    away = set(gone)
    return {path: why for path, why in left_out.items() if path not in away}


def _named(left_out: Mapping[str, str]) -> dict[str, str]:
    shown = {shown_path(path): why for path, why in left_out.items()}
    return dict(sorted(shown.items())[:_MAX_NAMES])


def shown_path(path: str) -> str:
    """Write a path so that it fits into JSON."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
