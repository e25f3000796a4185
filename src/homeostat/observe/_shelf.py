"""Shelf: the folder in which processes share their pages; what the dead counted is kept as one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeostat.core import CorruptionError, StorageError
from homeostat.observe._page import Kind, Page, Series, header, read_page
from homeostat.observe._state import State, read_state, surviving, total, write

__all__ = ["Shelf"]

_RETIRED = "retired.counts"


class Shelf:
    """Pages of living processes, each locked by its own, and one page of all that have died.

    A process holds a lock (`flock`) on its page, which the kernel lets go when it dies, however
    it dies. Who reads next adds the pages of the dead to one page and removes them, so a
    thousand dead workers cost a reader as much as none.

    Args:
        folder: Made if it is missing; on a disk of this machine.

    Raises:
        StorageError: If it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"Counts cannot be shared in {folder}: {error.strerror}. Name a folder that can "
                "be written."
            ) from error

    def page(self, *, start_ns: int) -> Page:
        """Return a new page of this process, which others read from now on.

        Raises:
            OSError: If the disk is full or the folder is gone.
        """
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        new = self.folder / f"{name}.new"
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        guard = os.open(new, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            page = Page(file, guard=guard, process=os.getpid(), start_ns=start_ns)
            new.rename(self.folder / f"{name}.page")  # seen only once it is locked and whole
        except OSError:
            os.close(file)
            os.close(guard)
            new.unlink(missing_ok=True)
            raise
        return page

    def renew(self) -> None:
        """Forget what was counted, if none of the processes that counted is alive."""
        with self._folding() as may_fold:
            pages = sorted(self.folder.glob("*.page"))
            if not may_fold or any(_look(path)[2] for path in pages):
                return
            for path in (*pages, self.folder / _RETIRED):
                path.unlink(missing_ok=True)

    def living(self) -> int:
        """Return how many processes count here now."""
        return sum(map(_lives, self.folder.glob("*.page")))

    def read(self) -> tuple[State, int]:
        """Return what all processes counted, the dead included, and since when in ns.

        Raises:
            StorageError: If the folder cannot be read.
        """
        with self._folding() as may_fold:
            folded, retired, since = self._retired()
            living, dead = [], {}
            for path in sorted(self.folder.glob("*.page")):
                if path.name in folded:
                    continue
                state, start_ns, alive = _look(path)
                if state is None:
                    continue
                since.append(start_ns)
                if alive:
                    living.append(state)
                else:
                    dead[path.name] = surviving(state)
            gone = total([retired, *dead.values()])
            if may_fold and (dead or folded):
                self._fold(folded, dead, gone, min(since, default=0))
        return total([gone, *living]), min(since, default=0)

    def _fold(self, folded: set[str], dead: dict[str, State], gone: State, since_ns: int) -> None:
        """Keep what the dead counted in one page, which says whose it is; then remove theirs.

        Where this is cut off, the next reader finds the names and does not count them twice.
        """
        for name in folded:
            (self.folder / name).unlink(missing_ok=True)
        if not dead:
            return
        new = self.folder / f"{secrets.token_hex(6)}.tmp"
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            page = Page(file, start_ns=since_ns)
        except OSError:  # a full disk: the pages stay as they are
            os.close(file)
            new.unlink()
            return
        try:
            page.allot(Series(Kind.NOTE, json.dumps(sorted(dead))))
            write(page, gone)
            os.ftruncate(file, page.ints[1])
            new.rename(self.folder / _RETIRED)
        except (OverflowError, OSError):  # likewise, or more series than fit
            new.unlink(missing_ok=True)
            return
        finally:
            page.close()
        for name in dead:
            (self.folder / name).unlink(missing_ok=True)

    def _retired(self) -> tuple[set[str], State, list[int]]:
        try:
            content = (self.folder / _RETIRED).read_bytes()
        except FileNotFoundError:
            return set(), {}, []
        notes = [p.series.name for p in read_page(content) if p.series.kind is Kind.NOTE]
        there = {path.name for path in self.folder.glob("*.page")}
        folded = {name for note in notes for name in json.loads(note)} & there
        return folded, read_state(content), [header(content)[1]]

    @contextmanager
    def _folding(self) -> Iterator[bool]:
        """Read while no other process folds; tell whether this one may (a reader may not)."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            file = os.open(self.folder / "lock", flags, 0o600)
        except OSError:
            yield False
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield True
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a child forked meanwhile has the file open too
            os.close(file)


def _look(path: Path) -> tuple[State | None, int, bool]:
    """Return what a page says, since when, and whether its process lives; None if it is none."""
    with contextlib.suppress(FileNotFoundError, PermissionError, CorruptionError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            alive = not _free(file)
            used = int.from_bytes(os.pread(file, 8, 8), "little")
            content = os.pread(file, used, 0)
            return read_state(content), header(content)[1], alive
        finally:
            os.close(file)
    return None, 0, False


def _lives(path: Path) -> bool:
    """Say whether the process whose page this is is alive."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        return not _free(file)
    finally:
        os.close(file)


def _free(file: int) -> bool:
    """Say whether nobody holds a lock on a file, that is, whether its process is dead."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
