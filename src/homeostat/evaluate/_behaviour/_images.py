"""What happens to images on their way to a model: light, noise, blur, things in front, tilt, JPEG.

Every function takes images (n, h, w) or (n, h, w, c) and returns as many of the same type. The
range of the pixels is that of the type for whole numbers of eight bits, and else from 0 (or the
lowest) to 1 (or the highest pixel there is).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, MissingExtraError

__all__ = [
    "blur",
    "brighten",
    "compress",
    "contrast",
    "occlude",
    "pixel_noise",
    "rotate",
    "shift",
]

Images = NDArray[Any]
Rng = np.random.Generator


def pixel_noise(images: Images, strength: float, rng: Rng) -> Images:
    """Add normal noise; strength is its standard deviation as a share of the range."""
    low, high = _range(images)
    drawn = rng.standard_normal(images.shape, dtype=np.float32)
    return _back(images, images + drawn * np.float32(strength * (high - low)))


def brighten(images: Images, strength: float, rng: Rng) -> Images:
    """Make each image lighter or darker, at random, by a share of the range."""
    low, high = _range(images)
    sign = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), size=_per_image(images))
    return _back(images, images + sign * np.float32(strength * (high - low)))


def contrast(images: Images, strength: float, rng: Rng) -> Images:
    """Draw each image's pixels towards their mean, or at random away, by a share below 1."""
    axes = tuple(range(1, images.ndim))
    mean = images.mean(axis=axes, keepdims=True, dtype=np.float32)
    factor = np.array([1 - min(strength, 1.0), 1 + strength], dtype=np.float32)
    chosen = rng.choice(factor, size=_per_image(images))
    return _back(images, mean + (images - mean) * chosen)


def blur(images: Images, strength: float, rng: Rng) -> Images:
    """Blur with a Gaussian; strength is its standard deviation in pixels."""
    from scipy import ndimage  # noqa: PLC0415 - where images are blurred

    del rng
    sigma = (0, strength, strength, 0)[: images.ndim]
    return _back(images, ndimage.gaussian_filter(images.astype(np.float32), sigma))


def occlude(images: Images, strength: float, rng: Rng) -> Images:
    """Lay a square of the image's mean grey over it; strength is its share of the area."""
    n, h, w = images.shape[:3]
    side_h, side_w = (max(1, round(length * min(strength, 1.0) ** 0.5)) for length in (h, w))
    top = rng.integers(0, h - side_h + 1, size=(n, 1))
    left = rng.integers(0, w - side_w + 1, size=(n, 1))
    rows = (np.arange(h) >= top) & (np.arange(h) < top + side_h)
    columns = (np.arange(w) >= left) & (np.arange(w) < left + side_w)
    hidden = rows[:, :, None] & columns[:, None, :]
    grey = images.mean(axis=tuple(range(1, images.ndim)), keepdims=True, dtype=np.float32)
    hidden = hidden if images.ndim == 3 else hidden[..., None]
    return _back(images, np.where(hidden, grey, images))


def shift(images: Images, strength: float, rng: Rng) -> Images:
    """Move each image by so many whole pixels to one of four sides; its edge is repeated."""
    if strength < 1 or strength % 1:
        raise InputError(f"A shift is a whole number of pixels, at least 1, got {strength}.")
    n, h, w = images.shape[:3]
    way = rng.integers(4, size=n)
    steps = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[way] * int(strength)
    rows = np.clip(np.arange(h) - steps[:, :1], 0, h - 1)
    columns = np.clip(np.arange(w) - steps[:, 1:], 0, w - 1)
    moved: Images = images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


def rotate(images: Images, strength: float, rng: Rng) -> Images:
    """Turn each image by so many degrees left or right about its middle; its edge is repeated."""
    n, h, w = images.shape[:3]
    angle = np.deg2rad(strength) * rng.choice(np.array([-1.0, 1.0]), size=(n, 1, 1))
    y, x = np.mgrid[:h, :w] - np.array([(h - 1) / 2, (w - 1) / 2])[:, None, None]
    from_y = y * np.cos(angle) - x * np.sin(angle) + (h - 1) / 2
    from_x = y * np.sin(angle) + x * np.cos(angle) + (w - 1) / 2
    return _back(images, _between(images, from_y, from_x))


def compress(images: Images, strength: float, rng: Rng) -> Images:
    """Store and read as JPEG; strength is 100 less the quality. Needs ``homeostat[media]``."""
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("pillow", extra="media") from error
    del rng
    if images.ndim == 4 and images.shape[3] not in {1, 3}:
        raise InputError(f"JPEG has 1 or 3 channels, the images have {images.shape[3]}.")
    low, high = _range(images)
    scale = 255.0 / (high - low) if high > low else 1.0
    bytes_ = np.clip(np.round((images - low) * scale), 0, 255).astype(np.uint8)
    flat = bytes_[..., 0] if images.ndim == 4 and images.shape[3] == 1 else bytes_
    read = np.empty_like(flat)
    for i, pixels in enumerate(flat):  # a codec takes one image at a time
        stored = io.BytesIO()
        Image.fromarray(pixels).save(stored, "JPEG", quality=max(1, 100 - round(strength)))
        read[i] = np.asarray(Image.open(stored))
    return _back(images, read.reshape(images.shape).astype(np.float32) / np.float32(scale) + low)


def _between(images: Images, y: NDArray[np.float64], x: NDArray[np.float64]) -> Images:
    """Return pixels at places between pixels, (n, h, w) each, by the four around."""
    n, h, w = images.shape[:3]
    y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    if images.ndim == 4:
        down, right = down[..., None], right[..., None]
    at = np.arange(n)[:, None, None]
    below, beside = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    upper = images[at, top, left] * (1 - right) + images[at, top, beside] * right
    lower = images[at, below, left] * (1 - right) + images[at, below, beside] * right
    turned: Images = upper * (1 - down) + lower * down
    return turned


def _range(images: Images) -> tuple[float, float]:
    if images.dtype == np.uint8:
        return 0.0, 255.0
    return min(0.0, float(images.min())), max(1.0, float(images.max()))


def _per_image(images: Images) -> tuple[int, ...]:
    return (len(images), *([1] * (images.ndim - 1)))


def _back(images: Images, changed: Images) -> Images:
    """Return changed pixels within the range and of the type of the images."""
    clipped = np.clip(changed, *_range(images))
    rounded = clipped if images.dtype.kind == "f" else np.round(clipped)
    return np.asarray(rounded, dtype=images.dtype)
