"""Case, punctuation, white space, look-alikes, elongation: a share of the places in each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.evaluate._behaviour._codepoints import Flat, Places, Points, chunks

__all__ = ["change_case", "change_punctuation", "change_space", "elongate", "look_alikes"]

_BMP = 0x10000
_MARKS = "!\"'(),-.:;?[]{}«»“”‘’…–—¡¿、。「」"  # noqa: RUF001 - that is what they are
_SPACES = " \t\n\r\u00a0\u2003\u2009\u202f\u3000"
_TWINS = {  # Latin letters, and the Cyrillic or Greek ones that look the same
    "a": "\u0430", "c": "\u0441", "e": "\u0435", "i": "\u0456", "j": "\u0458", "o": "\u043e",
    "p": "\u0440", "s": "\u0455", "x": "\u0445", "y": "\u0443", "A": "\u0410", "B": "\u0412",
    "C": "\u0421", "E": "\u0415", "H": "\u041d", "I": "\u0406", "J": "\u0408", "K": "\u039a",
    "M": "\u041c", "N": "\u039d", "O": "\u041e", "P": "\u0420", "S": "\u0405", "T": "\u0422",
    "X": "\u0425", "Y": "\u03a5", "Z": "\u0396",
}  # fmt: skip
Edit = Callable[[Flat, Places, np.random.Generator], Flat]


def change_case(
    texts: Sequence[str],
    share: float = 1.0,
    *,
    to: Literal["upper", "lower", "swap"] = "swap",
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts with the case of a share of their letters changed, of at least one each.

    Letters that have no other case, or one of several letters (ß), stay.

    Example:
        >>> change_case(["It's LATE"], to="lower"), change_case(["It's LATE"], to="swap")
        (["it's late"], ["iT'S late"])
    """
    if to not in {"upper", "lower", "swap"}:
        raise InputError(f'`to` is "upper", "lower" or "swap", got {to!r}.')
    turned = _cases(to)

    def edit(flat: Flat, at: Places, rng: np.random.Generator) -> Flat:
        del rng
        flat.points[at] = turned[flat.points[at]]
        return flat

    eligible = turned != np.arange(_BMP, dtype=np.uint32)
    return _edited(texts, share, eligible, edit, rng)


def change_punctuation(
    texts: Sequence[str],
    share: float = 1.0,
    *,
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts that lack a share of their marks; one without any gets a full stop.

    Example:
        >>> change_punctuation(["Well, no!", "Yes"])
        ['Well no', 'Yes.']
    """
    return _edited(texts, share, _table(_MARKS), _dropped, rng, otherwise="{}.")


def change_space(
    texts: Sequence[str],
    share: float = 1.0,
    *,
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts with a share of their spaces doubled, or made a tab or a no-break space.

    A text without a space gets one at its end.
    """
    return _edited(texts, share, _table(_SPACES), _respaced, rng, otherwise="{} ")


def look_alikes(
    texts: Sequence[str],
    share: float = 0.2,
    *,
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts with a share of their Latin letters made Cyrillic or Greek look-alikes."""
    twins = np.arange(_BMP, dtype=np.uint32)
    for latin, other in _TWINS.items():
        twins[ord(latin)] = ord(other)

    def edit(flat: Flat, at: Places, rng: np.random.Generator) -> Flat:
        del rng
        flat.points[at] = twins[flat.points[at]]
        return flat

    return _edited(texts, share, _table("".join(_TWINS)), edit, rng, wide=True)


def elongate(
    texts: Sequence[str],
    share: float = 0.2,
    *,
    times: int = 3,
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts with a share of their vowels drawn out, as in "sooo"."""
    if times < 2:
        raise InputError(f"`times` is how often a vowel is there, at least 2, got {times}.")
    return _edited(texts, share, _table("aeiouAEIOU"), partial(_repeated, times=times), rng)


def _repeated(flat: Flat, at: Places, rng: np.random.Generator, *, times: int) -> Flat:
    del rng
    counts = np.ones(len(flat.points), dtype=np.intp)
    counts[at] = times
    return flat.repeated(counts)


def _dropped(flat: Flat, at: Places, rng: np.random.Generator) -> Flat:
    return _repeated(flat, at, rng, times=0)


def _respaced(flat: Flat, at: Places, rng: np.random.Generator) -> Flat:
    how = rng.integers(3, size=len(at))
    single, points = at[how > 0], flat.points
    new = np.where(how[how > 0] == 1, ord("\t"), 0xA0).astype(points.dtype)
    points[single] = np.where(points[single] == new, ord(" "), new)
    return _repeated(flat, at[how == 0], rng, times=2)


def _edited(
    texts: Sequence[str],
    share: float,
    eligible: NDArray[np.bool_],
    edit: Edit,
    rng: np.random.Generator | int,
    *,
    otherwise: str = "{}",
    wide: bool = False,
) -> list[str]:
    """Edit a share of the places with an eligible code point, and at least one of each text."""
    if not 0 < share <= 1:
        raise InputError(f"The share of places to change lies in (0, 1], got {share}.")
    generator = np.random.default_rng(rng)
    edited: list[str] = []
    for some in chunks(texts):
        # A no-break space is no ASCII, so what may put one in needs room for it.
        flat = Flat.of(some, wide=wide or edit is _respaced)
        at, none = _chosen(flat, share, eligible, generator)
        found = edit(flat, at, generator).texts()
        if otherwise != "{}":
            for i in none.tolist():
                found[i] = otherwise.format(found[i])
        edited += found
    return edited


def _chosen(
    flat: Flat, share: float, eligible: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Places, Places]:
    """Return the places to edit, ascending, and which texts have none that could be."""
    places = np.flatnonzero(_looked_up(flat.points, eligible))
    ends = np.cumsum(flat.lengths + 1)
    cuts = np.searchsorted(places, ends)
    counts = np.diff(cuts, prepend=0)
    none = np.flatnonzero(counts == 0)
    if share == 1:
        return places, none
    ticket = rng.random(len(places), dtype=np.float32)
    some = np.flatnonzero(counts)
    first = (cuts - counts)[some]
    if len(some):  # of each text, the place with the lowest ticket is always chosen
        lowest = np.minimum.reduceat(ticket, first)
        ticket[ticket == np.repeat(lowest, counts[some])] = -1
    return places[ticket < share], none


def _looked_up(points: Points, table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if points.dtype == np.uint8:
        return np.asarray(table[points], dtype=np.bool_)
    return np.asarray(table[np.minimum(points, _BMP - 1)], dtype=np.bool_)


def _table(characters: str) -> NDArray[np.bool_]:
    table = np.zeros(_BMP, dtype=np.bool_)
    table[[ord(one) for one in characters]] = True
    return table


@cache
def _cases(to: str) -> NDArray[np.uint32]:
    """Return what each code point of the first plane becomes; itself where it has no other case."""
    turn = {"upper": str.upper, "lower": str.lower, "swap": str.swapcase}[to]
    table = np.arange(_BMP, dtype=np.uint32)
    for code in range(_BMP):
        other = turn(chr(code))
        if len(other) == 1 and ord(other) < _BMP and other.isascii() == chr(code).isascii():
            table[code] = ord(other)
    return table
