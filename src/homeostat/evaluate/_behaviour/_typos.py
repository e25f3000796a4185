"""Typos: swapped, dropped, doubled letters, and the key beside the right one.

A text gets a random place and kind; where the kind cannot change anything at that place (equal
neighbours, a digit) both are drawn again, and after some rounds every place that is left is
looked at. So each text that has a letter is changed, and the cost is one draw a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.evaluate._behaviour._codepoints import (
    Flat,
    Places,
    Points,
    chunks,
    letters,
    texts_differ,
)

__all__ = ["TYPOS", "Typo", "typos"]

Typo = Literal["swap", "drop", "double", "neighbour"]
TYPOS: tuple[Typo, ...] = ("swap", "drop", "double", "neighbour")
_SWAP, _DROP, _DOUBLE, _NEIGHBOUR = range(4)
_ROUNDS = 6
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # each half a key to the right of the one above


def typos(
    texts: Sequence[str],
    count: int = 1,
    *,
    kinds: Sequence[Typo] = TYPOS,
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts with typos; one without a letter comes back as it is.

    Args:
        texts: Any strings, empty ones too.
        count: How many typos each text gets, at least 1.
        kinds: Which: ``"swap"`` of two neighbours that differ, ``"drop"`` of a letter of a longer
            word, ``"double"``, ``"neighbour"`` of a Latin key.
        rng: Generator or seed.

    Returns:
        As many texts; each that has a letter the kinds can change differs from its own. O(1)
        draws and O(length) copies a text: about a million texts of 50 characters a second.

    Raises:
        InputError: If a kind is not known or the count is below 1.

    Example:
        >>> typos(["hello", "", "7"], kinds=["double"], rng=0)
        ['helllo', '', '7']
    """
    if count < 1 or count % 1:
        raise InputError(f"The count of typos must be a whole number of at least 1, got {count}.")
    if not kinds:
        raise InputError(f"Name at least one kind of typo of {', '.join(TYPOS)}.")
    for kind in kinds:
        if kind not in TYPOS:
            raise InputError(f"There is no typo `{kind}`.{suggest(kind, TYPOS)}")
    generator = np.random.default_rng(rng)
    codes = np.array([TYPOS.index(kind) for kind in kinds])
    edited: list[str] = []
    for some in chunks(texts):
        flat, touched = Flat.of(some), np.zeros(len(some), dtype=np.bool_)
        for _ in range(int(count)):
            flat, hit = _one(flat, codes, generator)
            touched |= hit
        edited += flat.texts()
    return edited if count == 1 else _again(texts, edited, kinds, generator)


def _again(
    texts: Sequence[str], edited: list[str], kinds: Sequence[Typo], rng: np.random.Generator
) -> list[str]:
    """Give another typo to texts that a second one restored."""
    for _ in range(20):
        same = np.flatnonzero(~texts_differ(texts, edited)).tolist()
        if not same:
            break
        for i, text in zip(
            same, typos([texts[i] for i in same], kinds=kinds, rng=rng), strict=True
        ):
            edited[i] = text
        if not texts_differ([texts[i] for i in same], [edited[i] for i in same]).any():
            break
    return edited


def _one(
    flat: Flat, kinds: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Flat, NDArray[np.bool_]]:
    where, kind = _places(flat, kinds, rng)
    hit = where >= 0
    at, kind = where[hit], kind[hit]
    points = flat.points
    swap = at[kind == _SWAP]
    points[swap], points[swap + 1] = points[swap + 1], points[swap]
    near = at[kind == _NEIGHBOUR]
    keys, sizes = _keyboard()
    pressed = points[near]
    points[near] = keys[pressed, (rng.random(len(near)) * sizes[pressed]).astype(np.intp)]
    drop, double = at[kind == _DROP], at[kind == _DOUBLE]
    if len(drop) or len(double):
        longer = np.zeros(len(where), dtype=np.intp)
        longer[hit] = (kind == _DOUBLE).astype(np.intp) - (kind == _DROP)
        flat = Flat(_resized(points, drop, double), flat.lengths + longer, flat.separator)
    return flat, hit


