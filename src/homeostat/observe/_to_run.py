"""The run of this process, which what is counted goes to with its next row."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat.track import Run

__all__ = ["current"]

_modules = sys.modules


def current() -> Run | None:
    """Return the run of this process, if there is one; `homeostat.track` is not loaded to look."""
    session = _modules.get("homeostat.track._session")
    if session is None:
        return None
    run: Run | None = session._run  # noqa: SLF001 - `track.run` says the same, at twice our cost
    return None if run is None or run.ended else run
