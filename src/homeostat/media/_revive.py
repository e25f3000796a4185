"""From the row that stands for a media value back to the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from homeostat.media._audio import Audio
from homeostat.media._content import Media, Read
from homeostat.media._document import Html, Molecule, Object3D, Plotly
from homeostat.media._histogram import Histogram
from homeostat.media._image import Image
from homeostat.media._video import Video

__all__ = ["revived"]


class _Revivable(Protocol):
    def from_row(self, row: Mapping[str, Any], read: Read) -> Media: ...


_BY_TYPE: Mapping[str, _Revivable] = {
    "image-file": Image,
    "audio-file": Audio,
    "video-file": Video,
    "html-file": Html,
    "histogram": Histogram,
    "object3D-file": Object3D,
    "molecule-file": Molecule,
    "plotly-file": Plotly,
}


def revived(row: Mapping[str, Any], read: Read) -> object:
    """Return the media value of a row; one of a type that is not known stays the row it is."""
    known = _BY_TYPE.get(str(row.get("_type")))
    whole = known is not None and ("sha256" in row or row["_type"] == "histogram")
    return known.from_row(row, read) if known is not None and whole else dict(row)
