"""Image: pixels with a caption, masks and boxes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from homeostat.core import InputError
from homeostat.media._content import Content, Put, Read, Row, content_of
from homeostat.media._overlay import Boxes, Mask
from homeostat.media._pixels import encoded, figure_png, measured, picture, pillow

if TYPE_CHECKING:
    from PIL import Image as Pillow

__all__ = ["Image"]

_READ = ("png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff")


class Image:
    """A picture.

    Data are copied and encoded at once, so that they may change afterwards.

    Args:
        data_or_path: An array (h, w) or (h, w, 1 to 4) in uint8 or floats 0..1, a tensor
            (channels, h, w), a PIL image, a matplotlib figure, a path, an open file or bytes.
        mode: A PIL mode that the picture is converted to, such as ``"L"`` or ``"RGB"``.
        caption: A line of text.
        grouping: How many images are shown side by side.
        classes: ``[{"id": 0, "name": "road"}, ...]``: names for masks and boxes without their own.
        boxes: Boxes by name; see `Boxes`.
        masks: Masks by name; see `Mask`.
        file_type: ``"png"`` (default), ``"jpg"``, ``"webp"``, ``"gif"`` or ``"bmp"``.
        normalize: Whether floats are scaled to 0..255; see the docs page on tables and media.

    Raises:
        InputError: If the data are no picture.
        MissingExtraError: If Pillow is not installed.

    Example:
        >>> import numpy as np
        >>> Image(np.zeros((2, 3), np.uint8), caption="black")
        Image(3 x 2 png, 'black')
    """

    def __init__(
        self,
        data_or_path: object,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Sequence[Mapping[str, object]] | None = None,
        boxes: Mapping[str, Mapping[str, object]] | None = None,
        masks: Mapping[str, Mapping[str, object]] | None = None,
        file_type: str | None = None,
        *,
        normalize: bool = True,
    ) -> None:
        self.source = _content(data_or_path, mode, file_type, normalize=normalize)
        self.width, self.height, self.format = measured(self.source.read())
        self.caption = None if caption is None else str(caption)
        self.grouping = grouping
        shared = {"class_labels": _class_labels(classes)} if classes else {}
        self.masks = {
            name: Mask({**shared, **value}, name) for name, value in _named(masks, "masks").items()
        }
        self.boxes = {
            name: Boxes({**shared, **value}, name) for name, value in _named(boxes, "boxes").items()
        }

    @property
    def image(self) -> Pillow.Image:
        """The picture as a PIL image."""
        found: Pillow.Image = pillow().open(io.BytesIO(self.source.read()))
        return found

    def content(self) -> bytes:
        """Return the encoded picture."""
        return self.source.read()

    def to_row(self, put: Put) -> Row:
        """Put the picture, its masks and its boxes; return the row that stands for them."""
        row: Row = {
            "_type": "image-file",
            **self.source.put(put),
            "format": self.format,
            "width": self.width,
            "height": self.height,
        }
        row |= {
            name: getattr(self, name)
            for name in ("caption", "grouping")
            if getattr(self, name) is not None
        }
        over: dict[str, Mapping[str, Mask | Boxes]] = {"masks": self.masks, "boxes": self.boxes}
        return row | {
            kind: {name: one.to_row(put) for name, one in found.items()}
            for kind, found in over.items()
            if found
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Self:
        """Return the image that a row stands for; its content is read when it is used."""
        found = cls.__new__(cls)
        found.source = Content.stored(row, read)
        if row.get("width") and row.get("height") and row.get("format"):
            found.width, found.height, found.format = row["width"], row["height"], row["format"]
        else:
            found.width, found.height, found.format = measured(found.source.read())
        found.caption, found.grouping = row.get("caption"), row.get("grouping")
        masks, boxes = row.get("masks") or {}, row.get("boxes") or {}
        found.masks = {name: Mask.from_row(one, read) for name, one in masks.items()}
        found.boxes = {name: Boxes.from_row(one, read) for name, one in boxes.items()}
        return found

    def __repr__(self) -> str:
        caption = "" if self.caption is None else f", {self.caption!r}"
        return f"Image({self.width} x {self.height} {self.format}{caption})"


def _content(data: object, mode: str | None, file_type: str | None, *, normalize: bool) -> Content:
    found = content_of(data, "An image", _READ)
    if found is not None and mode is None and file_type is None:
        return found[0]
    if found is not None:
        picture_ = pillow().open(io.BytesIO(found[0].read()))
    elif isinstance(data, Image):
        return data.source
    else:
        picture_ = _drawn(data, normalize=normalize)
    return Content(
        encoded(picture_.convert(mode) if mode else picture_, (file_type or "png").lower())
    )


def _drawn(data: object, *, normalize: bool) -> Pillow.Image:
    module = pillow()
    if isinstance(data, module.Image):
        image: Pillow.Image = data
        keeps = {"1", "L", "LA", "RGB", "RGBA", "P", "I;16", "I"}
        return image if image.mode in keeps else image.convert("RGB")
    if (png := figure_png(data)) is not None:
        found: Pillow.Image = module.open(io.BytesIO(png))
        return found
    pixels = picture(data, normalize=normalize)
    if pixels is None:
        raise InputError(
            "An image is an array, a tensor, a PIL image, a matplotlib figure or a path, "
            f"got {type(data).__name__}."
        )
    drawn: Pillow.Image = module.fromarray(pixels)
    return drawn


def _class_labels(classes: Sequence[Mapping[str, object]]) -> dict[object, object]:
    try:
        return {one["id"]: one["name"] for one in classes}
    except (TypeError, KeyError) as error:
        raise InputError(
            f"`classes` is a list of dicts with `id` and `name`, got {classes!r}."
        ) from error


def _named(value: object, name: str) -> Mapping[str, Mapping[str, object]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(one, Mapping) for one in value.values()
    ):
        raise InputError(f"`{name}` is a dict of name to dict, got {value!r}.")
    return value
