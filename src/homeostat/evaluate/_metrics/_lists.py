"""Metrics of ranked lists: a list of items for each query, user or session."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.evaluate._metrics._metric import Metric, Metrics
from homeostat.stats import Floats, block_codes, floats, mean_interval

__all__ = ["ranking_metrics"]


def ranking_metrics(
    relevance: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    top: int | None = None,
    blocks: ArrayLike | None = None,
    level: float = 0.95,
) -> Metrics:
    """Return the metrics of ranked lists, averaged over queries.

    Args:
        relevance: How relevant an item is, at least 0; above 0 counts as relevant, shape (n,).
        score: By which items are ordered, largest first, shape (n,); ties are taken in the order
            of rows.
        query: Which list an item is in, shape (n,).
        top: How many of each list are looked at; None takes all.
        blocks: Which block (a user, a day) an item's query is in; None takes queries as
            independent.
        level: Confidence of the intervals.

    Returns:
        ``ndcg`` (gain = relevance, discount log2; Järvelin and Kekäläinen 2002), ``map``,
        ``mrr`` (of the first relevant item), ``precision_top`` and ``recall_top``. Queries
        without a relevant item have no order to judge and are left out; the note says how many.

    Example:
        >>> found = ranking_metrics([1, 0, 1, 0, 1], [0.9, 0.8, 0.7, 0.2, 0.6], list("aaabb"))
        >>> round(found["map"].value, 4), found["mrr"].value
        (0.9167, 1.0)
    """
    gain = floats(relevance, "relevance")
    if not len(gain) or gain.min() < 0:
        raise InputError("`relevance` needs at least one row and no number below 0.")
    s = floats(score, "score", n=len(gain))
    codes, k = block_codes(query, len(gain))
    if top is not None and top < 1:
        raise InputError(f"`top` is at least 1, got {top}.")
    most = len(gain) if top is None else top
    place = _places(codes, -s)
    ideal = _places(codes, -gain)
    seen, hit = place < most, gain > 0
    relevant = np.bincount(codes, hit, k)
    held = relevant > 0
    discount = 1 / np.log2(np.arange(len(gain)) + 2)
    dcg = np.bincount(codes, gain * seen * discount[place], k)
    best = np.bincount(codes, gain * (ideal < most) * discount[ideal], k)
    hits = np.bincount(codes, hit & seen, k)
    first = np.full(k, np.inf)
    np.minimum.at(first, codes[hit & seen], place[hit & seen])
    by_query = {
        "ndcg": _over(dcg, best),
        "map": _over(_precisions(codes, place, hit, k, most), np.minimum(relevant, most)),
        "mrr": 1 / (first + 1),
        "precision_top": hits / np.minimum(np.bincount(codes, minlength=k), most),
        "recall_top": _over(hits, relevant),
    }
    of_query = None if blocks is None else _of_queries(blocks, codes, k)[held]
    lost = int(k - held.sum())
    note = f"{lost} of {k} queries have no relevant item and are left out" if lost else ""
    n_blocks = int(held.sum()) if of_query is None else block_codes(of_query, int(held.sum()))[1]
    found = []
    for name, values in by_query.items():
        kept = values[held]
        made = mean_interval(kept, of_query, level=level) if len(kept) else None
        value = float(kept.mean()) if len(kept) else None
        found.append(Metric(name, value, made, len(gain), n_blocks=n_blocks,
                            method="t over queries", note=note))  # fmt: skip
    return Metrics(tuple(found))


def _places(
    codes: np.ndarray[tuple[int], np.dtype[np.intp]], key: Floats
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return each item's place within its list, from 0."""
    order = np.lexsort((key, codes))
    sizes = np.bincount(codes)
    start = np.cumsum(sizes) - sizes
    place = np.empty(len(codes), np.intp)
    place[order] = np.arange(len(codes)) - start[codes[order]]
    return place


def _precisions(
    codes: np.ndarray[tuple[int], np.dtype[np.intp]],
    place: np.ndarray[tuple[int], np.dtype[np.intp]],
    hit: np.ndarray[tuple[int], np.dtype[np.bool_]],
    k: int,
    most: int,
) -> Floats:
    """Return the sum over relevant items seen of the precision at each."""
    order = np.lexsort((place, codes))
    own = hit[order].astype(np.float64)
    before = np.cumsum(own)
    sizes = np.bincount(codes)
    base = np.append(0.0, before)[np.cumsum(sizes) - sizes]
    reached = before - base[codes[order]]
    worth = own * reached / (place[order] + 1) * (place[order] < most)
    return np.asarray(np.bincount(codes[order], worth, k), np.float64)


def _of_queries(
    blocks: ArrayLike, codes: np.ndarray[tuple[int], np.dtype[np.intp]], k: int
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    block, _ = block_codes(blocks, len(codes))
    of_query = np.zeros(k, np.intp)
    of_query[codes] = block
    if (of_query[codes] != block).any():
        raise InputError("A query must lie in one block: pass blocks that hold whole queries.")
    return of_query


def _over(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    found: Floats = np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
    return found
