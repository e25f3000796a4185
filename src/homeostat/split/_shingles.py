"""Shingles: the overlapping pieces that a text is compared by, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core._row_ids import mix

__all__ = ["Shingles", "char_shingles", "word_shingles"]

_SEED = 20  # of the hash of words, which lives only as long as the call


@dataclass(frozen=True, slots=True, eq=False)
class Shingles:
    """Pieces of many texts, one text after another.

    Args:
        codes: A hash of each piece, uint64, shape (total,).
        length: Pieces of each text, at least 1, int64, shape (n,).
    """

    codes: NDArray[np.uint64]
    length: NDArray[np.int64]

    @property
    def start(self) -> NDArray[np.int64]:
        """Where the pieces of each text begin, shape (n,)."""
        return np.asarray(np.cumsum(self.length) - self.length)


def word_shingles(texts: pl.Series, width: int) -> Shingles:
    """Cut texts into runs of ``width`` words; shorter ones are one piece.

    Words are what is between white space, without regard to case.
    """
    words = texts.str.to_lowercase().str.strip_chars().str.extract_all(r"\S+")
    length = np.maximum(words.list.len().to_numpy().astype(np.int64), 1)
    codes = words.explode().hash(_SEED).to_numpy()
    return _runs(codes, length, width)


def char_shingles(texts: pl.Series, width: int) -> Shingles:
    """Cut texts into runs of ``width`` bytes of UTF-8, at most 8; shorter ones are one piece."""
    plain = texts.str.to_lowercase().str.strip_chars().str.replace_all(r"\s+", " ")
    plain = plain.replace("", "\0")
    length = plain.str.len_bytes().to_numpy().astype(np.int64)
    raw = np.frombuffer((plain.str.join("").item() or "").encode(), np.uint8)
    return _runs(raw.astype(np.uint64) + np.uint64(1), length, width)


def _runs(codes: NDArray[np.uint64], length: NDArray[np.int64], width: int) -> Shingles:
    """Join each piece with the ``width - 1`` after it in the same text."""
    if width == 1:
        return Shingles(mix(codes), length)
    total, joined = codes.size, codes.copy()
    end = np.repeat(np.cumsum(length), length)
    for step in range(1, width):
        nearer = joined[: total - step] * np.uint64(0x9E3779B97F4A7C15) + codes[step:]
        within = np.arange(step, total) < end[: total - step]
        joined[: total - step] = np.where(within, nearer, joined[: total - step])
    kept = np.maximum(length - width + 1, 1)
    place = np.arange(total) - np.repeat(np.cumsum(length) - length, length)
    return Shingles(mix(joined[place < np.repeat(kept, length)]), kept)
