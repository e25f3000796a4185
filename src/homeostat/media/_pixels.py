"""Arrays, tensors and figures as pixels; Pillow does the encoding and is loaded when used."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from homeostat.core import InputError, MissingExtraError

if TYPE_CHECKING:
    from PIL import Image as Pillow

__all__ = [
    "Pixels",
    "array_of",
    "encoded",
    "figure_png",
    "measured",
    "picture",
    "pillow",
    "to_pixels",
]

Pixels = npt.NDArray[np.uint8]

_CHANNELS = (1, 2, 3, 4)
_LARGEST = 65_500  # pixels a side


def pillow() -> Any:  # noqa: ANN401 - a module
    """Return the module `PIL.Image`.

    Raises:
        MissingExtraError: If Pillow is not installed.
    """
    try:
        from PIL import Image  # noqa: PLC0415 - heavy, and in an extra
    except ImportError as error:
        raise MissingExtraError("pillow", extra="media") from error
    return Image


def array_of(data: object) -> tuple[npt.NDArray[Any], bool] | None:
    """Return data as an array, and whether it is a tensor (channels first); None if neither."""
    if all(hasattr(data, name) for name in ("detach", "cpu", "numpy")):
        tensor: Any = data
        tensor = tensor.detach().cpu()
        # NumPy has no bfloat16.
        found = tensor.float() if "bfloat16" in str(tensor.dtype) else tensor
        return np.asarray(found.numpy()), True
    if hasattr(data, "__array__") and not hasattr(data, "mode"):  # a PIL image has both
        return np.asarray(data), False
    return None


def to_pixels(array: npt.NDArray[Any], *, normalize: bool = True) -> Pixels:
    """Return numbers as 8-bit pixels, as W&B's client does.

    Booleans are black and white. Floats are read as 0..1 if none exceeds 1, else as 0..255; if some
    are negative, their whole range is stretched over 0..255. NaN is black. Integers are kept
    and clipped to 0..255.

    Raises:
        InputError: If there are no numbers.
    """
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind not in "iuf" or not array.size:
        raise InputError(
            f"An image is made of numbers, got an array of {array.dtype} with shape {array.shape}."
        )
    if array.dtype.kind == "f":
        array = np.nan_to_num(array.astype(np.float64), posinf=np.inf, neginf=-np.inf)
        array = _stretched(array) if normalize else array
    pixels: Pixels = np.clip(array, 0, 255).astype(np.uint8)
    return pixels


def _stretched(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    finite = array[np.isfinite(array)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if low < 0:
        array = (array - low) / (high - low or 1.0)
        high = 1.0
    return np.multiply(array, 255) if high <= 1 else array


def picture(data: object, *, normalize: bool = True) -> Pixels | None:
    """Return an array or a tensor as pixels of shape (h, w) or (h, w, channels); None if neither.

    Tensors are (channels, h, w) or (h, w); a batch (n, channels, h, w) is laid out in a grid.
    """
    found = array_of(data)
    if found is None:
        return None
    array, tensor = found
    if tensor and array.ndim == 4:
        array = _grid(array)
    if tensor and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    return to_pixels(_checked(array), normalize=normalize)


def _checked(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        return array[:, :, 0]
    if array.ndim not in {2, 3} or (array.ndim == 3 and shape[2] not in _CHANNELS):
        hint = ""
        if array.ndim == 3 and shape[0] in _CHANNELS:
            hint = ": move the channels last with np.moveaxis(x, 0, -1)"
        raise InputError(
            "An image is an array of shape (height, width) or (height, width, 1 to 4 channels), "
            f"got {shape}{hint}."
        )
    if not 0 < max(shape[:2]) <= _LARGEST or not min(shape[:2]):
        raise InputError(f"An image has 1 to {_LARGEST} pixels a side, got shape {shape}.")
    return array


def _grid(batch: npt.NDArray[Any], across: int = 8) -> npt.NDArray[Any]:
    n, channels, height, width = batch.shape
    columns = min(n, across)
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, channels, height, width), batch.dtype)
    padded[:n] = batch
    tiles = padded.reshape(rows, columns, channels, height, width)
    return tiles.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def encoded(image: Pillow.Image, file_type: str) -> bytes:
    """Return a picture as the bytes of a file: png, jpg, gif, bmp or webp."""
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(file_type, file_type.upper())
    if kind == "JPEG" and image.mode not in {"L", "RGB", "CMYK"}:
        image = image.convert("RGB")
    out = io.BytesIO()
    try:
        # Level 3: a third of the time of the usual 6 for a tenth more bytes.
        image.save(out, kind, **({"compress_level": 3} if kind == "PNG" else {}))
    except (KeyError, OSError, ValueError) as error:
        raise InputError(f"The image cannot be written as {file_type!r}: {error}.") from error
    return out.getvalue()


def measured(content: bytes) -> tuple[int, int, str]:
    """Return width, height and format of an encoded image, without decoding its pixels."""
    try:
        with pillow().open(io.BytesIO(content)) as image:
            kind = str(image.format).lower()
            return image.width, image.height, {"jpeg": "jpg"}.get(kind, kind)
    except MissingExtraError:
        raise
    except Exception as error:  # Pillow raises many kinds for a damaged file
        raise InputError(f"The file is no image that can be read: {error}.") from error


def figure_png(data: object) -> bytes | None:
    """Return a matplotlib figure, or the current one of `pyplot`, as PNG; None for other data."""
    figure: Any = data
    if hasattr(figure, "gcf"):
        figure = figure.gcf()
    elif hasattr(figure, "get_figure") and not hasattr(figure, "savefig"):
        figure = figure.get_figure()
    if not hasattr(figure, "savefig"):
        return None
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
