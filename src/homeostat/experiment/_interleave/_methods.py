"""Ways of merging rankings: team draft, balanced, probabilistic; many sessions at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.experiment._interleave._interleaved import Interleaved, Items
from homeostat.stats import Floats

__all__ = ["Rankings", "balanced", "probabilistic", "team_draft"]

_NONE = -1
_FAR = 1 << 30


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """Rankings of the same question by several rankers.

    Args:
        rankers: Their names.
        items: All items, numbered by their place here.
        order: (r, k) the items of each ranking by number, top first; -1 after its end.

    Example:
        >>> Rankings.of({"a": ["x", "y"], "b": ["y", "z"]}, length=2).items
        ('x', 'y', 'z')
    """

    rankers: tuple[str, ...]
    items: tuple[Hashable, ...]
    order: Items

    @classmethod
    def of(cls, rankings: Mapping[str, Sequence[Hashable]], *, length: int = 10) -> Rankings:
        """Take rankings, each cut to a length.

        Args:
            rankings: Of each ranker, its items, best first.
            length: How many items a user is shown.

        Raises:
            InputError: If there are fewer than two rankers, an item stands twice in one ranking,
                all are empty, or the length is not positive.
        """
        if len(rankings) < 2:
            raise InputError(f"Interleaving needs two rankings or more, got {len(rankings)}.")
        if length < 1:
            raise InputError(f"`length` is at least 1, got {length}.")
        for name, ranking in rankings.items():
            if len(set(ranking)) < len(ranking):
                raise InputError(f"An item stands twice in the ranking of `{name}`.")
        items = tuple(dict.fromkeys(i for r in rankings.values() for i in r[:length]))
        if not items:
            raise InputError("All rankings are empty: there is nothing to interleave.")
        number = {item: n for n, item in enumerate(items)}
        order = np.full((len(rankings), length), _NONE, np.int64)
        for row, ranking in zip(order, rankings.values(), strict=True):
            row[: len(ranking[:length])] = [number[item] for item in ranking[:length]]
        return cls(tuple(rankings), items, order)

    @property
    def ranks(self) -> NDArray[np.int64]:
        """The rank of each item in each ranking from 0, (r, items); far where it is absent."""
        ranks = np.full((len(self.rankers), len(self.items)), _FAR, np.int64)
        for row, order in zip(ranks, self.order, strict=True):
            held = order[order != _NONE]
            row[held] = np.arange(len(held))
        return ranks

    def named(self, interleaved: Interleaved) -> list[list[Hashable]]:
        """Return the lists of sessions by the items' own names."""
        return [[self.items[i] for i in row if i != _NONE] for row in interleaved.items]


def team_draft(rankings: Rankings, rng: np.random.Generator, *, sessions: int = 1) -> Interleaved:
    """Merge as two captains choose teams: in turns, the order of each round by lot.

    With more than two rankers it is team-draft multileaving. A click is the captain's who chose
    the item. Each ranker fills as many places as another, at equal heights on average.

    Args:
        rankings: What is merged.
        rng: Randomness.
        sessions: How many lists are drawn.

    Source: Radlinski, Kurup and Joachims (2008), algorithm 2; for several Schuth et al. (2014).

    Example:
        >>> rankings = Rankings.of({"a": ["x", "y"], "b": ["y", "z"]}, length=2)
        >>> lists = team_draft(rankings, np.random.default_rng(0), sessions=1000)
        >>> lists.credit.sum(axis=1).mean(axis=0)
        array([1., 1.])
    """
    count, length = len(rankings.rankers), rankings.order.shape[1]
    length = min(length, len(rankings.items))
    items = np.full((sessions, length), _NONE, np.int64)
    credit = np.zeros((sessions, length, count))
    used = np.zeros((sessions, len(rankings.items) + 1), bool)
    used[:, _NONE] = True  # the end of a ranking can be chosen by nobody
    filled, rows = np.zeros(sessions, np.int64), np.arange(sessions)
    while (filled < length).any():
        turns = rng.random((sessions, count)).argsort(axis=1)
        for turn in turns.T:
            free = ~used[rows[:, None], rankings.order[turn]]
            chosen = rankings.order[turn, free.argmax(axis=1)]
            able = free.any(axis=1) & (filled < length)
            at, who = rows[able], turn[able]
            items[at, filled[able]] = chosen[able]
            credit[at, filled[able], who] = 1.0
            used[at, chosen[able]] = True
            filled[able] += 1
    return Interleaved(rankings.rankers, items, credit)


