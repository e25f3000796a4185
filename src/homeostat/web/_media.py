"""Media as a page shows them: pictures with what lies over them, players, documents, bars."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from homeostat.core import HomeostatError, InputError
from homeostat.record import Record
from homeostat.web._scale import Scale
from homeostat.web._words import brief, number

__all__ = ["Box", "Item", "Layer", "items_of", "media", "thumbnail"]

_TYPES: Mapping[str, str] = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "bmp": "image/bmp", "webp": "image/webp", "wav": "audio/wav", "mp3": "audio/mpeg",
    "ogg": "audio/ogg", "flac": "audio/flac", "m4a": "audio/mp4", "mp4": "video/mp4",
    "webm": "video/webm", "ogv": "video/ogg", "html": "text/html; charset=utf-8",
}  # fmt: skip
_SHOWN = {"image-file": "image", "audio-file": "audio", "video-file": "video", "html-file": "html"}
_INERT = "sandbox; default-src 'none'"
_DOCUMENT = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; img-src data: blob:; font-src data:; media-src data:; frame-ancestors 'self'"
)
"""A logged page may run its own scripts, in an origin of its own that reaches nothing."""
_MOST_ITEMS = 48
_MOST_BOXES = 500
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Box:
    """A box over an image, in percent of it."""

    x: float
    y: float
    width: float
    height: float
    label: str
    colour: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A mask over an image: a PNG of class ids, and the names of the classes."""

    name: str
    src: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One medium.

    Args:
        kind: ``"image"``, ``"audio"``, ``"video"``, ``"html"``, ``"histogram"``, ``"table"``, or
            ``"file"`` for what can only be downloaded.
        src: Its address; empty for a histogram.
        caption: What was said of it.
        width: Of an image, in pixels; 0 if unknown.
        height: Likewise.
        boxes: Over an image.
        masks: Over an image.
        bars: Of a histogram: x, y, width and height in a box of 100 by 40, and its words.
        facts: More to say, such as the ends of a histogram.
    """

    kind: str
    src: str = ""
    caption: str = ""
    width: int = 0
    height: int = 0
    boxes: tuple[Box, ...] = ()
    masks: tuple[Layer, ...] = ()
    bars: tuple[tuple[float, float, float, float, str], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def media(record: Record) -> Callable[[Request], Response]:
    """Return an endpoint that sends one content, in a form that can do no harm.

    The suffix of the address says what it is; what is not known as an image, a sound, a video or
    a page is sent to be saved.
    """

    def endpoint(request: Request) -> Response:
        digest, _, suffix = request.path_params["content"].partition(".")
        if not (len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
            raise InputError("A content is named by its SHA-256, 64 digits of hex.")
        path = record.blob(digest)
        type_ = _TYPES.get(suffix)
        headers = {
            "Cache-Control": "private, max-age=31536000, immutable",
            "Content-Security-Policy": _DOCUMENT if suffix == "html" else _INERT,
        }
        if suffix == "html":
            headers["X-Frame-Options"] = "SAMEORIGIN"
        if type_ is None:
            headers["Content-Disposition"] = f'attachment; filename="{digest[:12]}"'
        return FileResponse(path, headers=headers, media_type=type_ or "application/octet-stream")

    return endpoint


def items_of(record: Record, value: object, table: str = "") -> list[Item]:
    """Return the media of a row; none where it is no media.

    Args:
        record: Where contents lie.
        value: What was logged.
        table: The address of the page of the table, where it is one.
    """
    if not isinstance(value, dict) or "_type" not in value:
        return []
    listed = value.get("items")
    if isinstance(listed, list):
        found = (items_of(record, one, table) for one in listed[:_MOST_ITEMS])
        return [item for items in found for item in items]
    try:
        return [_item(record, value, table)]
    except (HomeostatError, KeyError, TypeError, ValueError) as error:
        return [Item("file", caption=f"This {value['_type']} cannot be shown: {error}")]


def thumbnail(cell: Mapping[str, Any]) -> Item | None:
    """Return the medium in a cell of a table, without what lies over it; None for an empty one."""
    digest = cell.get("sha256")
    if not digest:
        return None
    kind, src = _place(cell)
    caption = str(cell.get("caption") or "")
    return Item(kind, src, caption, int(cell.get("width") or 0), int(cell.get("height") or 0))


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a content is shown, and its address."""
    kind = _SHOWN.get(str(row.get("_type")), "file")
    usual = {"image": "png", "audio": "wav", "video": "mp4", "html": "html"}.get(kind, "")
    suffix = str(row.get("format") or usual).lower()
    if kind == "html":
        suffix = "html"
    elif kind == "video" and suffix == "gif":
        kind = "image"
    elif not _TYPES.get(suffix, "").startswith(kind):
        kind, suffix = "file", ""
    return kind, f"/media/{row['sha256']}" + (f".{suffix}" if suffix else "")


