"""Recalibration of several classes: one temperature, a vector, or one map a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from homeostat.core import InputError, Json
from homeostat.stats._beta_calibration import Beta
from homeostat.stats._binary import Floats
from homeostat.stats._multiclass import Labels, check_classes, class_probabilities
from homeostat.stats._recalibration import Isotonic, Platt

__all__ = ["OneVsRest", "TemperatureScaling", "VectorScaling"]

_EPS = 1e-15
_START_ROWS = 20_000
_KINDS: dict[str, type[Platt | Isotonic | Beta]] = {
    "platt": Platt,
    "isotonic": Isotonic,
    "beta": Beta,
}


@dataclass(frozen=True, slots=True)
class TemperatureScaling:
    """Log probabilities of k classes divided by a temperature: no decision changes.

    Log probabilities stand for the logits: softmax does not see what is added to a row.

    Source: Guo et al. 2017, section 4.2.

    Example:
        >>> TemperatureScaling(1.0)([[0.2, 0.3, 0.5]]).round(6).tolist()
        [[0.2, 0.3, 0.5]]
    """

    temperature: float

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Fit by maximum likelihood: convex in 1 / temperature, searched in [0.01, 100]."""
        y, q = check_classes(label, p)
        z = _logs(q)
        z -= z.max(axis=1, keepdims=True)
        every, start = len(y) // _START_ROWS, 0.0
        if every > 1:  # an even part first: from there a few steps do
            start = _log_inverse(z[::every], y[::every], start)
        return cls(float(np.exp(-_log_inverse(z, y, start))))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n, k)."""
        mapped: Floats = special.softmax(_logs(class_probabilities(p)) / self.temperature, axis=1)
        return mapped

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"temperature": self.temperature}

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(data["temperature"])


@dataclass(frozen=True, slots=True)
class VectorScaling:
    """Log probabilities times a number a class, plus a number a class (Guo et al. 2017).

    Args:
        scale: Shape (k,).
        shift: Shape (k,), mean 0.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Fit by maximum likelihood; every class must have a row."""
        y, q = check_classes(label, p)
        _all_seen(y, q.shape[1], "Vector scaling")
        z, k = np.maximum(_logs(q), -30.0), q.shape[1]
        hits = np.zeros_like(z)
        hits[np.arange(len(y)), y] = 1.0

        def loss(both: Floats) -> tuple[float, Floats]:
            line = z * both[:k] + both[k:]
            norm = special.logsumexp(line, axis=1)
            off = np.exp(line - norm[:, None]) - hits
            value = np.mean(norm - line[np.arange(len(y)), y])
            slope = np.concatenate([np.einsum("nk,nk->k", off, z), off.sum(axis=0)])
            return float(value), slope / len(y)

        start = np.concatenate([np.ones(k), np.zeros(k)])
        bounds = [(0.0, 100.0)] * k + [(-100.0, 100.0)] * k
        found = optimize.minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
        shift = found[k:] - found[k:].mean()
        return cls(tuple(found[:k].tolist()), tuple(shift.tolist()))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n, k)."""
        q = _same_classes(class_probabilities(p), len(self.scale))
        line = np.maximum(_logs(q), -30.0) * np.array(self.scale) + np.array(self.shift)
        mapped: Floats = special.softmax(line, axis=1)
        return mapped

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"scale": list(self.scale), "shift": list(self.shift)}

    @classmethod
    def from_json(cls, data: Mapping[str, ArrayLike]) -> Self:
        """Rebuild from :meth:`to_json`."""
        scale, shift = (np.asarray(data[key]).tolist() for key in ("scale", "shift"))
        return cls(tuple(scale), tuple(shift))


@dataclass(frozen=True, slots=True)
class OneVsRest:
    """A binary map for each class against the others, then made to sum to 1.

    Decisions may change, as each class is mapped alone (Zadrozny and Elkan 2002).

    Args:
        kind: ``"platt"``, ``"isotonic"`` or ``"beta"``.
        maps: One a class.
    """

    kind: str
    maps: tuple[Platt | Isotonic | Beta, ...]

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike, *, kind: str) -> Self:
        """Fit one map a class; every class must have a row."""
        if kind not in _KINDS:
            raise InputError(f"`kind` is one of {', '.join(_KINDS)}, got {kind!r}.")
        y, q = check_classes(label, p)
        _all_seen(y, q.shape[1], f"A map for each class by {kind}")
        maps = [_KINDS[kind].fit((y == i).astype(float), q[:, i]) for i in range(q.shape[1])]
        return cls(kind, tuple(maps))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n, k); where every map says 0, they stay."""
        q = _same_classes(class_probabilities(p), len(self.maps))
        mapped = np.stack([one(q[:, i]) for i, one in enumerate(self.maps)], axis=1)
        total = mapped.sum(axis=1, keepdims=True)
        made: Floats = np.where(total > 0, mapped / np.where(total > 0, total, 1.0), q)
        return made

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"kind": self.kind, "maps": [one.to_json() for one in self.maps]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        maps = tuple(_KINDS[data["kind"]].from_json(one) for one in data["maps"])
        return cls(data["kind"], maps)


def _log_inverse(z: Floats, y: Labels, start: float) -> float:
    """Return the log of 1 / temperature by Newton's method, kept within bounds.

    Args:
        z: Log probabilities less the greatest of their row, shape (n, k).
        y: Class numbers, shape (n,).
        start: Where to begin.
    """
    own = float(z[np.arange(len(y)), y].mean())
    low, high, found = float(np.log(0.01)), float(np.log(100)), start
    for _ in range(60):
        inverse = np.exp(found)
        weight = np.exp(inverse * z)
        total = weight.sum(axis=1)
        weight *= z
        mean = weight.sum(axis=1) / total
        square = np.einsum("nk,nk->n", weight, z) / total
        slope, curve = float(mean.mean()) - own, float(np.mean(square - mean**2))
        low, high = (low, found) if slope > 0 else (found, high)
        aim = inverse - slope / max(curve, 1e-300)
        step = float(np.log(aim)) if aim > 0 else low
        moved = step if low < step < high else (low + high) / 2
        if abs(moved - found) < 1e-8:
            break
        found = moved
    return found


def _logs(q: Floats) -> Floats:
    return np.log(np.maximum(q, _EPS))


def _all_seen(y: Labels, k: int, what: str) -> None:
    unseen = np.flatnonzero(np.bincount(y, minlength=k) == 0)
    if len(unseen):
        named = ", ".join(map(str, unseen[:5].tolist())) + " ..." * (len(unseen) > 5)
        raise InputError(
            f"{what} needs rows of every class, {len(unseen)} of {k} have none ({named}): bring "
            "rows of them, or use a temperature, which is one number for all classes."
        )


def _same_classes(q: Floats, k: int) -> Floats:
    if q.shape[1] != k:
        raise InputError(f"The map was fitted on {k} classes, got probabilities of {q.shape[1]}.")
    return q
