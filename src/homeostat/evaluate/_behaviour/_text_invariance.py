"""Invariance of texts: exchange names, gender or places, and count the predictions that move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Json
from homeostat.evaluate._behaviour._codepoints import texts_differ
from homeostat.evaluate._behaviour._data import Predict, admit, shown
from homeostat.evaluate._behaviour._judge import allowed, any_copy, crashed, judged, worst_places
from homeostat.evaluate._behaviour._outputs import Crashed, Output, outputs_of, sampled
from homeostat.evaluate._behaviour._words import swap_words

__all__ = ["check_word_invariance"]

_CHECK = "behaviour.word_invariance"


def check_word_invariance(
    predict: Predict,
    texts: Sequence[str],
    words: str | Sequence[Sequence[str]] = "gender",
    *,
    copies: int = 5,
    threshold: float = 0.5,
    tolerance: float | None = None,
    max_share: float = 0.01,
    max_rows: int | None = 2000,
    blocks: ArrayLike | None = None,
    minimum: int = 100,
    level: float = 0.95,
    output: Output = "auto",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Exchange words that must not matter, and count the texts whose prediction moves.

    Args:
        predict: From a list of texts to probabilities (n,) or (n, k), numbers, or labels.
        texts: Texts, shape (n,); those with none of the words are not counted.
        words: ``"gender"``, ``"names"``, ``"places"``, or lists of your own; see
            :func:`swap_words`.
        copies: How many other words each text is tried with; gender has one.
        threshold: Where a probability becomes a decision.
        tolerance: By how much an output may change; None as in :func:`check_invariance`.
        max_share: Share of texts that may move under any of their copies.
        max_rows: How many texts are tried, at random; None is all.
        blocks: Which block a text is in, shape (n,); None takes texts as independent.
        minimum: Fewer texts with such words are ``unknown``, unless they plainly move.
        level: Confidence of the interval.
        output: What the model returns; see :func:`sensitivity`.
        rng: Generator or seed.

    Returns:
        A finding ``behaviour.word_invariance`` with up to three counter-examples.

    Example:
        >>> score = lambda texts: [0.9 if "he" in text.split() else 0.4 for text in texts]
        >>> print(check_word_invariance(score, ["Then he left."] * 200).verdict)
        fail
    """
    admitted = admit(texts)
    if not isinstance(admitted, list) or copies < 1:
        raise InputError("Words are exchanged in a list of texts, in at least one copy.")
    generator = np.random.default_rng(rng)
    rows = sampled(len(admitted), max_rows, generator)
    some = [admitted[i] for i in rows]
    times = 1 if words == "gender" else copies
    changed = [swap_words(some, words, rng=generator) for _ in range(times)]
    within = allowed(blocks, len(admitted), rows, max_share=max_share, minimum=minimum, level=level)
    subject = words if isinstance(words, str) else ", ".join(words[0][:3]) if words else "words"
    try:
        said = outputs_of(predict, some, changed, output=output)
    except Crashed as error:
        return crashed(_CHECK, subject, error, within)
    tried = np.stack([texts_differ(some, copy) for copy in changed])
    moved = said.moved(threshold, tolerance) & tried
    examples: list[Json] = [
        shown(some, changed[c], i, int(rows[i]))
        | {"before": said.shown(0, i), "after": said.shown(c + 1, i)}
        for c, i in worst_places(np.where(moved, said.changes() + 1, -1.0))
    ]
    return judged(
        _CHECK,
        subject,
        any_copy(moved),
        within,
        counted=any_copy(tried),
        what=f"texts with words of {subject} get another prediction when they are exchanged",
        examples=examples,
        constant=said.constant,
    )
