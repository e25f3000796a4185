"""Version: one trained state of a system's model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from homeostat.core import Model

__all__ = ["Version"]


@dataclass(frozen=True, slots=True)
class Version:
    """One trained state of the model.

    Args:
        name: Such as ``"v3"``.
        model: What predicts.
        until: No outcome known after this was seen in training.
        how: How it was made: ``"scratch"``, ``"refit"``, ...
        rows: Number of rows it learned from when it was made.
    """

    name: str
    model: Model
    until: datetime
    how: str
    rows: int
