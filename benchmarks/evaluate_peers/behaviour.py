# ruff: noqa: SIM905 - a list of words reads best as words
"""Perturbations and behavioural checks: ours beside a loop over the rows.

CheckList (0.0.11) cannot be installed: its build runs `pip install jupyter`, and fails. Its typos
and contractions are therefore stood in for by the loop anybody would write for them, one text at a
time, as its editor works, over our lists of words; no line of theirs is here. Invariance, the noise
curve and brightness stand beside a loop over the rows. On another machine CheckList's own add_typos
did 69,000 texts a CPU second, and 2.75 % of its typos changed nothing.

CPU seconds of this process, least of the rounds, both sides interleaved in one run.

Run: python benchmarks/evaluate_peers/behaviour.py [--texts 200000] [--rows 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from homeostat.evaluate import check_invariance, perturb, sensitivity, swap_words, typos
from homeostat.evaluate._behaviour._words import _NO_NOUN, _contractions, _gender

WANTED = 5.0
WORDS = (
    "the quick brown fox John Mary he she his London jumps over lazy dog please book flight hotel "
    "good bad service was really slow do not isn't can't will not"
).split()
SHORT = _contractions()
OTHER = _gender()
KEYS = {"a": "qwsz", "e": "wrd", "i": "uok", "o": "ipl", "n": "bhm", "t": "ryg", "s": "adw"}


def any_of(words):
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b", re.IGNORECASE)


CONTRACTION, GENDERED = any_of(SHORT), any_of(OTHER)


def in_case(old: str, new: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new


def one_typo(text: str, rng: random.Random) -> str:
    """Swap, drop, double or mistype one letter, drawn again until something changes."""
    places = [i for i, letter in enumerate(text) if letter.isalpha()]
    for _ in range(20):
        if not places:
            break
        i, kind = rng.choice(places), rng.randrange(4)
        here, after = text[i], text[i + 1 : i + 2]
        if kind == 0 and after.isalpha() and here != after:
            return text[:i] + after + here + text[i + 2 :]
        if kind == 1 and after.isalpha():
            return text[:i] + text[i + 1 :]
        if kind == 2:
            return text[:i] + here + text[i:]
        if kind == 3 and here in KEYS:
            return text[:i] + rng.choice(KEYS[here]) + text[i + 1 :]
    return text


def one_contraction(text: str) -> str:
    def short(found):
        word = found[0]
        bare = " " in word and not word.lower().endswith(" not")
        if bare and not re.match(r"\s+[A-Za-z]", text[found.end() :]):
            return word
        return in_case(word, SHORT[word.lower()])

    return CONTRACTION.sub(short, text)


def one_swap(text: str) -> str:
    def other(found):
        word = found[0].lower()
        if word in {"his", "her"}:
            after = re.match(r"\s+([A-Za-z]+)", text[found.end() :])
            if after is None or after[1].lower() in _NO_NOUN:
                return in_case(found[0], "hers" if word == "his" else "him")
        new = OTHER[word]
        return found[0] if new[0].isupper() and found[0].islower() else in_case(found[0], new)

    return GENDERED.sub(other, text)


def one_case(text: str, rng: random.Random) -> str:
    return "".join(c.swapcase() if rng.random() < 0.25 else c for c in text)


def row_by_row(model: Callable, rows: pl.DataFrame) -> float:
    """Flip one column a row at a time and ask the model of each, as a loop over rows does."""
    values, moved = rows["place"].unique().to_list(), 0
    for row in rows.iter_rows(named=True):
        answers = {bool(model(pl.DataFrame([row | {"place": v}]))[0] >= 0.5) for v in values}
        moved += len(answers) > 1
    return moved / rows.height


def strength_by_strength(model: Callable, rows: pl.DataFrame, strengths: list[float]) -> list:
    """Draw a curve with noise that is added to a list of rows, value by value."""
    rng, base, found = random.Random(0), model(rows) >= 0.5, []
    spread = rows["x"].std()
    for strength in strengths:
        noisy = [
            row | {"x": row["x"] + rng.gauss(0, strength * spread)}
            for row in rows.iter_rows(named=True)
        ]
        found.append(float(np.mean((model(pl.DataFrame(noisy)) >= 0.5) != base)))
    return found


def brighter(images: np.ndarray) -> list:
    """Make each image lighter or darker, one pixel at a time."""
    rng = random.Random(0)
    out = []
    for image in images:
        step = rng.choice([-0.2, 0.2])
        out.append([[min(1.0, max(0.0, pixel + step)) for pixel in row] for row in image.tolist()])
    return out


def least(rounds: int, *jobs: Callable[[], object]) -> list[float]:
    """Return the least CPU seconds of each job, run in turn."""
    found = [float("inf")] * len(jobs)
    for _ in range(rounds):
        for i, job in enumerate(jobs):
            start = time.process_time()
            job()
            found[i] = min(found[i], time.process_time() - start)
    return found


def model(rows: pl.DataFrame) -> np.ndarray:
    z = 2 * rows["x"].to_numpy() + (rows["place"] == "a").to_numpy()
    return 1 / (1 + np.exp(-z))


def pairs(n_texts: int, n_rows: int):
    rng, loop = np.random.default_rng(0), random.Random(0)
    texts = [" ".join(words) for words in rng.choice(WORDS, (n_texts, 9))]
    frame = pl.DataFrame({"x": rng.normal(size=n_rows), "place": rng.choice(list("abc"), n_rows)})
    images = rng.random((max(n_rows // 100, 100), 32, 32))
    strengths = [0.01, 0.05, 0.1, 0.2, 0.5]
    return [
        ("typos", n_texts, lambda: typos(texts), lambda: [one_typo(t, loop) for t in texts]),
        (
            "contractions",
            n_texts,
            lambda: perturb(texts, "contractions", 1.0),
            lambda: [one_contraction(t) for t in texts],
        ),
        ("gender words", n_texts, lambda: swap_words(texts), lambda: [one_swap(t) for t in texts]),
        (
            "case of a quarter",
            n_texts,
            lambda: perturb(texts, "case", 0.25),
            lambda: [one_case(t, loop) for t in texts],
        ),
        (
            "invariance",
            n_rows // 10,
            lambda: check_invariance(model, frame[: n_rows // 10], "place", max_rows=None),
            lambda: row_by_row(model, frame[: n_rows // 10]),
        ),
        (
            "noise curve of 5",
            n_rows,
            lambda: sensitivity(model, frame, "noise", strengths=strengths, max_rows=None),
            lambda: strength_by_strength(model, frame, strengths),
        ),
        (
            "brightness",
            len(images),
            lambda: perturb(images, "brightness", 0.2),
            lambda: brighter(images),
        ),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print a line a comparison; return 1 where what is wanted is not reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args(arguments)
    short = False
    print(f"{'':<20}{'items':>9}{'ours/s':>13}{'loop/s':>13}{'ratio':>9}")
    for name, n, ours, loop in pairs(told.texts, told.rows):
        mine, theirs = least(told.rounds, ours, loop)
        ratio = theirs / mine
        wanted = WANTED if name in MUST else 1.0
        short |= ratio < wanted
        print(f"{name:<20}{n:>9,}{n / mine:>13,.0f}{n / theirs:>13,.0f}{ratio:>8.1f}x")
    some = [" ".join(words) for words in np.random.default_rng(2).choice(WORDS, (20_000, 9))]
    agree = sum(map(str.__eq__, swap_words(some), map(one_swap, some)))
    agree += sum(map(str.__eq__, perturb(some, "contractions", 1.0), map(one_contraction, some)))
    print(f"same answers of words and contractions: {agree / 40_000:.2%}")
    edited = typos(
        texts := [" ".join(w) for w in np.random.default_rng(1).choice(WORDS, (50_000, 9))]
    )
    same = sum(a == b for a, b in zip(texts, edited, strict=True))
    print(f"typos that change nothing: {same} of {len(texts):,}")
    return int(short or same > 0)


MUST = {"typos", "contractions", "gender words", "invariance", "noise curve of 5", "brightness"}

if __name__ == "__main__":
    raise SystemExit(main())