def balanced(rankings: Rankings, rng: np.random.Generator, *, sessions: int = 1) -> Interleaved:
    """Merge two rankings in turns; which begins is drawn once a list.

    Clicks count for each ranking as far down as one of them had to be read for the lowest click.
    It has a known bias: where one ranking is the other shifted by a place, random clicks favour
    one of them. Use `team_draft` or `optimized` for decisions.

    Source: Joachims (2002), "Unbiased evaluation of retrieval quality using clickthrough data".

    Raises:
        InputError: If there are not two rankers.
    """
    if len(rankings.rankers) != 2:
        raise InputError(f"Balanced interleaving merges two, got {len(rankings.rankers)}.")
    first = rng.random(sessions) < 0.5
    lists = [_in_turns(rankings.order[0], rankings.order[1])]
    lists.append(_in_turns(rankings.order[1], rankings.order[0]))
    length = max(map(len, lists))
    padded = np.array([[*row, *[_NONE] * (length - len(row))] for row in lists], np.int64)
    items = padded[np.where(first, 0, 1)]
    ranks = np.where(items[:, :, None] == _NONE, _FAR, rankings.ranks.T[items])
    return Interleaved(rankings.rankers, items, np.zeros((sessions, length, 2)), ranks=ranks)


def probabilistic(
    rankings: Rankings, rng: np.random.Generator, *, sessions: int = 1, decay: float = 3.0
) -> Interleaved:
    """Merge by drawing each place from one of the rankings at random, higher items likelier.

    A click is shared between the rankers by how likely each was to have put the item there, which
    leaves no noise of the draw in the credit.

    Args:
        rankings: What is merged.
        rng: Randomness.
        sessions: How many lists are drawn.
        decay: Of the chance of an item with its rank: 1 / rank ** decay.

    Source: Hofmann, Whiteson and de Rijke (2011), with marginalised credit (their section 3.3).
    """
    if decay <= 0:
        raise InputError(f"`decay` is positive, got {decay}.")
    count, length = len(rankings.rankers), min(rankings.order.shape[1], len(rankings.items))
    with np.errstate(divide="ignore"):
        ranks = rankings.ranks.astype(np.float64)
        weights = np.where(ranks < _FAR, (ranks + 1.0) ** -decay, 0.0)
    items = np.full((sessions, length), _NONE, np.int64)
    credit = np.zeros((sessions, length, count))
    left, rows = np.ones((sessions, len(rankings.items))), np.arange(sessions)
    for place in range(length):
        each = weights[None] * left[:, None, :]
        totals = each.sum(axis=2, keepdims=True)
        chance = np.divide(each, totals, out=np.zeros_like(each), where=totals > 0)
        able = (totals[:, :, 0] > 0).astype(np.float64)
        mixed = chance.sum(axis=1) / np.maximum(able.sum(axis=1), 1)[:, None]
        chosen = _draw(mixed, rng)
        there = able.any(axis=1)
        items[there, place] = chosen[there]
        said = chance[rows, :, chosen]
        total = said.sum(axis=1, keepdims=True)
        credit[:, place] = np.divide(said, total, out=np.zeros_like(said), where=total > 0)
        left[rows, chosen] = 0.0
    return Interleaved(rankings.rankers, items, credit)


def _in_turns(first: Items, second: Items) -> list[int]:
    """Merge two rankings that take turns, each giving its highest item that is not there yet."""
    merged: list[int] = []
    a, b = first[first != _NONE].tolist(), second[second != _NONE].tolist()
    i = j = 0
    while i < len(a) and j < len(b):
        if i <= j:
            if a[i] not in merged:
                merged.append(a[i])
            i += 1
        else:
            if b[j] not in merged:
                merged.append(b[j])
            j += 1
        if len(merged) == len(first):
            break
    return merged


def _draw(chance: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw one of each row's items by its chances."""
    upto = np.cumsum(chance, axis=1)
    u = rng.random((len(chance), 1)) * upto[:, -1:]
    return np.asarray((upto <= u).sum(axis=1).clip(max=chance.shape[1] - 1))
