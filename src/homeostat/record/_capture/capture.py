"""What code ran and how it was called: enough to do it again, and no secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from homeostat.core import Json
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._capture.environment import (
    Environment,
    capture_environment,
    editable_folders,
    without_login,
)
from homeostat.record._capture.git import git_text
from homeostat.record._capture.hide import SECRET_FILES, command, hide_text
from homeostat.record._capture.invocation import Invocation, capture_invocation, project_folder
from homeostat.record._capture.modules import (
    cells_tree,
    executed_cells,
    import_paths,
    is_tool,
    modules_tree,
)
from homeostat.record._capture.shadow import Shadow, shadow_of
from homeostat.record._capture.snapshot import (
    Noted,
    Tree,
    keep_tree,
    nested_places,
    note_tree,
    shown_path,
    status,
)
from homeostat.record._capture.started import Start

__all__ = [
    "Code",
    "Environment",
    "Start",
    "capture_code",
    "capture_environment",
    "command",
]

_MAX_PATCH_BYTES = 8 << 20
_MAX_NAMES = 1000
_NESTED = 4
"""How deep repositories in repositories are followed."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run.

    Args:
        commit: The git commit that was checked out; None outside git, or before the first one.
        branch: Its branch; None where the commit is detached.
        dirty: Whether tracked files differed from the commit, or there were untracked ones.
        patch: What to apply to the commit, for people to read; what looks like a secret is
            hidden. It is derived from the trees, which are the code.
        untracked: Files that git did not know and does not ignore.
        note: What is missing here, and why; empty where nothing is.
        remotes: URL of each git remote, by name, without logins.
        trees: The files themselves, as contents of the record: the project, and whatever else
            was run from its sources.
        changed_later: Files that were written after the run started and before they were read.
        invocation: How the process was called; None in old records.
    """

    commit: str | None
    branch: str | None
    dirty: bool
    patch: str = field(repr=False)
    untracked: tuple[str, ...] = field(repr=False)
    note: str = ""
    remotes: Mapping[str, str] = field(default_factory=dict, repr=False)
    trees: tuple[Tree, ...] = field(default=(), repr=False)
    changed_later: tuple[str, ...] = field(default=(), repr=False)
    invocation: Invocation | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; unknown keys are ignored, new ones may be absent."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        for name in ("untracked", "changed_later"):
            known[name] = tuple(known.get(name, ()))
        known["trees"] = tuple(Tree.from_json(tree) for tree in known.get("trees", ()))
        if known.get("invocation") is not None:
            known["invocation"] = Invocation.from_json(known["invocation"])
        return cls(**known)


def capture_code(
    folder: str | Path | None = None, *, blobs: BlobStore | None = None, start: Start | None = None
) -> Code:
    """Return the code of this process: commit, changes, whole trees of files, how it was called.

    Nothing of the user's is touched: git works on a copy of the index, and new objects go to a
    temporary folder. The state of a git tree is noted first, in some 50 ms, and its contents are
    copied from there, so what is edited meanwhile does not matter.

    Args:
        folder: A folder of the project; the script's, or else the current one, unless told.
        blobs: Where the files are kept; None keeps no files.
        start: What was noted as the run started; now, unless told.

    Example:
        >>> capture_code("/").commit is None
        True
    """
    start = start or Start.now()
    place = project_folder(Path(start.folder)) if folder is None else Path(folder)
    code = _project(place, blobs, start)
    invocation = capture_invocation(start.folder, start.random)
    if blobs is not None:
        others = [
            *_elsewhere(code.trees, blobs, invocation.script),
            *cells_tree(blobs, executed_cells()),
        ]
        code = replace(code, trees=(*code.trees, *others))
    return replace(code, invocation=invocation, note=_note(code))


def _project(folder: Path, blobs: BlobStore | None, start: Start) -> Code:
    top = git_text(folder, "rev-parse", "--show-toplevel")
    if top:
        with shadow_of(Path(top)) as shadow:
            if shadow is not None:
                return _of_git(shadow, blobs, start)
    trees = () if blobs is None else (modules_tree(folder.resolve(), blobs, ""),)
    note = "There is no git here."
    return Code(None, None, dirty=False, patch="", untracked=(), note=note, trees=trees)


def _of_git(shadow: Shadow, blobs: BlobStore | None, start: Start) -> Code:
    avoid = None if blobs is None else blobs.folder.parent.resolve()
    changed, untracked = status(shadow.root, avoid)
    later = [path for path in changed if _written_after(shadow.root / path, start.time_ns)]
    noted = note_tree(shadow, changed)
    patch, note = ("", "Git could not note the tree.") if noted is None else _patch(shadow, noted)
    trees = [] if noted is None or blobs is None else _keep(shadow, blobs, "", noted, changed)
    return Code(
        commit=shadow.head,
        branch=git_text(shadow.root, "symbolic-ref", "--quiet", "--short", "HEAD"),
        dirty=bool(changed),
        patch=patch,
        untracked=tuple(map(shown_path, untracked[:_MAX_NAMES])),
        note=note,
        remotes=_remotes(shadow.root),
        trees=tuple(trees),
        changed_later=tuple(map(shown_path, later[:_MAX_NAMES])),
    )


def _keep(
    shadow: Shadow, blobs: BlobStore, place: str, noted: Noted, changed: Iterable[str]
) -> list[Tree]:
    """Keep a work tree and the repositories inside of it."""
    kept = [keep_tree(shadow, blobs, place, noted)]
    if place.count("//") < _NESTED:
        for path in nested_places(shadow, noted, changed):
            kept += _keep_other(shadow.root / path, blobs, f"{place}/{path}" if place else path)
    return kept


def _keep_other(folder: Path, blobs: BlobStore, place: str) -> list[Tree]:
    """Keep another work tree than the project's; nothing where git refuses."""
    top = git_text(folder, "rev-parse", "--show-toplevel")
    if not top:
        return [modules_tree(folder, blobs, place)]
    with shadow_of(Path(top)) as shadow:
        changed, _ = ([], []) if shadow is None else status(shadow.root, None)
        noted = None if shadow is None else note_tree(shadow, changed)
        if shadow is None or noted is None:
            return []
        return _keep(shadow, blobs, place, noted, changed)


