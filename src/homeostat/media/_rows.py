"""One seam for everything that is logged and no number: a row of JSON, its contents put aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from homeostat.core import InputError
from homeostat.media._content import Media, Put, Read, Row
from homeostat.media._document import Plotly
from homeostat.media._histogram import Histogram
from homeostat.media._image import Image
from homeostat.media._pixels import array_of
from homeostat.media._revive import revived
from homeostat.media._table import Table

__all__ = ["as_media", "from_row", "sequence_row"]

_FEW = 32  # so many numbers are logged as they are, more as a histogram
_SEQUENCES = {
    "image-file": "images/separated",
    "audio-file": "audio",
    "video-file": "videos",
    "html-file": "html",
    "object3D-file": "object3D",
    "molecule-file": "molecule",
    "plotly-file": "plotly",
    "histogram": "histograms",
    "table-file": "tables",
}


def as_media(value: Any) -> Media | None:  # noqa: ANN401 - whatever is logged
    """Return the media value that something of another library is logged as; None for the rest.

    Figures of matplotlib and PIL pictures become `Image`, Plotly's `Plotly`, frames `Table`, arrays
    and tensors of more than 32 numbers `Histogram`.
    """
    if isinstance(value, Media):
        return value
    home = type(value).__module__.partition(".")[0]
    if home == "plotly":
        return Plotly(value)
    if home == "PIL" or hasattr(value, "savefig") or hasattr(value, "gcf"):
        return Image(value)
    if home in {"polars", "pandas"} or hasattr(value, "__arrow_c_stream__"):
        return Table(dataframe=value) if len(getattr(value, "shape", ())) == 2 else None
    found = array_of(value)
    if found is not None and found[0].size > _FEW and np.issubdtype(found[0].dtype, np.number):
        return Histogram(found[0])
    return None


def sequence_row(values: Sequence[Media], put: Put) -> Row:
    """Put several media of one class and return the one row that stands for them.

    Raises:
        InputError: If there are none, or they are of several classes.
    """
    rows = [value.to_row(put) for value in values]
    kinds = {str(row["_type"]) for row in rows}
    if len(kinds) != 1:
        names = ", ".join(sorted({type(value).__name__ for value in values})) or "none"
        raise InputError(f"A list of media holds one class of them, got {names}.")
    found: Row = {"_type": _SEQUENCES[kinds.pop()], "count": len(rows), "items": rows}
    if any("caption" in row for row in rows):
        found["captions"] = [row.get("caption") for row in rows]
    for fact in ("width", "height", "format"):
        if len({row.get(fact) for row in rows}) == 1 and rows[0].get(fact) is not None:
            found[fact] = rows[0][fact]
    return found


def from_row(row: Mapping[str, Any], read: Read) -> object:
    """Return the media value, or the list of them, that a row stands for.

    Args:
        row: What `to_row` or `sequence_row` returned, or a row of W&B's with a ``sha256``.
        read: Returns the bytes, or the file, of a SHA-256. Contents are read when they are used.

    Raises:
        InputError: If the row is of no media type.

    Example:
        >>> from homeostat.media import Html
        >>> import hashlib
        >>> kept = {}
        >>> class Kept:
        ...     def __init__(self, content):
        ...         self.sha256, self.size = hashlib.sha256(content).hexdigest(), len(content)
        ...         kept[self.sha256] = content
        >>> row = Html("<b>bold</b>").to_row(Kept)
        >>> row["_type"], from_row(row, kept.get).content()
        ('html-file', b'<b>bold</b>')
    """
    kind = row.get("_type")
    if kind == "table-file":
        return Table.from_row(row, read)
    if "items" in row and kind in _SEQUENCES.values():
        return [from_row(cast("Mapping[str, Any]", one), read) for one in row["items"]]
    found = revived(row, read)
    if isinstance(found, dict):
        raise InputError(f"A media row has a `_type` such as 'image-file' and a sha256, got {row}.")
    return found
