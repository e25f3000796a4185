"""Features that tell the same, so that neither looks unimportant because of the other."""

from __future__ import annotations

import numpy as np
import polars as pl

from homeostat.core import InputError
from homeostat.importance._matrix import frame_or_none
from homeostat.stats import Floats

__all__ = ["correlated_groups"]


def correlated_groups(features: object, *, at_least: float = 0.7) -> dict[str, list[str]]:
    """Group columns of numbers whose ranks correlate.

    Average linkage on one minus the size of Spearman's correlation; nulls and NaN take the mean
    rank. Columns of text and constant columns stay alone.

    Args:
        features: A frame.
        at_least: The mean correlation within a group, in (0, 1].

    Returns:
        Groups of two and more, by the names of their members joined by `` + ``: the ``groups``
        of :func:`permutation`, :func:`retrained` and :meth:`Explanation.grouped`. Time and
        memory: O(n d^2 + d^2).

    Raises:
        InputError: If it is no frame, or ``at_least`` is out of its range.

    Example:
        >>> frame = pl.DataFrame({"a": [1, 2, 3, 4], "b": [9, 4, 2, 1], "c": [1, 3, 3, 1]})
        >>> correlated_groups(frame)
        {'a + b': ['a', 'b']}
    """
    frame = frame_or_none(features)
    if frame is None:
        raise InputError(f"Features must be a frame with names, got {type(features).__name__}.")
    if not 0 < at_least <= 1:
        raise InputError(f"`at_least` lies in (0, 1], got {at_least}.")
    ranks, names = _ranks(frame)
    if len(names) < 2:
        return {}
    from scipy.cluster import hierarchy  # noqa: PLC0415 - where it is used
    from scipy.spatial.distance import squareform  # noqa: PLC0415 - as above

    apart = np.clip(1 - np.abs(ranks.T @ ranks), 0, 1)
    np.fill_diagonal(apart, 0)
    tree = hierarchy.linkage(squareform((apart + apart.T) / 2, checks=False), method="average")
    cluster = hierarchy.fcluster(tree, 1 - at_least + 1e-12, criterion="distance")
    members: dict[int, list[str]] = {}
    for name, code in zip(names, cluster.tolist(), strict=True):
        members.setdefault(code, []).append(name)
    return {" + ".join(group): group for group in members.values() if len(group) > 1}


def _ranks(frame: pl.DataFrame) -> tuple[Floats, list[str]]:
    """Return centred ranks of length 1, shape (n, columns that vary), and their names."""
    kept = [name for name, kind in frame.schema.items() if kind.is_numeric() or kind == pl.Boolean]
    numbers = frame.select(pl.col(kept).cast(pl.Float64).fill_nan(None).rank())
    centred = numbers.select((pl.all() - pl.all().mean()).fill_null(0.0)).to_numpy()
    length = np.sqrt(np.square(centred).sum(axis=0)) if kept else np.zeros(0)
    varies = length > 0
    return centred[:, varies] / length[varies], [k for k, v in zip(kept, varies, strict=True) if v]
