"""What lies over an image: segmentation masks and bounding boxes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from homeostat.core import InputError, Json
from homeostat.media._content import Content, Put, Read, Row, content_of
from homeostat.media._pixels import array_of, encoded, pillow

__all__ = ["Boxes", "Mask"]


class Mask:
    """A class for each pixel of an image.

    Args:
        value: ``{"mask_data": array (h, w) of class ids 0..65535}`` or ``{"path": PNG}``, with
            ``"class_labels": {id: name}`` where there are names.
        name: The mask's name, for messages.

    Raises:
        InputError: If the data are no (h, w) array of whole numbers.
    """

    def __init__(self, value: Mapping[str, object], name: str = "mask") -> None:
        if not isinstance(value, Mapping) or not {"mask_data", "path"} & set(value):
            raise InputError(
                f"The mask `{name}` is a dict with `mask_data` or `path`, got {_shown(value)}."
            )
        self.class_labels = _labels(value.get("class_labels"), name)
        if "mask_data" in value:
            self.source = Content(_mask_png(value["mask_data"], name))
        else:
            found = content_of(value["path"], f"The mask `{name}`", ("png",))
            if found is None:
                raise InputError(f"The path of the mask `{name}` is a text, got {value['path']!r}.")
            self.source = found[0]

    def to_row(self, put: Put) -> Row:
        """Put the mask's PNG and return its row."""
        row: Row = {"_type": "mask", **self.source.put(put)}
        return row | ({"class_labels": self.class_labels} if self.class_labels else {})

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Mask:
        """Return the mask that a row stands for."""
        found = cls.__new__(cls)
        found.class_labels = _labels(row.get("class_labels"), "mask")
        found.source = Content.stored(row, read)
        return found

    def png(self) -> bytes:
        """Return the mask as a PNG of class ids."""
        return self.source.read()


class Boxes:
    """Boxes over an image.

    Args:
        value: ``{"box_data": [box, ...]}``, with ``"class_labels": {id: name}`` where there are
            names. A box has ``position`` (``minX maxX minY maxY``, or ``middle``, ``width`` and
            ``height``), as fractions of the image or, with ``domain="pixel"``, in pixels; and
            may have ``class_id`` (a whole number), ``scores`` and ``box_caption``.
        name: The boxes' name, for messages.

    Raises:
        InputError: If a box has no such form; the message says which.
    """

    def __init__(self, value: Mapping[str, object], name: str = "boxes") -> None:
        data = value.get("box_data") if isinstance(value, Mapping) else None
        if not isinstance(data, Iterable) or isinstance(data, (str, Mapping)):
            raise InputError(
                f"The boxes `{name}` are a dict with a list `box_data`, got {_shown(value)}."
            )
        self.class_labels = _labels(value.get("class_labels"), name)
        self.box_data = [_box(box, f"Box {i} of `{name}`") for i, box in enumerate(data)]

    def to_row(self, put: Put) -> Row:
        """Put the boxes as JSON and return their row."""
        content = {"box_data": self.box_data, "class_labels": self.class_labels}
        blob = put(json.dumps(content, allow_nan=False, sort_keys=True).encode())
        return {"_type": "boxes2D", "sha256": blob.sha256, "size": blob.size}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Boxes:
        """Return the boxes that a row stands for."""
        return cls(json.loads(Content.stored(row, read).read()))


def _mask_png(data: object, name: str) -> bytes:
    found = array_of(data)
    array = np.asarray(data) if found is None else found[0]
    array = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biu":
        raise InputError(
            f"The mask `{name}` is an array (height, width) of whole numbers, "
            f"got {array.dtype} of shape {array.shape}."
        )
    if array.min() < 0 or array.max() > 65_535:
        raise InputError(
            f"Classes of the mask `{name}` lie in 0..65535, got {array.min()}..{array.max()}."
        )
    wide = array.max() > 255
    return encoded(pillow().fromarray(array.astype(np.uint16 if wide else np.uint8)), "png")


def _labels(labels: object, name: str) -> dict[str, Json]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise InputError(
            f"The `class_labels` of `{name}` are a dict of id to name, got {labels!r}."
        )
    for key in labels:
        if not str(key).removeprefix("-").isdigit():
            raise InputError(
                f"Keys of the `class_labels` of `{name}` are whole numbers, got {key!r}."
            )
    return {str(int(key)): str(label) for key, label in labels.items()}


def _box(box: object, where: str) -> dict[str, Json]:
    if not isinstance(box, Mapping):
        raise InputError(f"{where} is a dict with a `position`, got {_shown(box)}.")
    found: dict[str, Json] = {"position": _position(box.get("position"), where)}
    if (domain := box.get("domain")) is not None:
        if domain != "pixel":
            raise InputError(f"The domain of {_low(where)} is 'pixel' or left out, got {domain!r}.")
        found["domain"] = domain
    if "class_id" in box:
        if isinstance(box["class_id"], bool) or not hasattr(box["class_id"], "__index__"):
            raise InputError(
                f"The class_id of {_low(where)} is a whole number, got {box['class_id']!r}."
            )
        found["class_id"] = int(box["class_id"])
    if box.get("scores") is not None:
        found["scores"] = _scores(box["scores"], where)
    return found | {
        key: str(box[key]) for key in ("box_caption", "caption") if box.get(key) is not None
    }


def _position(position: object, where: str) -> dict[str, Json]:
    if isinstance(position, Mapping):
        if {"minX", "maxX", "minY", "maxY"} <= set(position):
            return {key: _number(position[key], where) for key in ("minX", "maxX", "minY", "maxY")}
        if {"middle", "width", "height"} <= set(position) and len(position["middle"]) == 2:
            middle: list[Json] = [_number(one, where) for one in position["middle"]]
            sides = {key: _number(position[key], where) for key in ("width", "height")}
            return {"middle": middle, **sides}
    raise InputError(
        f"The position of {_low(where)} has minX, maxX, minY and maxY, or middle, width and "
        f"height, got {_shown(position)}."
    )


def _scores(scores: object, where: str) -> dict[str, Json]:
    if not isinstance(scores, Mapping):
        raise InputError(
            f"The scores of {_low(where)} are a dict of numbers, got {_shown(scores)}."
        )
    return {str(key): _number(score, where) for key, score in scores.items()}


def _number(value: object, where: str) -> float | int:
    try:
        number = float(cast("float", value))
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise InputError(f"Positions and scores of {_low(where)} are finite, got {value!r}.")
    return int(number) if isinstance(value, int) else number


def _low(where: str) -> str:
    return where[0].lower() + where[1:]


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."
