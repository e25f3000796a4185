"""Arrow answers by a form: streams of n ids of one length and n numbers differ in those bytes only.

So the stream is written once by Polars with other ids and numbers, and their places are found in
it; an answer is put together of what stands around them, without a frame.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["write_answers"]

_MANY = 10_000  # ids, up to which a form is kept
_NUMBER = -1.2345678901234567e-89  # of which no other part of the stream is made
_OLDEST = pl.CompatLevel.oldest()  # texts as offsets and bytes, which every reader takes


class _Form(NamedTuple):
    """What stands before the ids, between them and the numbers, and after those."""

    before: bytes
    between: bytes
    after: bytes


def write_answers(column: str, ids: list[str], answers: NDArray[np.float64]) -> bytes | None:
    """Return an Arrow stream of the columns ``id`` and another; None of ids of several lengths.

    Args:
        column: Name of the numbers.
        ids: Of the n predictions.
        answers: (n,).
    """
    lengths = set(map(len, ids))
    if len(lengths) != 1 or len(ids) > _MANY:
        return None
    text = "".join(ids).encode()
    form = _form(column, len(ids), lengths.pop())
    if form is None or len(text) != len(ids) * len(ids[0]):  # not plain ASCII
        return None
    numbers = np.ascontiguousarray(answers, np.float64).tobytes()
    return b"".join((form.before, text, form.between, numbers, form.after))


@lru_cache(maxsize=16)
def _form(column: str, n: int, length: int) -> _Form | None:
    """Return the form of such streams; None where ids or numbers are not found once in it."""
    ids, answers = "\x01" * length, np.full(n, _NUMBER)
    frame = pl.DataFrame({"id": [ids] * n, column: answers})
    stream = frame.write_ipc_stream(None, compat_level=_OLDEST).getvalue()
    text, numbers = ids.encode() * n, answers.tobytes()
    if stream.count(text) != 1 or stream.count(numbers) != 1:
        return None
    before, rest = stream.split(text)
    between, after = rest.split(numbers)
    return _Form(before, between, after)
