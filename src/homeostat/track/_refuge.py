"""Where a run writes while its record refuses to be written: a training goes on without a loss."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import HomeostatError, StorageError

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["REFUSED", "bring_home", "open_refuge", "refuge_of", "rescue", "vanished"]

REFUSED = (StorageError, OSError, sqlite3.Error)
"""What a disk that is full, read-only, locked or gone shows as."""


def refuge_of(record: Path) -> Path:
    """Return the folder, under the system's temporary one, where a record's refuges are."""
    name = hashlib.sha256(str(record.absolute()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"homeostat-{os.getuid()}" / name


def open_refuge(record: Path) -> Record | None:
    """Return a new record in the temporary folder, of this process; None where that fails too."""
    from homeostat.record import Record  # noqa: PLC0415 - loaded with the first run

    try:
        root = refuge_of(record)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.parent.stat().st_uid != os.getuid():
            return None  # somebody else made it: what is written there would be theirs
        return Record(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root), capture=False)
    except (HomeostatError, OSError):
        return None


def bring_home(record: Path) -> int:
    """Copy what ended up in refuges into their record, and return how many logs those were.

    A log is taken whole and under its own name, so doing it twice changes nothing. A refuge
    whose process is gone is removed once all of it is home.

    Raises:
        OSError: If the record cannot be written.
    """
    brought = 0
    root = refuge_of(record)
    for refuge in sorted(root.iterdir()) if root.is_dir() else ():
        if refuge.stat().st_uid != os.getuid():
            continue
        for blob in sorted(refuge.glob("blobs/*/*")):
            _copy(blob, record / blob.relative_to(refuge))
        for log in sorted(refuge.glob("logs/*.log")):
            _copy(log, record / "logs" / log.name)
            brought += 1
        if not _lives(refuge.name.partition("-")[0]):
            shutil.rmtree(refuge, ignore_errors=True)
    with suppress(OSError):
        root.rmdir()
    return brought


def vanished(record: Path) -> list[tuple[Path, Path]]:
    """Return the logs of a record that this process writes and somebody has removed.

    Returns:
        For each the way that still leads to its bytes, and where it was.
    """
    logs, found = f"{record.absolute()}/logs/", []
    with suppress(OSError):
        for way in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                target = str(way.readlink())
                if target.startswith(logs) and target.endswith(" (deleted)"):
                    found.append((way, Path(target.removesuffix(" (deleted)"))))
    return found


def rescue(logs: list[tuple[Path, Path]], refuge: Path) -> None:
    """Copy logs that were removed into a refuge."""
    (refuge / "logs").mkdir(parents=True, exist_ok=True)
    for way, was in logs:
        shutil.copyfile(way, refuge / "logs" / was.name)


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, draft)
        draft.chmod(source.stat().st_mode & 0o777)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True