def _item(record: Record, row: Mapping[str, Any], table: str) -> Item:
    caption = str(row.get("caption") or "")
    if row["_type"] == "table-file":
        facts = {"rows": number(row.get("nrows")), "columns": number(row.get("ncols"))}
        return Item("table", table, caption, facts=facts)
    if row["_type"] == "histogram":
        return _histogram(row)
    kind, src = _place(row)
    if kind != "image":
        facts = {} if kind != "file" else {"type": str(row["_type"]).removesuffix("-file")}
        return Item(kind, src, caption, facts=facts)
    width, height = int(row.get("width") or 0), int(row.get("height") or 0)
    boxes = [box for one in (row.get("boxes") or {}).values()
             for box in _boxes(record, one, width, height)]  # fmt: skip
    masks = [
        Layer(name, f"/media/{one['sha256']}.png", _labels(one.get("class_labels")))
        for name, one in (row.get("masks") or {}).items()
    ]
    return Item(kind, src, caption, width, height, tuple(boxes[:_MOST_BOXES]), tuple(masks))


def _labels(labels: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}


def _boxes(record: Record, row: Mapping[str, Any], width: int, height: int) -> Iterable[Box]:
    data = json.loads(record.read(row["sha256"]))
    labels = _labels(data.get("class_labels"))
    for box in data["box_data"]:
        at = box["position"]
        if "middle" in at:
            wide, high = at["width"], at["height"]
            left, top = at["middle"][0] - wide / 2, at["middle"][1] - high / 2
        else:
            left, top = at["minX"], at["minY"]
            wide, high = at["maxX"] - left, at["maxY"] - top
        pixels = box.get("domain") == "pixel"
        x, y = (100 / (width or 1), 100 / (height or 1)) if pixels else (100, 100)
        class_ = box.get("class_id")
        words = [str(box.get("box_caption") or labels.get(str(class_), ""))]
        words += [f"{name} {brief(value)}" for name, value in (box.get("scores") or {}).items()]
        colour = class_ % _COLOURS + 1 if isinstance(class_, int) else 1
        label = ", ".join(word for word in words if word)
        yield Box(left * x, top * y, wide * x, high * y, label, colour)


def _histogram(row: Mapping[str, Any]) -> Item:
    from homeostat.media import Histogram  # noqa: PLC0415 - NumPy, where there is one

    held = Histogram.from_row(row, str.encode)  # it holds its numbers: nothing is read
    most = max(held.histogram) or 1
    x = Scale(held.bins[0], held.bins[-1])
    bars = []
    for count, low, high in zip(held.histogram, held.bins, held.bins[1:], strict=False):
        tall = 40 * count / most
        words = f"{number(low)} to {number(high)}: {number(count)}"
        bars.append((x(low), round(40 - tall, 2), max(x(high) - x(low) - 0.2, 0.2), tall, words))
    total = math.fsum(held.histogram)
    facts = {"from": number(held.bins[0]), "to": number(held.bins[-1]), "values": number(total)}
    if held.not_finite:
        facts["not finite"] = number(held.not_finite)
    return Item("histogram", bars=tuple(bars), facts=facts)
