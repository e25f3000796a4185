"""Similar texts: near-duplicates among many, by the words or characters that they share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from homeostat.core import InputError, SchemaError
from homeostat.core._row_ids import mix
from homeostat.split._copies import Copies
from homeostat.split._exact_copies import stars
from homeostat.split._links import column_codes
from homeostat.split._min_hash import bands_of, candidates, signatures
from homeostat.split._shingles import Shingles, char_shingles, word_shingles

__all__ = ["similar_texts"]

_PAIRS = 1 << 16  # candidates compared in one go


def similar_texts(
    texts: pl.Series | Iterable[str | None],
    *,
    threshold: float = 0.8,
    shingle: str = "word",
    width: int = 1,
    recall: float = 0.95,
    seed: int = 0,
) -> Copies:
    """Find pairs of texts that share most of their words, or of their characters.

    Candidates come from MinHash signatures cut into bands; of each the exact Jaccard similarity
    of the two sets of pieces is taken, so no pair below the threshold is returned. Case and
    runs of white space make no difference. Of texts with the very same pieces each is paired
    with the first only. Where more than 64 texts share a band, neighbours are compared, not all
    pairs: sets of copies stay linked.

    Args:
        texts: A column of text; null and empty texts are copies of nothing.
        threshold: Least similarity, in (0, 1]: shared pieces over all pieces of both.
        shingle: ``"word"`` or ``"char"``, what is compared.
        width: How many words, or bytes of UTF-8, make one piece; at most 8.
        recall: Share of the pairs at the threshold that are found on average; more of those
            above it.
        seed: Of the hash functions.

    Returns:
        Pairs with their similarity. Time grows with the number of pieces: 100,000 short texts
        take about a CPU-second.

    Raises:
        InputError: If a setting is out of range.
        SchemaError: If the column holds no text.

    Example:
        >>> found = similar_texts(["the quick brown fox", "The quick brown  fox!", "a cat",
        ...                        "quick the brown fox"], threshold=0.5)
        >>> found.pairs.tolist(), found.similarity.tolist()
        ([[0, 1], [0, 3]], [0.6, 1.0])
    """
    if not (0 < threshold <= 1 and 0 < recall < 1 and 1 <= width <= 8):
        raise InputError(
            "Threshold and recall lie in (0, 1] and (0, 1), width in 1 to 8; got "
            f"{threshold}, {recall} and {width}."
        )
    if shingle not in {"word", "char"}:
        raise InputError(f"Pieces are of 'word' or 'char', not {shingle!r}.")
    column = _column(texts)
    held = np.flatnonzero((column.str.strip_chars().str.len_bytes().fill_null(0) > 0).to_numpy())
    if not held.size:
        return stars(np.arange(len(column)).astype(np.uint64))
    cut = word_shingles if shingle == "word" else char_shingles
    pieces = _sets(cut(column[held], width))
    equal = stars(_whole(pieces))
    first = np.flatnonzero(~_later(equal))
    pairs, similarity = _alike(_chosen(pieces, first), threshold, recall, seed)
    every = np.concatenate([held[equal.pairs], held[first[pairs]]])
    order = np.lexsort((every[:, 1], every[:, 0]))
    likeness = np.concatenate([equal.similarity, similarity])
    return Copies(every[order], likeness[order], len(column))


def _alike(
    pieces: Shingles, threshold: float, recall: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pairs of different sets that are alike, and their similarity."""
    if threshold == 1 or pieces.length.size < 2:
        return np.empty((0, 2), np.int64), np.empty(0)
    bands, rows = bands_of(threshold, recall, pieces.length.size)
    tried = candidates(signatures(pieces, bands * rows, seed), bands)
    size = pieces.length[tried]
    hopeful = size.min(axis=1) >= threshold * size.max(axis=1)  # else it cannot be reached
    tried = tried[hopeful]
    likeness = _jaccard(pieces, tried)
    good = likeness >= threshold - 1e-12
    return tried[good], likeness[good]


def _jaccard(pieces: Shingles, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return shared pieces over all pieces of each pair of sets."""
    ends = np.concatenate([[0], np.cumsum(pieces.length)])
    numbered = column_codes(pl.Series(pieces.codes)).astype(np.int32)
    width = int(numbered.max(initial=0)) + 1
    ones = np.ones(numbered.size, np.int32)
    table = csr_array((ones, numbered, ends), shape=(pieces.length.size, width))
    table.has_canonical_format = True  # codes are sorted, so their numbers are
    found = np.empty(len(pairs))
    for at in range(0, len(pairs), _PAIRS):
        some = pairs[at : at + _PAIRS]
        shared = table[some[:, 0]].multiply(table[some[:, 1]]).sum(axis=1)
        found[at : at + _PAIRS] = shared / (pieces.length[some].sum(axis=1) - shared)
    return found


def _sets(pieces: Shingles) -> Shingles:
    """Sort the pieces of each text and drop those that it has twice.

    Number and piece are sorted as one integer, so a piece keeps 64 bits less those of a number.
    """
    n = pieces.length.size
    high = np.uint64(n.bit_length())
    number = np.repeat(np.arange(n, dtype=np.uint64), pieces.length)
    both = (number << (np.uint64(64) - high)) | (pieces.codes >> high)
    both.sort()
    both = both[np.append(np.True_, both[1:] != both[:-1])]
    number = both >> (np.uint64(64) - high)
    return Shingles(both << high, np.bincount(number.astype(np.int64), minlength=n))


def _whole(pieces: Shingles) -> NDArray[np.uint64]:
    """Return one hash of each set: a sum, so that order makes no difference."""
    return np.asarray(np.add.reduceat(mix(pieces.codes), pieces.start))


def _later(equal: Copies) -> NDArray[np.bool_]:
    later = np.zeros(equal.rows, np.bool_)
    later[equal.pairs[:, 1]] = True
    return later


def _chosen(pieces: Shingles, sets: NDArray[np.int64]) -> Shingles:
    """Return some of the sets, one after another."""
    length = pieces.length[sets]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return Shingles(pieces.codes[np.repeat(pieces.start[sets], length) + within], length)


def _column(texts: pl.Series | Iterable[str | None]) -> pl.Series:
    column = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
    if isinstance(column.dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        return column.cast(pl.String)
    raise SchemaError(f"Texts are compared, `{column.name}` holds {column.dtype}.")