def _resized(points: Points, drop: Places, double: Places) -> Points:
    """Return code points with some dropped and some doubled; places ascend."""
    room = np.ones(len(points) + len(double), dtype=np.bool_)
    second = double + np.arange(1, len(double) + 1)
    room[second] = False
    wider = np.empty(len(room), dtype=points.dtype)
    wider[room], wider[second] = points, points[double]
    room[second] = True
    room[drop + np.searchsorted(double, drop)] = False
    return wider[room]


def _places(
    flat: Flat, kinds: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Places, NDArray[np.intp]]:
    """Draw where each text is edited, -1 where it cannot be, and by which kind."""
    n = len(flat.lengths)
    where, chosen = np.full(n, -1, dtype=np.intp), np.zeros(n, dtype=np.intp)
    starts, lengths = flat.starts, flat.lengths
    pending = np.flatnonzero(lengths > 0)
    for _ in range(_ROUNDS):
        at = starts[pending] + (rng.random(len(pending)) * lengths[pending]).astype(np.intp)
        kind = kinds[(rng.random(len(pending)) * len(kinds)).astype(np.intp)]
        good = _can(flat.points, at, kind)
        where[pending[good]], chosen[pending[good]] = at[good], kind[good]
        pending = pending[~good]
        if not len(pending):
            return where, chosen
    _look_everywhere(flat, pending, kinds, rng, (where, chosen))
    return where, chosen


def _look_everywhere(
    flat: Flat,
    pending: Places,
    kinds: NDArray[np.intp],
    rng: np.random.Generator,
    out: tuple[Places, NDArray[np.intp]],
) -> None:
    """Choose among every place and kind of the few texts that chance did not serve."""
    lengths = flat.lengths[pending]
    first = np.cumsum(lengths) - lengths
    at = np.arange(int(lengths.sum())) + np.repeat(flat.starts[pending] - first, lengths)
    tickets = np.stack(
        [
            np.where(_can(flat.points, at, np.full(len(at), kind)), rng.random(len(at)), -1.0)
            for kind in kinds
        ]
    )
    best = tickets.max(axis=0)
    highest = np.maximum.reduceat(best, first)
    found = np.flatnonzero((best == np.repeat(highest, lengths)) & (best >= 0))
    text, once = np.unique(np.repeat(np.arange(len(pending)), lengths)[found], return_index=True)
    places = found[once]
    out[0][pending[text]] = at[places]
    out[1][pending[text]] = kinds[tickets[:, places].argmax(axis=0)]


def _can(points: Points, at: Places, kind: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say whether a kind changes something at a place; the separators are no letters."""
    here, after = points[at], points[at + 1]
    is_letter, letter_after = letters(here), letters(after)
    beside = letter_after | letters(points[at - 1])
    good = is_letter & ((kind != _SWAP) | (letter_after & (here != after)))
    good &= (kind != _DROP) | beside
    return np.asarray(good & ((kind != _NEIGHBOUR) | (here < 128)), dtype=np.bool_)


@cache
def _keyboard() -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Return the keys beside each ASCII letter, (128, 6), and how many there are."""
    place = {key: (r, c + r / 2) for r, row in enumerate(_ROWS) for c, key in enumerate(row)}
    keys, sizes = np.zeros((128, 6), dtype=np.uint8), np.zeros(128, dtype=np.intp)
    for key, (r, c) in place.items():
        near = [k for k, (a, b) in place.items() if k != key and abs(a - r) + abs(b - c) <= 1.5]
        near = [k for k in near if abs(place[k][0] - r) <= 1 and abs(place[k][1] - c) <= 1]
        for turned in (str.lower, str.upper):
            code = ord(turned(key))
            keys[code, : len(near)] = [ord(turned(one)) for one in near]
            sizes[code] = len(near)
    return keys, sizes
