"""What is to be seen of one tensor: norm, extremes, what is not finite, and a histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from homeostat.core import Json

__all__ = ["Seen", "describe"]

_BINS = 64
_MAX_DRAWN = 1 << 14


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a tensor.

    Args:
        count: Its numbers.
        odd: How many of them are NaN or infinite.
        norm: Euclidean norm of the others.
        least: The least of the others.
        most: The greatest.
        counts: How many of the others lie in each of equal bins from least to greatest; of a
            large tensor, of an even sample.
    """

    count: int
    odd: int
    norm: float
    least: float
    most: float
    counts: tuple[int, ...]

    @property
    def scale(self) -> float:
        """Root of the mean square."""
        return self.norm / math.sqrt(max(self.count - self.odd, 1))

    def histogram(self) -> dict[str, Json]:
        """Return it as media of type ``"histogram"``."""
        width = (self.most - self.least) / len(self.counts)
        bins: Json = {"min": self.least, "size": width, "count": len(self.counts)}
        row: dict[str, Json] = {"_type": "histogram", "values": list(self.counts)}
        return row | {"packedBins": bins} | ({"not_finite": self.odd} if self.odd else {})


def describe(tensor: Any) -> Seen:  # noqa: ANN401 - torch's
    """Look at a tensor, on its own device, with one transfer.

    Cost: O(n) on the device; the histogram is of at most 16,384 evenly spaced numbers.
    """
    torch: Any = import_module("torch")
    with torch.no_grad():
        flat = tensor.detach()
        flat = (flat.to_dense() if flat.is_sparse else flat).reshape(-1)
        flat = flat.abs() if flat.is_complex() else flat
        flat = flat.float() if flat.dtype not in {torch.float32, torch.float64} else flat
        if flat.numel() == 0:
            return Seen(0, 0, 0.0, 0.0, 0.0, (0,) * _BINS)
        norm, least, most = _extremes(flat)
        odd = 0
        if not math.isfinite(norm):
            finite = flat[torch.isfinite(flat)]
            odd = flat.numel() - finite.numel()
            if finite.numel() == 0:
                return Seen(odd, odd, 0.0, 0.0, 0.0, (0,) * _BINS)
            norm, least, most = _extremes(finite.double())
            flat = finite
        drawn = flat[:: -(-flat.numel() // _MAX_DRAWN)] if flat.numel() > _MAX_DRAWN else flat
        counts = _histogram(drawn.float(), least, most)
        total = tensor.numel()
    return Seen(total, odd, norm, least, most, counts)


def _extremes(flat: Any) -> tuple[float, float, float]:  # noqa: ANN401 - torch's
    torch: Any = import_module("torch")
    low, high = torch.aminmax(flat)
    found = torch.stack([torch.linalg.vector_norm(flat), low, high]).tolist()
    return found[0], found[1], found[2]


def _histogram(flat: Any, least: float, most: float) -> tuple[int, ...]:  # noqa: ANN401 - torch's
    torch: Any = import_module("torch")
    if not least < most:
        return (flat.numel(), *(0 for _ in range(_BINS - 1)))
    return tuple(int(count) for count in torch.histc(flat, _BINS, least, most).tolist())
