"""Splits: which rows are for training, for validation and for the test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest

__all__ = ["PARTS", "Mask", "Splits"]

Mask = NDArray[np.bool_]
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """The rows of each part, as masks over one frame; a row may be in none.

    Args:
        masks: For each of train, validation and test a mask over the rows.
        method: How they were parted: ``"time"`` or ``"random"``.
        boundaries: First and last instant of each part, where the parts are in time.
        gap: What was left out between parts.
        time: The time column; empty where there is none.

    Raises:
        InputError: If a part is missing or empty, or a row is in two parts.
    """

    masks: Mapping[str, Mask]
    method: str
    boundaries: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    gap: timedelta = timedelta()
    time: str = ""

    def __post_init__(self) -> None:
        for name in PARTS:
            if name not in self.masks or not self.masks[name].any():
                raise InputError(
                    f"Each of {', '.join(PARTS)} needs rows, {name} has none: make the parts or "
                    "the gap shorter, or bring more data."
                )
        if (np.sum(list(self.masks.values()), axis=0) > 1).any():
            raise InputError("A row may be in one part only, some are in two.")

    @property
    def train(self) -> Mask:
        """Mask of the training rows, shape (n,)."""
        return self.masks["train"]

    @property
    def validation(self) -> Mask:
        """Mask of the validation rows, shape (n,)."""
        return self.masks["validation"]

    @property
    def test(self) -> Mask:
        """Mask of the test rows, shape (n,)."""
        return self.masks["test"]

    @property
    def rows(self) -> int:
        """Number of rows of the frame that was split."""
        return int(self.train.size)

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256, in hex, of which rows are in each part.

        With the dataset's digest it names the very rows that a statistic was fitted on.
        """
        size = self.rows.to_bytes(8, "little")
        return {
            name: hashlib.sha256(size + np.packbits(self.masks[name]).tobytes()).hexdigest()
            for name in PARTS
        }

    @property
    def digest(self) -> str:
        """SHA-256 of all three parts, in hex."""
        return hashlib.sha256("".join(self.digests.values()).encode()).hexdigest()

    def take(self, part: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of one part of the frame that was split.

        Raises:
            InputError: If there is no such part, or the frame has another number of rows.
        """
        if part not in self.masks:
            raise InputError(f"There is no part `{part}`.{suggest(part, PARTS)}")
        self.fits(frame)
        return frame.filter(pl.Series(self.masks[part]))

    def fits(self, frame: pl.DataFrame) -> None:
        """Raise InputError unless the frame has as many rows as the one that was split."""
        if frame.height != self.rows:
            raise InputError(f"These splits are of {self.rows} rows, the frame has {frame.height}.")

    def summary(self) -> str:
        """Return one line with the rows and the boundaries of each part."""
        return "; ".join(self._line(name) for name in PARTS)

    def __repr__(self) -> str:
        return f"Splits({self.method}: {self.summary()})"

    def _line(self, name: str) -> str:
        text = f"{name} {int(self.masks[name].sum()):,} rows"
        if name in self.boundaries:
            first, last = self.boundaries[name]
            text += f" ({first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M})"
        return text
