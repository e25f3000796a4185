"""An encoder that was never trained: random convolutions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.detect._reduce._reducer import array_of
from homeostat.stats import Floats

__all__ = ["RandomConvolutions"]

_AT_ONCE = 512  # rows convolved together: bounds the memory of unrolled patches


class RandomConvolutions:
    """Encodes images or time series by untrained convolutions and a random projection.

    Layers of random filters with a stride of 2 and the positive part after each, then a random
    projection to `n_components` numbers. It learns nothing, needs no torch, and the same seed
    is the same encoder for ever.

    Args:
        n_components: Numbers a row.
        filters: Random filters of each layer.
        width: Of a filter, in pixels or steps.
        seed: Of all filters.

    Source: the untrained autoencoder (UAE) of Rabanser, Guennemann and Lipton 2019.

    Example:
        >>> images = np.random.default_rng(0).random((6, 28, 28))
        >>> RandomConvolutions(16)(images).shape
        (6, 16)
    """

    def __init__(
        self,
        n_components: int = 32,
        *,
        filters: tuple[int, ...] = (16, 32),
        width: int = 3,
        seed: int = 0,
    ) -> None:
        self.n_components = n_components
        self.filters = filters
        self.width = width
        self.seed = seed

    def __call__(self, values: ArrayLike, /) -> Floats:
        """Return the rows (n, n_components).

        Args:
            values: Images (n, h, w) or (n, h, w, channels), the channels being 4 or fewer, or
                series (n, steps). Series of several channels are (n, steps, channels) with 4
                channels or fewer.

        Raises:
            InputError: If rows are of another shape or smaller than a filter.
        """
        array = with_channels(values)
        out = np.full((len(array), self.n_components), np.nan)
        whole = np.asarray(np.isfinite(array.reshape(len(array), -1)).all(axis=1))
        rng = np.random.default_rng(self.seed)
        layers = self._layers(array.shape[-1], array.ndim - 2, rng)
        last: Floats | None = None
        for start in range(0, len(array), _AT_ONCE):
            part = np.flatnonzero(whole[start : start + _AT_ONCE]) + start
            if not len(part):
                continue
            x = array[part]
            for layer in layers:
                x = np.maximum(self._convolve(x, layer), 0)
            x = x.reshape(len(x), -1)
            if last is None:
                last = rng.normal(size=(x.shape[1], self.n_components)) / math.sqrt(x.shape[1])
            out[part] = x @ last
        return out

    def _layers(self, channels: int, dims: int, rng: np.random.Generator) -> list[Floats]:
        layers = []
        for filters in self.filters:
            patch = channels * self.width**dims
            layers.append(rng.normal(size=(patch, filters)) * math.sqrt(2 / patch))
            channels = filters
        return layers

    def _convolve(self, x: Floats, layer: Floats) -> Floats:
        """Convolve without padding, with a stride of 2, by unrolling patches."""
        axes = tuple(range(1, x.ndim - 1))
        if min(x.shape[axis] for axis in axes) < self.width:
            raise InputError(
                f"Rows of shape {x.shape[1:-1]} are smaller than a filter of {self.width}: pass "
                "fewer `filters` layers or a smaller `width`."
            )
        patches = np.lib.stride_tricks.sliding_window_view(x, (self.width,) * len(axes), axes)
        every_other = (slice(None), *(slice(None, None, 2) for _ in axes))
        patches = patches[every_other]
        return patches.reshape(*patches.shape[: 1 + len(axes)], -1) @ layer


def with_channels(values: ArrayLike) -> Floats:
    """Return series as (n, steps, channels) and images as (n, h, w, channels)."""
    array = array_of(values)
    has_channels = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] <= 4)
    if array.ndim > 4 or not array.size:
        raise InputError(
            "Series are (n, steps) or (n, steps, channels), images (n, h, w) or "
            f"(n, h, w, channels), got shape {array.shape}."
        )
    return array if has_channels else array[..., None]
