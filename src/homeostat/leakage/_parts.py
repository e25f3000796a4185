"""What a split must offer to be judged: which rows of a frame are in which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError

__all__ = ["PARTS", "Cut", "Mask", "Parts", "check_rows"]

Mask = NDArray[np.bool_]
PARTS = ("train", "validation", "test")


class Parts(Protocol):
    """The rows of each part as masks over one frame; `homeostat.split.Splits` fits.

    The rooms `split` and `leakage` do not import each other: what cuts rows and what judges the
    cut meet in this shape.
    """

    @property
    def masks(self) -> Mapping[str, Mask]:
        """For each of train, validation and test a mask over the rows, each of shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Cut:
    """Parts that a check makes for itself."""

    masks: Mapping[str, Mask]


def check_rows(parts: Parts, frame: pl.DataFrame) -> None:
    """Raise InputError unless the masks are of all three parts and as long as the frame."""
    for name in PARTS:
        if name not in parts.masks:
            raise InputError(f"A split has the parts {', '.join(PARTS)}; {name} is missing.")
        if (rows := parts.masks[name].size) != frame.height:
            raise InputError(f"These splits are of {rows} rows, the frame has {frame.height}.")