def _elsewhere(trees: Iterable[Tree], blobs: BlobStore, script: str | None) -> list[Tree]:
    """Keep what runs from its sources and lies outside of the project."""
    found: list[Tree] = []
    places = {f"editable:{name}": folder for name, folder in editable_folders().items()}
    if script is not None:
        places = {"script": Path(script).parent} | places
    for place, folder in places.items():
        held = [Path(tree.folder) for tree in (*trees, *found)]
        if (
            not folder.is_dir()
            or any(folder.is_relative_to(one) for one in held)
            or is_tool(folder)
        ):
            continue
        kept = _keep_other(folder, blobs, place)
        found += [replace(tree, import_paths=import_paths(Path(tree.folder))) for tree in kept]
    return found


def _patch(shadow: Shadow, noted: Noted) -> tuple[str, str]:
    """Return what to apply to the commit, and a note of what it lacks."""
    empty = shadow.run("mktree") if shadow.head is None else None
    before = shadow.head if empty is None else empty.decode().strip()
    hidden = [f":(exclude,glob,icase)**/{pattern}" for pattern in SECRET_FILES]
    options = ("--binary", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
    printed = shadow.run("diff", *options, str(before), noted.tree, "--", ".", *hidden) or b""
    if len(printed) > _MAX_PATCH_BYTES:
        return "", f"The patch is left out: it exceeds {_MAX_PATCH_BYTES >> 20} MiB."
    patch, count = hide_text(printed.decode("utf-8", "backslashreplace"))
    return patch, f"The patch lacks {count} texts that look like secrets." if count else ""


def _remotes(root: Path) -> dict[str, str]:
    printed = git_text(root, "config", "--get-regexp", r"^remote\..*\.url$") or ""
    lines = (line.partition(" ") for line in printed.splitlines())
    return {
        name.removeprefix("remote.").removesuffix(".url"): without_login(url)
        for name, _, url in lines
    }


def _written_after(path: Path, time_ns: int) -> bool:
    try:
        return path.lstat().st_mtime_ns > time_ns
    except OSError:
        return False


def _note(code: Code) -> str:
    """Say in sentences what the trees lack."""
    left_out = [path for tree in code.trees for path in tree.left_out]
    hidden = [path for tree in code.trees for path in tree.hidden]
    notes = [code.note] if code.note else []
    if left_out:
        notes.append(f"Not kept: {_listed(left_out)}.")
    if hidden:
        notes.append(f"Texts that look like secrets are hidden in {_listed(hidden)}.")
    if code.changed_later:
        notes.append(f"Written while the run started: {_listed(list(code.changed_later))}.")
    return " ".join(notes)


def _listed(paths: list[str]) -> str:
    shown = ", ".join(paths[:5])
    return f"{shown} and {len(paths) - 5} more" if len(paths) > 5 else shown
