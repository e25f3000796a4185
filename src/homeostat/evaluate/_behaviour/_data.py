"""The three kinds of rows that behavioural tests change: a table, texts, images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, Json

__all__ = [
    "Data",
    "Kind",
    "Predict",
    "admit",
    "as_json",
    "changed",
    "joined",
    "kind_of",
    "shown",
    "taken",
]

Images = NDArray[Any]
Data = pl.DataFrame | list[str] | Images
Predict = Callable[[Any], ArrayLike]
"""From a frame, a list of texts or an array of images to one output a row."""
Kind = Literal["table", "text", "image"]


def admit(data: object) -> Data:
    """Return a frame, a list of texts or an array of images (n, h, w) or (n, h, w, c).

    Raises:
        InputError: If it is none of them, has no row, or holds something that is not a text.
    """
    found = _admitted(data)
    if not len(found):
        raise InputError("A behavioural test needs at least one row, got none.")
    return found


def _admitted(data: object) -> Data:
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, np.ndarray) and data.ndim in {3, 4}:
        return _pixels(data)
    if hasattr(data, "__arrow_c_stream__") and not isinstance(data, pl.Series):
        return pl.DataFrame(cast("Any", data))
    if isinstance(data, (Sequence, pl.Series, np.ndarray)) and not isinstance(data, (str, bytes)):
        return _texts(list(data))
    raise InputError(
        "Rows must be a frame, a list of texts, or images of shape (n, h, w) or (n, h, w, c); "
        f"got {type(data).__name__}."
    )


def _texts(texts: list[Any]) -> list[str]:
    odd = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
    if odd is not None:
        raise InputError(f"Texts must be strings, but number {odd} is {texts[odd]!r}.")
    return texts


def _pixels(images: Images) -> Images:
    if images.dtype.kind not in "uif":
        raise InputError(f"Images must be numbers, got dtype {images.dtype}.")
    if images.size and not np.isfinite(images).all():
        raise InputError("Images must be finite, but a pixel is NaN or infinite.")
    return images


def kind_of(data: Data) -> Kind:
    """Say whether rows are a table, texts or images."""
    if isinstance(data, pl.DataFrame):
        return "table"
    return "text" if isinstance(data, list) else "image"


def taken(data: Data, rows: NDArray[np.intp]) -> Data:
    """Return some rows, by their places."""
    if isinstance(data, list):
        return [data[i] for i in rows.tolist()]
    return data[rows]


def joined(pieces: Sequence[Data]) -> Data:
    """Return pieces of one kind as one."""
    if len(pieces) == 1:
        return pieces[0]
    if isinstance(pieces[0], pl.DataFrame):
        return pl.concat(cast("list[pl.DataFrame]", pieces))
    if isinstance(pieces[0], list):
        return [text for piece in pieces for text in cast("list[str]", piece)]
    return np.concatenate(cast("list[Images]", pieces))


def changed(before: Data, after: Data) -> NDArray[np.bool_]:
    """Say which rows differ, shape (n,); a missing value equals a missing value."""
    if isinstance(before, pl.DataFrame):
        other = cast("pl.DataFrame", after)
        differs = np.zeros(len(before), dtype=np.bool_)
        for name in before.columns:
            if before[name] is not other[name]:
                differs |= before[name].ne_missing(other[name]).to_numpy()
        return differs
    if isinstance(before, list):
        pairs = zip(before, cast("list[str]", after), strict=True)
        return np.fromiter((a != b for a, b in pairs), np.bool_, len(before))
    axes = tuple(range(1, before.ndim))
    differs = np.asarray(before != cast("Images", after))
    return np.asarray(np.any(differs, axis=axes), dtype=np.bool_)


def shown(before: Data, after: Data, row: int, source: int) -> dict[str, Json]:
    """Return one row before and after its change, as a person reads it."""
    if isinstance(before, pl.DataFrame):
        was, now = before.row(row, named=True), cast("pl.DataFrame", after).row(row, named=True)
        moved = {name: [was[name], now[name]] for name in was if was[name] != now[name]}
        return {"at": source, "row": as_json(was), "changed": as_json(moved)}
    if isinstance(before, list):
        return {"at": source, "text": before[row], "became": cast("list[str]", after)[row]}
    far = np.abs(before[row].astype(np.float64) - cast("Images", after)[row].astype(np.float64))
    return {"at": source, "mean_pixel_change": float(far.mean())}


def as_json(value: object) -> Json:
    """Return a value of a row as JSON; what has no JSON form is its text."""
    if isinstance(value, dict):
        return {str(name): as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)
