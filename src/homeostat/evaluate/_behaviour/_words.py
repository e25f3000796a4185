# ruff: noqa: SIM905 - a list of words reads best as words
"""Whole words exchanged for others, with their case and what must agree with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.evaluate._behaviour._codepoints import chunks, join
from homeostat.evaluate._behaviour._word_lists import (
    CITIES,
    CONTRACTIONS,
    COUNTRIES,
    FEMALE_NAMES,
    GENDER,
    MALE_NAMES,
    PEOPLES,
)

__all__ = ["WORDS", "change_contractions", "swap_words"]

WORDS = ("gender", "names", "places")
Choose = Callable[[int, str, bytes], str]
"""From a text's number, a word in it and the 40 bytes that follow to the word it becomes."""
_NO_NOUN = frozenset(  # words that do not begin what somebody owns
    "a about again all an and as at away back because before but by down for from had has here how "
    "if in into is it not of off on or out over please so that the then there this to today "
    "tomorrow tonight too up very was were what when where which while who why will with would "
    "yesterday".split()
)
_NEXT = re.compile(rb"\s+([A-Za-z]+)")
_AFTER_ARTICLE = (b"a ", b"A ", b"n ", b"N ")
_VOWELS = (b"a", b"e", b"i", b"o", b"u")
_ARTICLE = re.compile(rb"(?<![\w])([Aa])(n|N)?\s+$")


def swap_words(
    texts: Sequence[str],
    words: str | Sequence[Sequence[str]] = "gender",
    *,
    rng: np.random.Generator | int = 0,
) -> list[str]:
    """Return texts with words exchanged for others of their kind.

    Args:
        texts: Any strings.
        words: ``"gender"`` exchanges he and she, his and her or hers, him and her, nouns and
            first names (her is his before a noun, else him: a rule of thumb); ``"names"`` a
            first name for another of the same gender; ``"places"`` a city, country or people for
            another. Or lists of your own, each of words that may stand for each other.
        rng: Generator or seed: which other word. Within a text one word always becomes the same
            other word, and two words never become one.

    Returns:
        As many texts; case is kept, and a or an before the word agrees. A text with none of the
        words comes back as it is.

    Example:
        >>> swap_words(["He told Mary his plan.", "SHE LEFT", "rain"])
        ['She told John her plan.', 'HE LEFT', 'rain']
    """
    if isinstance(words, str):
        if words not in WORDS:
            raise InputError(f"There is no list of `{words}` words.{suggest(words, WORDS)}")
        if words == "gender":
            table = _gender()
            return _replaced(texts, list(table), partial(_other_gender, table), {"his", "her"})
        names = (FEMALE_NAMES, MALE_NAMES)
        groups: Sequence[Sequence[str]] = (
            names if words == "names" else (CITIES, COUNTRIES, PEOPLES)
        )
    else:
        groups = words
    return _rotated(texts, groups, np.random.default_rng(rng))


def change_contractions(
    texts: Sequence[str], share: float = 1.0, *, rng: np.random.Generator | int = 0
) -> list[str]:
    """Return texts with a share of "do not" made "don't" and the other way round.

    The first of each text is always changed; a text with neither comes back as it is.

    Example:
        >>> change_contractions(["I CAN'T and I do not.", "It isn't."])
        ["I CANNOT and I don't.", 'It is not.']
    """
    if not 0 < share <= 1:
        raise InputError(f"The share of places to change lies in (0, 1], got {share}.")
    table, generator = _contractions(), np.random.default_rng(rng)
    changed: set[int] = set()

    def choose(text: int, found: str, following: bytes) -> str:
        word = found.lower()
        if word in pronouns and not _NEXT.match(following):
            return found  # "I know who he is." has no short form
        if text in changed and generator.random() >= share:
            return found
        changed.add(text)
        return table[word]

    pronouns = {word for word in table if " " in word and not word.endswith(" not")}
    return _replaced(texts, list(table), choose, pronouns if share == 1 else set(table))


def _rotated(
    texts: Sequence[str], groups: Sequence[Sequence[str]], rng: np.random.Generator
) -> list[str]:
    """Turn each list by a random number of places a text: none stays, none meet."""
    place: dict[str, tuple[Sequence[str], int]] = {}
    for group in groups:
        if isinstance(group, str) or len(set(group)) != len(group) or len(group) < 2:
            raise InputError(f"A list of words needs at least two that differ, got {group!r}.")
        for i, word in enumerate(group):
            if word.lower() in place or not word:
                raise InputError(f"`{word}` must be in one list of words, once.")
            place[word.lower()] = (group, i)
    turn = rng.random(len(texts)).tolist()
    named = {word for group in groups for word in group if not word.islower()}
    proper = {word.lower() for word in named}

    def choose(text: int, found: str, following: bytes) -> str:
        del following
        key = found.lower()
        if key in proper and found.islower():
            return found  # "turkey" is no country
        group, i = place[key]
        return group[(i + 1 + int(turn[text] * (len(group) - 1))) % len(group)]

    return _replaced(texts, list(place), choose, set(place))


