"""A git directory of our own beside the user's, so that a work tree is read and nothing touched.

The user's objects are borrowed (alternates), the index is a copy, and attributes are overruled so
that files are taken byte by byte, through no filter. New objects go to a temporary folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from homeostat.record._capture.git import git, git_text

__all__ = ["Entry", "Shadow", "shadow_of"]

_RAW = "* -text -filter -ident -working-tree-encoding -export-subst\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a git tree.

    Args:
        path: Where it lies below the root.
        mode: As git has it; 0o160000 is another repository.
        object: Git's name of its content, or of the other repository's commit.
        size: Bytes; 0 for another repository, or where git does not say.
    """

    path: str
    mode: int
    object: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Shadow:
    """Git commands on a work tree, with an index and an object store of our own.

    Args:
        root: The work tree.
        head: The commit that is checked out; None before the first.
        variables: What makes git use the shadow.
        raw: Whether each file must be read anew, as the user's index holds filtered contents.
    """

    root: Path
    head: str | None
    variables: dict[str, str]
    raw: bool

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes | None:
        """Return what git prints; None where it fails."""
        return git(self.root, *arguments, variables=self.variables, stdin=stdin)

    def write_tree(self, keep: Iterable[str], leave: Iterable[str]) -> str | None:
        """Take some files as they are now, drop others, and return git's name of the whole."""
        kept = b"".join(os.fsencode(path) + b"\0" for path in keep)
        left = b"".join(os.fsencode(path) + b"\0" for path in leave)
        update = ("update-index", "-z", "--add", "--remove", "--replace")
        if kept and self.run(*update, "--stdin", stdin=kept) is None:
            return None
        if left:
            self.run("update-index", "-z", "--force-remove", "--stdin", stdin=left)
        tree = self.run("write-tree")
        return None if tree is None else tree.decode().strip()

    def files(self, tree: str) -> list[Entry]:
        """Return the files of a tree or commit."""
        printed = self.run("ls-tree", "-r", "-z", "-l", tree) or b""
        found = []
        for line in printed.split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, _, name, size = facts.split()
            bytes_ = int(size) if size != b"-" else 0
            found.append(Entry(os.fsdecode(path), int(mode, 8), name.decode(), bytes_))
        return found

    def differences(self, tree: str) -> tuple[list[Entry], list[str]]:
        """Return what a tree has that the commit has not, and the paths that only that has."""
        if self.head is None:
            return self.files(tree), []
        printed = self.run("diff-tree", "-r", "-z", "--no-renames", self.head, tree) or b""
        fields = printed.split(b"\0")[:-1]
        changed, gone = [], []
        for facts, path in zip(fields[::2], fields[1::2], strict=True):
            _, mode, _, name, status = facts.split()
            if status == b"D":
                gone.append(os.fsdecode(path))
            else:
                changed.append(Entry(os.fsdecode(path), int(mode, 8), name.decode()))
        return changed, gone

    def contents(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return contents by git's names; what git has not is not there."""
        stdin = b"".join(name.encode() + b"\n" for name in names)
        printed = (self.run("cat-file", "--batch", stdin=stdin) or b"") if stdin else b""
        found, at = {}, 0
        while at < len(printed):
            end = printed.index(b"\n", at)
            name, *facts = printed[at:end].split()
            at = end + 1
            if len(facts) == 2:
                size = int(facts[1])
                found[name.decode()] = printed[at : at + size]
                at += size + 1
        return found


@contextmanager
def shadow_of(root: Path) -> Iterator[Shadow | None]:
    """Make the shadow of a work tree for the time of a block; None if git refuses."""
    asked = ("--absolute-git-dir", "--git-path", "objects", "--git-path", "index")
    printed = git_text(root, "rev-parse", *asked)
    if printed is None:
        yield None
        return
    folder, objects, index = (root / line for line in printed.split("\n"))
    head = git_text(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    with TemporaryDirectory(prefix="homeostat-") as temporary:
        place = Path(temporary) / "git"
        raw = _furnish(place, folder, objects.resolve(), index, head)
        variables = {
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_DIR": str(place),
            "GIT_INDEX_FILE": str(place / "index"),
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_WORK_TREE": str(root),
        }
        yield Shadow(root, head, variables, raw)


def _furnish(place: Path, folder: Path, objects: Path, index: Path, head: str | None) -> bool:
    """Write the shadow's files; say whether the user's index is of no use to it."""
    for name in ("objects/info", "refs", "info"):
        (place / name).mkdir(parents=True)
    (place / "HEAD").write_text("ref: refs/heads/shadow\n")
    long = head is not None and len(head) == 64
    extensions = "\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"
    plain = "\trepositoryformatversion = 0\n"
    switches = "[core]\n\tbare = false\n\tautocrlf = false\n\tsplitIndex = false\n"
    (place / "config").write_text(switches + (extensions if long else plain))
    (place / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")
    (place / "info/attributes").write_text(_RAW)
    try:
        content = index.read_bytes()
    except OSError:
        return True  # nothing was ever added
    if b"attributes" in content or (folder / "info/attributes").exists():
        return True
    (place / "index").write_bytes(content)
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copy2(shared, place)
    shutil.copystat(index, place / "index")  # git trusts entries older than the index
    return False
