"""Optimized interleaving: of all lists that both rankings allow, draw so as to learn most."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import linprog

from homeostat.core import InputError
from homeostat.experiment._interleave._interleaved import Interleaved, Items
from homeostat.experiment._interleave._methods import Rankings, team_draft
from homeostat.stats import Floats

__all__ = ["optimized"]

_NONE = -1
_MOST_LISTS = 4096
_Order = tuple[int, ...]


def optimized(rankings: Rankings, rng: np.random.Generator, *, sessions: int = 1) -> Interleaved:
    """Merge two rankings so that random clicks favour neither and real ones tell most.

    Every prefix of a list is the union of a prefix of each ranking: nobody sees what neither
    would show. How often each such list is shown solves a linear program: a user who clicks at
    random among the top j, for any j, credits neither; and the lists on which clicks tell the
    rankers apart are shown most. Where no such draw exists, it is `team_draft`.

    A click is worth the difference of the item's ranks: to the ranker that puts it higher.

    Source: Radlinski and Craswell (2013), with their linear credit; the objective here is the
    chance that a single click (falling as 1/rank) is credited at all times the entropy of to whom.

    Raises:
        InputError: If there are not two rankers.

    Example:
        >>> rankings = Rankings.of({"a": ["x", "y", "z"], "b": ["y", "z", "x"]}, length=3)
        >>> lists = optimized(rankings, np.random.default_rng(0), sessions=20_000)
        >>> bool(abs(lists.differences(np.ones((20_000, 3))).mean()) < 0.01)
        True
    """
    if len(rankings.rankers) != 2:
        raise InputError(f"Optimized interleaving merges two, got {len(rankings.rankers)}.")
    a, b = (tuple(row[row != _NONE].tolist()) for row in rankings.order)
    solved = _solved(a, b, min(rankings.order.shape[1], len(rankings.items)))
    if solved is None:
        return team_draft(rankings, rng, sessions=sessions)
    lists, chances, credit = solved
    drawn = rng.choice(len(lists), sessions, p=chances)
    both = np.stack([np.maximum(-credit, 0.0), np.maximum(credit, 0.0)], axis=-1)
    return Interleaved(rankings.rankers, lists[drawn], both[drawn])


@lru_cache(maxsize=1024)
def _solved(a: _Order, b: _Order, length: int) -> tuple[Items, Floats, Floats] | None:
    """Return lists, their chances and the second ranker's credit at each place; None if none."""
    lists = _allowed(a, b, length)
    if lists is None:
        return None
    table = np.array(lists, np.int64)
    rank = [{item: place for place, item in enumerate(order)} for order in (a, b)]
    worth = {i: rank[0].get(i, length) - rank[1].get(i, length) for i in {*a, *b}}
    credit = np.vectorize(worth.__getitem__, otypes=[np.float64])(table)
    scale = max(float(np.abs(credit).max()), 1.0)
    equal = np.vstack([np.cumsum(credit, axis=1).T / scale, np.ones(len(lists))])
    right = np.append(np.zeros(table.shape[1]), 1.0)
    found = linprog(-_told(credit), A_eq=equal, b_eq=right, bounds=(0, 1), method="highs")
    if not found.success or found.x is None:
        return None
    chances = np.clip(found.x, 0, None)
    return table, chances / chances.sum(), credit / scale


def _allowed(a: _Order, b: _Order, length: int) -> list[_Order] | None:
    """Return all lists of which each prefix is a union of prefixes; None if they are too many."""
    lists: set[_Order] = {()}
    for _ in range(length):
        longer = set()
        for shown in lists:
            heads = [next((i for i in order if i not in shown), None) for order in (a, b)]
            longer |= {(*shown, head) for head in heads if head is not None}
        if not longer or len(longer) > _MOST_LISTS:
            return None
        lists = longer
    return sorted(lists)


def _told(credit: Floats) -> Floats:
    """Return how much a click on each list tells."""
    seen = 1.0 / np.arange(1, credit.shape[1] + 1)
    seen /= seen.sum()
    for_a, for_b = (credit < 0) @ seen, (credit > 0) @ seen
    either = for_a + for_b
    share = np.divide(for_a, either, out=np.full(len(either), 0.5), where=either > 0)
    share = np.clip(share, 1e-12, 1 - 1e-12)
    entropy = -(share * np.log(share) + (1 - share) * np.log1p(-share)) / math.log(2)
    return np.asarray(either * entropy)
