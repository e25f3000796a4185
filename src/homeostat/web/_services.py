"""Services: where processes keep what they count, and what they counted of late."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from homeostat.core import Finding, HomeostatError, RealClock
from homeostat.observe import Observed, Shelf

__all__ = ["Looks", "Service", "services"]

_WINDOW_NS = 60_000_000_000
_PROMISES = "sla.json"
_SHARED = "HOMEOSTAT_OBSERVE"


@dataclass(frozen=True, slots=True)
class Service:
    """Processes that count together.

    Args:
        name: What people call it.
        folder: Their shelf.
        promises: The file in which a server keeps how its SLA stands; it need not be there.
    """

    name: str
    folder: Path
    promises: Path

    def findings(self) -> list[Finding]:
        """Return how its SLA stands, as the service judged it last; none where it promised none."""
        try:
            kept: Mapping[str, Any] = json.loads(self.promises.read_bytes())
            return [Finding.from_json(one) for one in kept["findings"]]
        except (OSError, ValueError, KeyError, TypeError, HomeostatError):
            return []

    def judged_ns(self) -> int | None:
        """Return when that was; None where it was not."""
        try:
            return self.promises.stat().st_mtime_ns
        except OSError:
            return None

    def unreadable(self) -> int:
        """Return how many pages of counts this process has no right to read."""
        return sum(not os.access(path, os.R_OK) for path in self.folder.glob("*.page"))


def services(record: Path) -> dict[str, Service]:
    """Return the services that a record knows, by name.

    They are those that serve its models, those that share a folder under ``observed``, and the one
    that the environment of this process names (`HOMEOSTAT_OBSERVE`).
    """
    found: dict[str, Service] = {}
    for name, folder, promises in _shelves(record):
        if folder.is_dir() and all(folder != one.folder for one in found.values()):
            free = name if name not in found else f"{name} ({folder})"
            found[free] = Service(free, folder, promises / _PROMISES)
    return found


def _shelves(record: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield names, shelves, and the folders in which it says how the SLA stands."""
    for folder in sorted(record.glob("serving/one/*/counts")):
        yield unquote(folder.parent.name), folder, folder.parent
    many = record / "serving" / "many"
    yield "all models", many / "counts", many
    for folder in sorted(record.glob("observed/*")):
        yield folder.name, folder, folder
    if os.environ.get(_SHARED):
        folder = Path(os.environ[_SHARED])
        yield folder.name, folder, folder


class Looks:
    """Remembers an earlier look at each shelf, so that a page can say what came since.

    Of each it keeps two looks, so that the last minute or two can be told whenever it is looked at
    again; at first there is nothing to compare with.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Path, tuple[Observed, Observed]] = {}

    def look(self, folder: Path) -> tuple[Observed, Observed | None]:
        """Return all that was counted on a shelf, and that of the last minute or two.

        Raises:
            StorageError: If it cannot be read.
        """
        now = Observed.of(shelf=Shelf(folder), at_ns=RealClock.time_ns())
        with self._lock:
            earlier, later = self._kept.get(folder, (None, None))
            if earlier is None or later is None or now.since_ns > later.since_ns:
                self._kept[folder] = now, now  # the first look, or it began anew
                return now, None
            if now.at_ns - later.at_ns >= _WINDOW_NS:
                fresh = now.at_ns - later.at_ns < 2 * _WINDOW_NS
                self._kept[folder] = (later if fresh else now), now
        return now, now.since(earlier)
