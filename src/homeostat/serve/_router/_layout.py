"""Layouts: which parts of [0, 1) belong to which arm, and how they change so that few move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

__all__ = ["Layout", "fresh", "ramped"]

Layout = tuple[tuple[float, str], ...]  # the end of each part, and the arm it belongs to
_GRID = 10**12
_Part = tuple[int, int]


def fresh(weights: Mapping[str, float], rest: str) -> Layout:
    """Return the layout of a plan that begins: arms in their order from 0, and the rest's last.

    Args:
        weights: Of each arm; they sum to 1.
        rest: The arm whose part lies last, such as the champion.

    Example:
        >>> fresh({"champion": 0.75, "challenger": 0.25}, "champion")
        ((0.25, 'challenger'), (1.0, 'champion'))
    """
    order = [arm for arm in weights if arm != rest] + [rest]
    parts, end = [], 0.0
    for arm in order:
        if weights.get(arm, 0.0) > 0:
            end += weights[arm]
            parts.append((end, arm))
    parts[-1] = (1.0, parts[-1][1])
    return tuple(parts)


def ramped(layout: Layout, weights: Mapping[str, float], rest: str) -> Layout:
    """Return a layout with other weights that moves as few as can be.

    An arm that does not shrink loses nothing; what others give up goes to those that grow. The
    rest gives up its lowest places and others their highest, so that two arms always are a
    threshold: the challenger's share is [0, share).

    Args:
        layout: The one before.
        weights: From now on; arms may come and go.
        rest: As in `fresh`.

    Example:
        >>> begun = fresh({"champion": 0.8, "b": 0.1, "c": 0.1}, "champion")
        >>> ramped(begun, {"champion": 0.5, "b": 0.3, "c": 0.2}, "champion")
        ((0.1, 'b'), (0.2, 'c'), (0.4, 'b'), (0.5, 'c'), (1.0, 'champion'))
    """
    wanted = _units(weights, rest)
    held: dict[str, list[_Part]] = {arm: [] for arm in wanted}
    free: list[_Part] = []
    for (start, _), (end, arm) in pairwise(((0.0, ""), *layout)):
        part = (round(start * _GRID), round(end * _GRID))
        held.get(arm, free).append(part)
    for arm, parts in held.items():
        excess = _size(parts) - wanted[arm]
        if excess > 0:
            held[arm], freed = _cut(parts, excess, lowest=arm == rest)
            free += freed
    free.sort()
    for arm, parts in held.items():
        lack = wanted[arm] - _size(parts)
        if lack > 0:
            free, taken = _cut(free, lack, lowest=True)
            held[arm] = parts + taken
    return _joined(held)


def _units(weights: Mapping[str, float], rest: str) -> dict[str, int]:
    """Return weights as whole steps of the grid that sum to all of it."""
    units = {arm: round(weight * _GRID) for arm, weight in weights.items() if weight > 0}
    last = rest if rest in units else max(units, key=lambda arm: units[arm])
    units[last] += _GRID - sum(units.values())
    return units


def _size(parts: Iterable[_Part]) -> int:
    return sum(end - start for start, end in parts)


def _cut(parts: list[_Part], size: int, *, lowest: bool) -> tuple[list[_Part], list[_Part]]:
    """Return what is left of parts in order, and the part of that size that was cut off."""
    left, taken = sorted(parts, reverse=not lowest), []
    while size:
        start, end = left.pop(0)
        cut = min(size, end - start)
        size -= cut
        if lowest:
            taken.append((start, start + cut))
            rest = (start + cut, end)
        else:
            taken.append((end - cut, end))
            rest = (start, end - cut)
        if rest[0] < rest[1]:
            left.insert(0, rest)
    return sorted(left), sorted(taken)


def _joined(held: Mapping[str, list[_Part]]) -> Layout:
    parts = sorted((end, arm) for arm, owned in held.items() for _, end in owned)
    joined: list[tuple[float, str]] = []
    for end, arm in parts:
        if joined and joined[-1][1] == arm:
            joined.pop()
        joined.append((end / _GRID, arm))
    return tuple(joined)
