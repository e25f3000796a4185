"""The last run of a project, for `resume="auto"`."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat.record import Record
    from homeostat.track._run import Run

__all__ = ["last", "remember"]


def last(record: Record, project: str) -> str | None:
    """Return the id of the last run that asked to be resumed and did not end well."""
    with suppress(OSError):
        return _place(record.path, project).read_text().strip() or None
    return None


def remember(run: Run) -> None:
    """Note a run, until it ends well."""
    place = _place(run.record.path, run.project)
    with suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        place.write_text(run.id)

    def forget(well: bool) -> None:  # noqa: FBT001 - how the run ended
        with suppress(OSError):
            if well and place.read_text().strip() == run.id:
                place.unlink()

    run.at_end.append(forget)


def _place(record: Path, project: str) -> Path:
    name = hashlib.sha256(project.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return record / "unfinished" / name
