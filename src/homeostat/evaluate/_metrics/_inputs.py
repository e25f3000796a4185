"""What labels and predictions of any number of classes must be; checked once, at the door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats import Floats, block_codes, floats

__all__ = ["Rows", "class_codes", "class_probabilities", "known_classes", "rows_of"]

_SUM = 1e-3  # rows further from 1 than probabilities kept as float16 are


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows as every metric sees them.

    Args:
        n: How many.
        blocks: Each row's block as a code, shape (n,); None takes rows as independent.
        n_blocks: How many blocks; without any as many as rows.
        weight: Averaging 1, shape (n,); None weighs rows alike.
    """

    n: int
    blocks: NDArray[np.intp] | None
    n_blocks: int
    weight: Floats | None

    @property
    def w(self) -> Floats:
        """The weights, ones where there are none."""
        return np.ones(self.n) if self.weight is None else self.weight


def rows_of(n: int, blocks: ArrayLike | None, weight: ArrayLike | None) -> Rows:
    """Return rows with their blocks and weights checked."""
    if not n:
        raise InputError("At least one row is needed, got none.")
    codes, n_blocks = (None, n) if blocks is None else block_codes(blocks, n)
    if weight is None:
        return Rows(n, codes, n_blocks, None)
    w = floats(weight, "weight", n=n)
    if w.min() < 0 or w.max() == 0:
        raise InputError("`weight` must not be negative, and not zero in every row.")
    return Rows(n, codes, n_blocks, w / w.mean())


def known_classes(*values: NDArray[Any]) -> tuple[Any, ...]:
    """Return every class that occurs, in order."""
    kinds = {"text" if v.dtype.kind in "OUS" else "number" for v in values}
    if len(kinds) > 1:
        raise InputError("Labels and decisions must name classes alike: one is text, one numbers.")
    if kinds == {"text"}:
        return tuple(np.unique(np.concatenate([v.astype(str) for v in values])).tolist())
    for v in values:
        _no_nan(v)
    return tuple(np.unique(np.concatenate(values)).tolist())


def class_codes(
    values: ArrayLike, classes: Sequence[Any], name: str, *, n: int | None = None
) -> NDArray[np.intp]:
    """Return each row's class as its place in ``classes``, shape (n,)."""
    array = np.asarray(values)
    if array.ndim != 1 or (n is not None and len(array) != n):
        raise InputError(f"`{name}` must have one class a row: {n} rows, got {array.shape}.")
    if array.dtype.kind == "O":
        missing = sum(1 for v in array.tolist() if v is None)
        if missing:
            raise InputError(f"`{name}` must have a class in each row, {missing} are missing.")
        array = array.astype(str) if any(isinstance(c, str) for c in classes) else array
    _no_nan(array, name)
    held, codes = np.unique(array, return_inverse=True)
    place = {one: at for at, one in enumerate(classes)}
    if unknown := [one for one in held.tolist() if one not in place]:
        raise InputError(
            f"`{name}` holds {unknown[0]!r}, which is none of the {len(place)} classes "
            f"{list(classes)[:5]}: name all of them in `classes`."
        )
    return np.array([place[one] for one in held.tolist()], np.intp)[codes]


def class_probabilities(p: ArrayLike) -> Floats:
    """Return probabilities by class, shape (n, k) with k at least 2, each row adding up to 1."""
    try:
        q = np.asarray(p, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"`p` must be numbers: {error}.") from error
    if q.ndim != 2 or q.shape[1] < 2 or not len(q):
        raise InputError(
            f"Probabilities by class need a row each and two columns or more, got {q.shape}."
        )
    if bad := int(np.count_nonzero(~np.isfinite(q).all(axis=1))):
        raise InputError(f"`p` must be finite: {bad} of {len(q)} rows hold NaN or infinity.")
    if (q < 0).any() or (q > 1).any():
        raise InputError("`p` must lie in [0, 1]: pass probabilities, not scores.")
    total = q.sum(axis=1)
    if off := int(np.count_nonzero(np.abs(total - 1) > _SUM)):
        raise InputError(
            f"A row's probabilities must add up to 1: {off} of {len(q)} rows do not, one adds up "
            f"to {total[np.argmax(np.abs(total - 1))]:g}."
        )
    return np.asarray(q / total[:, None], np.float64)


def _no_nan(array: NDArray[Any], name: str = "label") -> None:
    if array.dtype.kind == "f" and (bad := int(np.count_nonzero(~np.isfinite(array)))):
        raise InputError(f"`{name}` must be finite: {bad} of {len(array)} values are NaN.")
