"""The bytes of a log, whether it is a plain file or a sealed one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from homeostat.core import NotFoundError, StorageError

__all__ = [
    "LogBytes",
    "PlainBytes",
    "found_logs",
    "log_sizes",
    "open_log",
    "read_bytes",
    "sealed_path",
]


class LogBytes(Protocol):
    """The bytes of a log, as its writer wrote them; closed with the block."""

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer at the end of the log."""

    def size(self) -> int:
        """Return how many bytes there are now."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class PlainBytes:
    """The bytes of a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer at the end of the file."""
        return os.pread(self._file, count, offset)

    def size(self) -> int:
        """Return how many bytes there are now."""
        return os.fstat(self._file).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)


def sealed_path(path: Path) -> Path:
    """Return where a log is once it is sealed."""
    return path.with_suffix(".sealed")


def open_log(path: Path) -> LogBytes:
    """Open a log by the path of its plain file, which need not be there if it is sealed.

    Raises:
        NotFoundError: If there is neither.
        StorageError: If it cannot be read.
    """
    sealed = sealed_path(path)
    for place in (sealed, path, sealed):  # it may be sealed, or unsealed, just now
        try:
            if place is path and path.suffix != ".sealed":
                return PlainBytes(path)
            if place.exists():
                from homeostat.record._log.sealed import SealedBytes  # noqa: PLC0415 - it needs Polars

                return SealedBytes(place)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"The log {path} cannot be read: {error.strerror}.") from error
    raise NotFoundError(f"There is no log {path}.")


def log_sizes(folder: Path, known: Iterable[str] = ()) -> dict[str, int]:
    """Return how many bytes each log has; a sealed one as many as it had.

    Args:
        folder: Where the logs are.
        known: Logs to look for once more where they were not seen, as while one is sealed.
    """
    return {name: size for name, (size, _) in found_logs(folder, known).items()}


def found_logs(folder: Path, known: Iterable[str] = ()) -> dict[str, tuple[int, bool]]:
    """Return the bytes of each log, and whether it is sealed; see :func:`log_sizes`."""
    if not folder.is_dir():
        return {}
    found: dict[str, tuple[int, bool]] = {}
    again: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".sealed"):
                again.append(f"{Path(entry.name).stem}.log")
            elif entry.name.endswith(".log"):
                try:
                    found[entry.name] = entry.stat().st_size, False
                except FileNotFoundError:  # sealed just now
                    again.append(entry.name)
    for name in [*again, *(name for name in known if name not in found)]:
        with suppress(NotFoundError):
            found[name] = _looked_at(folder / name)
    return found


def _looked_at(path: Path) -> tuple[int, bool]:
    sealed = sealed_path(path)
    try:
        key = str(sealed), sealed.stat().st_ino
        if key not in _sizes:
            from homeostat.record._log.seal_format import sealed_size  # noqa: PLC0415 - rarely needed

            _sizes[key] = sealed_size(sealed)
        return _sizes[key], True
    except FileNotFoundError:
        with open_log(path) as log:  # unsealed, or gone
            return log.size(), False


def read_bytes(folder: Path, name: str, offset: int, limit: int) -> bytes:
    """Return bytes of a log as its writer wrote them, sealed or not.

    Raises:
        NotFoundError: If there is no such log.
    """
    with open_log(folder / name) as log:
        return log.read(limit, offset)


_sizes: dict[tuple[str, int], int] = {}  # what is sealed does not change
