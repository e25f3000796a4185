"""Merge: one list of the rankings of several arms, each row by the arm whose pick it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["Merged", "merge"]


@dataclass(frozen=True, slots=True)
class Merged:
    """What a session is shown.

    Args:
        order: (n,) rows, the top first.
        arms: (n,) by row, the arm whose pick it was.
        scores: (n,) by row, what that arm answered.
    """

    order: list[int]
    arms: list[str]
    scores: NDArray[np.float64]


def merge(scores: Mapping[str, NDArray[np.float64]], key: str, *, salt: str) -> Merged:
    """Merge the arms' rankings of the same rows by team draft; the same for ever for a key.

    Each arm ranks the rows by its scores, the highest first (equal ones as they came). A click on
    a row is a point for the arm whose pick it was (`homeostat.experiment.preference`). The draw is
    that of `homeostat.experiment.team_draft` for one session, made row by row: a millisecond for
    1,000 rows.

    Args:
        scores: Of each arm, (n,).
        key: Who asks; it decides which arm picks first in each round.
        salt: Names the trial.

    Example:
        >>> found = merge({"old": np.array([0.9, 0.1, 0.5]), "new": np.array([0.2, 0.3, 0.8])},
        ...     "user-1", salt="v1/v2")
        >>> found.order, found.arms
        ([2, 0, 1], ['old', 'new', 'new'])
    """
    digest = blake2b(f"{salt}/lists\0{key}".encode("utf-8", "surrogatepass"), digest_size=8)
    rng = np.random.default_rng(int.from_bytes(digest.digest(), "big"))
    names, n = list(scores), len(next(iter(scores.values())))
    ranked = [iter(np.argsort(-values, kind="stable").tolist()) for values in scores.values()]
    order: list[int] = []
    arms = [""] * n
    for turn in rng.random((-(-n // len(names)), len(names))).argsort(axis=1).tolist():
        for captain in turn[: n - len(order)]:
            row = next(row for row in ranked[captain] if not arms[row])
            arms[row] = names[captain]
            order.append(row)
    chosen = np.array([scores[arm][row] for row, arm in enumerate(arms)], np.float64)
    return Merged(order, arms, chosen)
