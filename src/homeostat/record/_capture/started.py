"""What is noted in the moment a run starts; all else is captured in the background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from homeostat.core import RealClock
from homeostat.record._capture.seeds import random_state

__all__ = ["Start"]


@dataclass(frozen=True, slots=True)
class Start:
    """What must be noted in the moment a run starts, before anything else happens; it is quick.

    Args:
        folder: The current folder.
        time_ns: By the system's clock, which files are stamped with.
        random: Digest of the state of each global random generator.
    """

    folder: str
    time_ns: int
    random: Mapping[str, str]

    @classmethod
    def now(cls) -> Self:
        """Note it."""
        return cls(str(Path.cwd()), RealClock().time_ns(), random_state())
