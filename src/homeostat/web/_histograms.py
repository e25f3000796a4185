"""Histograms of one key over the steps, as one picture: how a distribution moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from homeostat.web._words import number

__all__ = ["over_steps"]

_STEPS, _BINS, _SHADES = 48, 24, 8


def over_steps(rows: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, object] | None:
    """Return the cells of a picture of 100 by 60: a column a step, darker where more values lie.

    Args:
        rows: Step and row of each histogram, by step; of more than 48 some are drawn.

    Returns:
        None where there are fewer than two.

    Example:
        >>> wide = {"_type": "histogram", "values": [1, 1], "bins": [0.0, 1.0, 2.0]}
        >>> narrow = {"_type": "histogram", "values": [4], "bins": [0.0, 1.0]}
        >>> drawn = over_steps([(0, wide), (9, narrow)])
        >>> drawn["low"], drawn["high"], drawn["first"], drawn["last"], len(drawn["cells"])
        ('0', '2', '0', '9', 36)
    """
    from homeostat.media import Histogram  # noqa: PLC0415 - Pillow, where there is one

    if len(rows) < 2:
        return None
    places = np.unique(np.linspace(0, len(rows) - 1, _STEPS).round().astype(int))
    held = [(rows[i][0], Histogram.from_row(rows[i][1], str.encode)) for i in places]
    low = min(one.bins[0] for _, one in held)
    high = max(one.bins[-1] for _, one in held)
    edges = np.linspace(low, high, _BINS + 1)
    shares = [_shares(one.histogram, one.bins, edges) for _, one in held]
    most = max(float(share.max()) for share in shares) or 1.0
    width, tall = 100 / len(held), 60 / _BINS
    cells = []
    for column, ((step, _), share) in enumerate(zip(held, shares, strict=True)):
        for row in np.flatnonzero(share):
            shade = min(_SHADES, 1 + int(_SHADES * float(share[row]) / most))
            words = f"step {step:,}: {float(share[row]):.1%} from {number(float(edges[row]))}"
            words += f" to {number(float(edges[row + 1]))}"
            x, y = round(column * width, 2), round(60 - (int(row) + 1) * tall, 2)
            cells.append({"x": x, "y": y, "shade": shade, "words": words})
    return {
        "cells": cells, "width": round(width, 2), "height": tall, "low": number(low),
        "high": number(high), "first": number(held[0][0]), "last": number(held[-1][0]),
    }  # fmt: skip


def _shares(counts: Sequence[float], bins: Sequence[float], edges: Any) -> Any:  # noqa: ANN401 - arrays
    """Return how much of a histogram lies between other edges, spread evenly within its bins."""
    below = np.concatenate([[0.0], np.cumsum(np.asarray(counts, np.float64))])
    within = np.diff(np.interp(edges, np.asarray(bins), below))
    return within / (below[-1] or 1.0)
