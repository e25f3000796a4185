"""Texts as rows of numbers: hashed words by default, or the caller's embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.stats import Floats

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

__all__ = ["TextEmbedding", "WordCounts"]

_WORD = r"(?u)\b\w+\b"


class TextEmbedding:
    """Turns n texts into n rows of numbers.

    Without an embedding, words and pairs of words are counted into `size` hashed columns with a
    random sign each, and a row is scaled to length 1: a random projection of the counts. It
    learns nothing, so it is the same for every reference and keeps the level of any test, and
    it sees a change of vocabulary, topic, length or language; a change of meaning in the same
    words needs an embedding. A missing text is a row of NaN, an empty one a row of zeros.

    Args:
        embed: A function from a list of texts to an array (n, k), or an object with `encode`
            that does so, such as a sentence-transformers model.
        size: Columns of the hashed counts.
        pairs: Whether pairs of neighbouring words are counted too.

    Source: Weinberger et al. 2009, "Feature hashing for large scale multitask learning".

    Example:
        >>> rows = TextEmbedding(size=8, pairs=False)(["a cat", "cat a", "", None])
        >>> bool((rows[0] == rows[1]).all()), bool(np.isnan(rows[3]).all())
        (True, True)
    """

    def __init__(
        self,
        *,
        embed: object | None = None,
        size: int = 256,
        pairs: bool = True,
    ) -> None:
        self.embed = embed
        self.size = size
        self.pairs = pairs

    def __call__(self, texts: Sequence[str | None], /) -> Floats:
        """Return the rows, (n, k)."""
        every = checked_texts(texts)
        known = [i for i, text in enumerate(every) if text is not None]
        rows = self._rows([text for text in every if text is not None]) if known else None
        width = self.size if rows is None else rows.shape[1]
        out = np.full((len(every), width), np.nan)
        if rows is not None:
            out[known] = rows
        return out

    def _rows(self, texts: list[str]) -> Floats:
        if self.embed is None:
            from sklearn.feature_extraction.text import (  # noqa: PLC0415 - heavy to import
                HashingVectorizer,
            )

            counts = HashingVectorizer(
                n_features=self.size,
                ngram_range=(1, 2 if self.pairs else 1),
                token_pattern=_WORD,
                norm="l2",
            )
            return np.asarray(counts.transform(texts).toarray(), np.float64)
        call = cast("Callable[[list[str]], ArrayLike]", getattr(self.embed, "encode", self.embed))
        found = np.asarray(call(texts), np.float64)
        if found.ndim != 2 or len(found) != len(texts):
            raise InputError(
                f"`embed` must return one row a text, of shape ({len(texts)}, k), got shape "
                f"{found.shape}."
            )
        return found


class WordCounts:
    """Turns texts into a frame that marks which words each has, the most frequent words only.

    For :class:`SpotTheDiff`, whose answer is then words; it learns its words from both samples.

    Args:
        most: Words to tell apart, the most frequent ones.
    """

    def __init__(self, *, most: int = 300) -> None:
        self.most = most
        self.words_: list[str] | None = None

    @property
    def fitted(self) -> bool:
        """Whether the words are known."""
        return self.words_ is not None

    def fit(self, texts: Sequence[str | None], /) -> Self:
        """Learn the most frequent words."""
        counts = self._vectorizer(None)
        seen = [text for text in checked_texts(texts) if text]
        try:
            counts.fit(seen)
        except ValueError:  # no word at all
            self.words_ = []
        else:
            self.words_ = sorted(counts.vocabulary_)
        return self

    def __call__(self, texts: Sequence[str | None], /) -> pl.DataFrame:
        """Return the frame, a column a word of 0 and 1, all NaN for a missing text."""
        if self.words_ is None:
            raise InputError("WordCounts knows no words yet: call `fit(texts)` first.")
        every = checked_texts(texts)
        if not self.words_:
            return pl.DataFrame({"(any word)": np.zeros(len(every))})
        table = self._vectorizer(self.words_).transform([text or "" for text in every])
        values = np.asarray(table.toarray(), np.float64)
        values[[text is None for text in every]] = np.nan
        return pl.DataFrame({word: values[:, i] for i, word in enumerate(self.words_)})

    def _vectorizer(self, words: list[str] | None) -> CountVectorizer:
        from sklearn.feature_extraction.text import (  # noqa: PLC0415 - heavy to import
            CountVectorizer,
        )

        return CountVectorizer(
            binary=True,
            token_pattern=_WORD,
            vocabulary=words,
            max_features=None if words else self.most,
        )


def checked_texts(texts: Sequence[str | None]) -> list[str | None]:
    """Return texts as a list, or raise InputError if there is anything else among them."""
    every = list(texts)
    for i, text in enumerate(every):
        if text is not None and not isinstance(text, str):
            raise InputError(f"Texts are strings or None, got {text!r} at position {i}.")
    return every