@cache
def _gender() -> Mapping[str, str]:
    names = zip(MALE_NAMES, FEMALE_NAMES, strict=True)
    pairs = [*GENDER, *names]
    table = {a.lower(): b for a, b in pairs} | {b.lower(): a for a, b in pairs}
    return table | {"mrs": "mr", "him": "her", "his": "her", "her": "his", "hers": "his"}


def _other_gender(table: Mapping[str, str], text: int, found: str, following: bytes) -> str:
    del text
    word = found.lower()
    if word in {"his", "her"}:
        after = _NEXT.match(following)
        owns = after is not None and after[1].decode().lower() not in _NO_NOUN
        if not owns:
            return "hers" if word == "his" else "him"
    other = table[word]
    return found if other[0].isupper() and found.islower() else other


@cache
def _contractions() -> Mapping[str, str]:
    long = dict(CONTRACTIONS)
    # "it's" may be "it has", and "he's" likewise: only what has one long form is written out.
    short = {s: full for full, s in CONTRACTIONS if not s.endswith("'s") or s == "let's"}
    return long | short | {one.replace("'", "\u2019"): full for one, full in short.items()}


def _replaced(
    texts: Sequence[str], words: list[str], choose: Choose, contextual: set[str]
) -> list[str]:
    """Replace whole words; those not contextual always become the same."""
    edited: list[str] = []
    known: dict[str, bytes] = {}
    for some in chunks(texts):
        edited += _replaced_in(some, words, choose, contextual, known, len(edited))
    return edited


def _replaced_in(
    texts: Sequence[str],
    words: list[str],
    choose: Choose,
    contextual: set[str],
    known: dict[str, bytes],
    first: int,
) -> list[str]:
    """Find every word of the list at once, drop parts of words, and splice what is chosen."""
    joined, separator = join(texts)
    try:
        content = joined.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"Texts must be Unicode without lone surrogates: {error}.") from error
    starts, found = _matches(content, words)
    code = np.frombuffer(separator.encode(), dtype=np.uint8)[0]
    if len(separator.encode()) > 1:  # rare: every control character is taken
        ends = np.array([found.start() for found in re.finditer(separator.encode(), content)])
    else:
        ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == code)
    of_text = np.searchsorted(ends, starts).tolist()
    pieces: list[bytes] = []
    last = 0
    for at, word, text in zip(starts.tolist(), found, of_text, strict=True):
        if at < last:
            continue
        new = known.get(word)
        stop = at + len(word.encode())
        if new is None:
            following = content[stop : stop + 40].partition(separator.encode())[0]
            new = _in_case(word, choose(first + text, word, following)).encode()
            if word.lower() not in contextual:
                known[word] = new
        before = content[last:at]
        if before[-2:] in _AFTER_ARTICLE:
            before = _agreeing(before, new)
        pieces += (before, new)
        last = stop
    return b"".join([*pieces, content[last:]]).decode().split(separator)


def _matches(content: bytes, words: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return where whole words of a list are, ascending, the longest first where they meet."""
    text = pl.Series([content.decode()])
    how = {"ascii_case_insensitive": True, "overlapping": True}
    starts = text.str.find_many(words, **how)[0].to_numpy().astype(np.intp)
    found = text.str.extract_many(words, **how)[0]
    stops = starts + found.str.len_bytes().to_numpy().astype(np.intp)
    around = np.frombuffer(b" " + content + b" ", dtype=np.uint8)
    before, after = around[starts], around[stops + 1]
    whole = ~_wordy()[before] & ~_wordy()[after]
    for i in np.flatnonzero(whole & ((before > 127) | (after > 127))):
        left = content[max(0, starts[i] - 4) : starts[i]].decode(errors="ignore")[-1:]
        right = content[stops[i] : stops[i] + 4].decode(errors="ignore")[:1]
        whole[i] = not (left.isalnum() or right.isalnum())
    kept = np.flatnonzero(whole)
    kept = kept[np.lexsort((-stops[kept], starts[kept]))]
    return starts[kept], found.gather(kept).to_list()


@cache
def _wordy() -> NDArray[np.bool_]:
    """Return which bytes belong to a word; those beyond ASCII are looked at one by one."""
    return np.array([code < 128 and (chr(code).isalnum() or code == 95) for code in range(256)])


def _in_case(word: str, new: str) -> str:
    if word.isupper() and (len(word) > 1 or len(new) == 1):
        return new.upper()
    return new[:1].upper() + new[1:] if word[:1].isupper() else new


def _agreeing(before: bytes, new: bytes) -> bytes:
    """Return what stands before a new word, with a or an as it asks."""
    article = _ARTICLE.search(before[-12:])
    if article is None:
        return before
    vowel = new.lower().startswith(_VOWELS) and not new.lower().startswith((b"uk", b"eu", b"one"))
    n = b"" if not vowel else b"N" if new.isupper() and len(new) > 1 else b"n"
    base = len(before) - len(before[-12:])
    stop = article.end(2) if article[2] else article.end(1)
    return before[: base + article.end(1)] + n + before[base + stop :]
