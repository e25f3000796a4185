"""Html, Object3D, Molecule and Plotly: files that a page knows how to show."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from homeostat.core import InputError
from homeostat.media._content import Content, Put, Read, Row, content_of
from homeostat.media._pixels import array_of

__all__ = ["Html", "Molecule", "Object3D", "Plotly"]


class _Document:
    """A file of one kind, with a caption."""

    _type: ClassVar[str]
    source: Content
    format: str
    caption: str | None

    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self.source.read()

    def to_row(self, put: Put) -> Row:
        """Put the file and return the row that stands for it."""
        row: Row = {"_type": self._type, **self.source.put(put), "format": self.format}
        return row if self.caption is None else row | {"caption": self.caption}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Self:
        """Return the value that a row stands for; its content is read when it is used."""
        found = cls.__new__(cls)
        found.source = Content.stored(row, read)
        found.format, found.caption = row.get("format") or "", row.get("caption")
        return found

    def __repr__(self) -> str:
        caption = "" if self.caption is None else f", {self.caption!r}"
        return f"{type(self).__name__}({self.format}{caption})"


class Html(_Document):
    """A page. Whoever shows it must do so in a sandbox: it may hold scripts.

    Args:
        data: The page as text, the path of an ``.html`` file, or an open file.
        inject: Taken for W&B's sake; the page is kept as it is.
        data_is_not_path: Whether a text is never read as a path.

    Example:
        >>> Html("<b>bold</b>").content()
        b'<b>bold</b>'
    """

    _type = "html-file"

    def __init__(
        self,
        data: object,
        inject: bool = True,  # noqa: ARG002, FBT001, FBT002 - W&B's signature
        data_is_not_path: bool = False,  # noqa: FBT001, FBT002 - likewise
    ) -> None:
        text = isinstance(data, str) and (
            data_is_not_path or "<" in data or not data.lower().endswith((".html", ".htm"))
        )
        source = str(data).encode() if text else data
        found = content_of(source, "A page", ("html", "htm"))
        if found is None:
            raise InputError(f"A page is a text, a path or a file, got {type(data).__name__}.")
        self.source, self.format, self.caption = found[0], "html", None


class Object3D(_Document):
    """A scene in space.

    Args:
        data_or_path: Points (n, 3) as x, y, z, with a fourth column for a category or three for
            red, green, blue; a dict such as ``{"type": "lidar/beta", "points": ...}``; or a file
            of type obj, gltf, glb, babylon, stl or pts.json.
        caption: A line of text.
        file_type: Of an open file.

    Example:
        >>> Object3D([[0, 0, 0], [1, 1, 1]])
        Object3D(pts.json)
    """

    _type = "object3D-file"
    _FORMATS: ClassVar = ("obj", "gltf", "glb", "babylon", "stl", "json")

    def __init__(
        self, data_or_path: object, caption: str | None = None, file_type: str | None = None
    ) -> None:
        self.caption = None if caption is None else str(caption)
        found = content_of(data_or_path, "A 3D object", self._FORMATS)
        if found is None:
            self.source, self.format = Content(_scene(data_or_path)), "pts.json"
            return
        self.source, suffix = found
        self.format = (suffix or file_type or "obj").replace("json", "pts.json", 1)


class Molecule(_Document):
    """A molecule as a file of a format that chemists use.

    Args:
        data_or_path: The path, or an open file.
        caption: A line of text.
        file_type: Of an open file: pdb, pqr, mmcif, mcif, cif, sdf, sd, gro, mol2 or mmtf.
    """

    _type = "molecule-file"
    _FORMATS: ClassVar = (
        *("pdb", "pqr", "mmcif", "mcif", "cif", "sdf", "sd", "gro", "mol2", "mmtf"),
    )

    def __init__(
        self, data_or_path: object, caption: str | None = None, file_type: str | None = None
    ) -> None:
        found = content_of(data_or_path, "A molecule", self._FORMATS)
        suffix = (found[1] if found else "") or file_type
        if found is None or suffix not in self._FORMATS:
            raise InputError(
                "A molecule is a path, or an open file with file_type= one of "
                f"{', '.join(self._FORMATS)}; got {type(data_or_path).__name__}, {suffix!r}."
            )
        self.source, self.format = found[0], suffix
        self.caption = None if caption is None else str(caption)


class Plotly(_Document):
    """A Plotly figure.

    Args:
        figure: The figure, its JSON as dict or text, or the path of a ``.json`` file.

    Example:
        >>> Plotly({"data": [{"y": [1, 2]}]}).content()
        b'{"data":[{"y":[1,2]}]}'
    """

    _type = "plotly-file"

    def __init__(self, figure: object) -> None:
        self.source, self.format, self.caption = Content(_figure(figure)), "json", None


def _figure(figure: Any) -> bytes:  # noqa: ANN401 - duck-typed
    if hasattr(figure, "to_json"):
        text = figure.to_json()
    elif isinstance(figure, Mapping):
        text = json.dumps(figure, separators=(",", ":"), allow_nan=False, default=_listed)
    elif isinstance(figure, os.PathLike) or (isinstance(figure, str) and figure.endswith(".json")):
        text = Path(figure).read_text("utf-8") if Path(figure).is_file() else ""
    else:
        text = figure
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, Mapping) or "data" not in found:
        raise InputError(
            "A Plotly figure is a figure, JSON with `data`, or the path of such a .json file, "
            f"got {type(figure).__name__}."
        )
    return str(text).encode()


def _listed(value: Any) -> object:  # noqa: ANN401 - whatever JSON does not know
    if hasattr(value, "tolist"):
        return value.tolist()
    raise InputError(f"A Plotly figure is JSON, got a {type(value).__name__} in it.")


def _scene(data: object) -> bytes:
    if isinstance(data, Mapping):
        if "type" not in data:
            raise InputError(
                f"A 3D scene has a `type` such as 'lidar/beta', got keys {list(data)}."
            )
        try:
            return json.dumps(dict(data), allow_nan=False, default=_listed).encode()
        except (TypeError, ValueError) as error:
            raise InputError(f"A 3D scene is made of finite numbers and texts: {error}.") from error
    found = array_of(data)
    try:
        points = np.asarray(data if found is None else found[0]).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Points are numbers, got {type(data).__name__}: {error}.") from error
    if points.ndim != 2 or points.shape[1] not in {3, 4, 6} or not np.isfinite(points).all():
        raise InputError(
            f"Points are finite and of shape (n, 3), (n, 4) or (n, 6), got {points.shape}."
        )
    return json.dumps(points.tolist(), separators=(",", ":")).encode()
