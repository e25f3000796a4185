"""What is logged and no number: images, sound, video, pages, figures, histograms, tables.

Names load when first used: NumPy, Polars and Pillow come with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily

if TYPE_CHECKING:
    from homeostat.media._audio import Audio
    from homeostat.media._compile import compile_aggregate, compile_filter, compile_formula
    from homeostat.media._content import Blob, Media, Put, Read, Row
    from homeostat.media._document import Html, Molecule, Object3D, Plotly
    from homeostat.media._histogram import Histogram
    from homeostat.media._image import Image
    from homeostat.media._overlay import Boxes, Mask
    from homeostat.media._parts import ColumnFacts
    from homeostat.media._rows import as_media, from_row, sequence_row
    from homeostat.media._scan import open_view, scan
    from homeostat.media._table import Table
    from homeostat.media._video import Video
    from homeostat.media._view import TableView

__all__ = [
    "Audio",
    "Blob",
    "Boxes",
    "ColumnFacts",
    "Histogram",
    "Html",
    "Image",
    "Mask",
    "Media",
    "Molecule",
    "Object3D",
    "Plotly",
    "Put",
    "Read",
    "Row",
    "Table",
    "TableView",
    "Video",
    "as_media",
    "compile_aggregate",
    "compile_filter",
    "compile_formula",
    "from_row",
    "open_view",
    "scan",
    "sequence_row",
]

__getattr__ = lazily(
    globals(),
    {
        "_audio": ["Audio"],
        "_compile": ["compile_aggregate", "compile_filter", "compile_formula"],
        "_content": ["Blob", "Media", "Put", "Read", "Row"],
        "_document": ["Html", "Molecule", "Object3D", "Plotly"],
        "_histogram": ["Histogram"],
        "_image": ["Image"],
        "_overlay": ["Boxes", "Mask"],
        "_parts": ["ColumnFacts"],
        "_rows": ["as_media", "from_row", "sequence_row"],
        "_scan": ["open_view", "scan"],
        "_table": ["Table"],
        "_video": ["Video"],
        "_view": ["TableView"],
    },
)
