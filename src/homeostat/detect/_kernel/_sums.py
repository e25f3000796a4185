"""Sums of a kernel over the pairs of each side, for every permutation, block by block.

Only three sums decide an unbiased MMD: of the pairs within one side, of the pairs within the
other, and of those across. All three follow from a'Ka and a'K1, where a marks one side; for B
permutations a is a matrix, and a'Ka is one product of matrices a block of K. K itself is never
stored, and of its symmetric blocks only one is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import distance

from homeostat.core import InputError, MissingExtraError
from homeostat.detect._kernel._permutations import Splits
from homeostat.detect._kernel._points import Floats

__all__ = ["Kernel", "Shape", "Sums", "distances", "kernel_sums", "load_torch", "on_device"]

Shape = Literal["gaussian", "laplace"]

_BLOCK = 2048
_FARTHEST = 1e9


@dataclass(frozen=True, slots=True)
class Kernel:
    """How alike two rows are, in (0, 1]: exp(-(d/width)^2) or, for `laplace`, exp(-d/width).

    d is the Euclidean distance of a Gaussian kernel, the sum of absolute differences of a
    Laplace kernel.
    """

    shape: Shape
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What the pairs of different rows add up to under a kernel.

    A constant was taken off every pair, which changes no unbiased MMD and keeps digits.

    Args:
        within: a'Ka of each permutation, (P,).
        rows: K1, (N,).
        to_first: K times the first permutation's a, (N,).
        split: The permutations.
        squares: Sum of the squares of K over pairs of different rows, nothing taken off.
        taken_off: The constant.
    """

    within: Floats
    rows: Floats
    to_first: Floats
    split: Splits
    squares: float
    taken_off: float

    def mmd(self) -> Floats:
        """Return the unbiased squared MMD of each permutation, (P,).

        Gretton et al. (2012), JMLR 13, equation 3.
        """
        n = self.split.sizes @ self.split.who.astype(np.float64)
        m = self.split.rows - n
        touching = self.split.totals(self.rows)
        across = touching - self.within
        other = self.rows.sum() - 2 * touching + self.within
        estimate = self.within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
        return np.asarray(estimate)

    def influences(self) -> tuple[Floats, Floats]:
        """Return how much nearer each row is to its own side than to the other, (n,), (m,).

        Their means add up to the squared MMD of the first permutation; their spread gives its
        standard error where the sides differ.
        """
        first = self.split.first
        n, m = int(first.sum()), int((~first).sum())
        to_x, to_y = self.to_first, self.rows - self.to_first
        return (
            to_x[first] / (n - 1) - to_y[first] / m,
            to_y[~first] / (m - 1) - to_x[~first] / n,
        )

    def likeness(self) -> tuple[Floats, Floats]:
        """Return how alike each row of the window is to the reference and to the window, (m,)."""
        first = self.split.first
        n, m = int(first.sum()), int((~first).sum())
        to_y = self.rows - self.to_first
        return (
            np.clip(self.to_first[~first] / n + self.taken_off, 0, None),
            np.clip(to_y[~first] / (m - 1) + self.taken_off, 0, None),
        )


def kernel_sums(
    points: Floats, split: Splits, kernels: Sequence[Kernel], *, device: str | None = None
) -> list[Sums]:
    """Return the sums of each kernel.

    In single precision, added up in double: O(N^2 d + G^2 P) time for G runs of rows.

    Args:
        points: (N, d), finite.
        split: P permutations of the N rows.
        kernels: Distances are computed once for all kernels of a shape.
        device: Where torch computes, such as "cuda"; NumPy computes if None.
    """
    found: dict[int, Sums] = {}
    shapes: tuple[Shape, ...] = ("gaussian", "laplace")
    for shape in shapes:
        places = [i for i, kernel in enumerate(kernels) if kernel.shape == shape]
        if places:
            widths = [kernels[i].width for i in places]
            sums = _sums_of(points, split, shape, widths, device)
            found.update(zip(places, sums, strict=True))
    return [found[i] for i in range(len(kernels))]


def distances(points: Floats, shape: Shape) -> Floats:
    """Return the distances of all pairs in the metric of a kernel's shape, (N (N - 1) / 2,)."""
    return np.asarray(
        distance.pdist(points, "euclidean" if shape == "gaussian" else "cityblock"), np.float64
    )


def load_torch() -> Any:  # noqa: ANN401 - an optional module
    """Return torch, or raise MissingExtraError."""
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingExtraError("torch", extra="torch") from error


def on_device(device: str) -> Any:  # noqa: ANN401 - a torch device
    """Return torch's device of that name.

    Raises:
        InputError: If torch knows no such device, or this machine has none.
    """
    torch = load_torch()
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"`device` is one that torch can use here, such as 'cpu', got {device!r}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return place


def _sums_of(
    points: Floats, split: Splits, shape: Shape, widths: Sequence[float], device: str | None
) -> list[Sums]:
    unit = float(np.median(widths))
    near = np.clip((points - np.median(points, axis=0)) / unit, -_FARTHEST, _FARTHEST)
    ratios = [unit / width for width in widths]
    work = _Numpy if device is None else _Torch
    totals = _add_up(work(near.astype(np.float32), split, shape, device), split, ratios)
    return [
        Sums(within, rows, to_first, split, float(squares), taken_off)
        for within, rows, to_first, squares, taken_off in totals
    ]


def _add_up(work: _Work, split: Splits, ratios: Sequence[float]) -> list[list[Any]]:
    """Add up every block of every kernel; one of two symmetric blocks counts for both."""
    n, permutations = split.rows, split.who.shape[1]
    totals: list[list[Any]] = [
        [np.zeros(permutations), np.zeros(n), np.zeros(n), 0.0, 0.0] for _ in ratios
    ]
    for left, right in _pairs(split):
        work.enter(left, right)
        for ratio, total in zip(ratios, totals, strict=True):
            mean, squares = work.kernel(ratio)
            if left.runs.start == right.runs.start == 0:
                total[4] = mean
            work.take_off(total[4])
            within, rows, columns, to_rows, to_columns = work.sums()
            twice = 1 if left == right else 2
            total[0] += twice * within
            total[1][left.rows] += rows
            total[2][left.rows] += to_rows
            total[3] += twice * squares
            if left != right:
                total[1][right.rows] += columns
                total[2][right.rows] += to_columns
    return totals


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a block: its runs, its rows, and where each run begins among them."""

    runs: slice
    rows: slice


def _pairs(split: Splits) -> Iterator[tuple[_Side, _Side]]:
    runs = len(split.starts)
    step = max(1, _BLOCK * runs // split.rows)
    ends = np.append(split.starts, split.rows)
    sides = [
        _Side(slice(start, stop), slice(int(ends[start]), int(ends[stop])))
        for start in range(0, runs, step)
        for stop in [min(start + step, runs)]
    ]
    for i, left in enumerate(sides):
        for right in sides[i:]:
            yield left, right


class _Work(Protocol):
    """Computes one block at a time, somewhere."""

    def enter(self, left: _Side, right: _Side, /) -> None:
        """Go to a block: compute its distances."""

    def kernel(self, ratio: float, /) -> tuple[float, float]:
        """Compute its kernel; return the mean, and the sum of squares of pairs."""

    def take_off(self, shift: float, /) -> None:
        """Take a constant off, and leave out a row's pair with itself."""

    def sums(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Return a'Ka, K1, K'1, and K and K' times the observed a."""


class _Numpy:
    """The work in NumPy."""

    def __init__(
        self, points: NDArray[np.float32], split: Splits, shape: Shape, device: str | None
    ) -> None:
        del device
        self.points, self.split, self.shape = points, split, shape
        self.lengths = np.einsum("ij,ij->i", points, points)
        self.first = split.first.astype(np.float32)

    def enter(self, left: _Side, right: _Side, /) -> None:
        self.left, self.right = left, right
        one, other = self.points[left.rows], self.points[right.rows]
        if self.shape == "laplace":
            self.apart = distance.cdist(one, other, "cityblock").astype(np.float32)
            return
        self.apart = one @ other.T
        self.apart *= -2
        self.apart += self.lengths[left.rows, None]
        self.apart += self.lengths[right.rows]
        np.maximum(self.apart, 0, out=self.apart)

    def kernel(self, ratio: float, /) -> tuple[float, float]:
        self.values = self.apart * np.float32(-(ratio**2 if self.shape == "gaussian" else ratio))
        np.exp(self.values, out=self.values)
        own = len(self.values) if self.left == self.right else 0
        return float(self.values.mean()), float(np.vdot(self.values, self.values)) - own

    def take_off(self, shift: float, /) -> None:
        self.values -= np.float32(shift)
        if self.left == self.right:
            np.fill_diagonal(self.values, 0)

    def sums(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        k, left, right = self.values, self.left, self.right
        mine, theirs = (self.split.who[side.runs].astype(np.float32) for side in (left, right))
        runs = self._runs()
        within = np.einsum("ip,ip->p", runs @ theirs, mine).astype(np.float64)
        return (
            within,
            k.sum(axis=1, dtype=np.float64),
            k.sum(axis=0, dtype=np.float64),
            (k @ self.first[right.rows]).astype(np.float64),
            (self.first[left.rows] @ k).astype(np.float64),
        )

    def _runs(self) -> NDArray[np.float32]:
        """Return the block with a row and a column a run."""
        if len(self.split.starts) == self.split.rows:
            return self.values
        left, right = (
            self.split.starts[side.runs] - side.rows.start for side in (self.left, self.right)
        )
        return np.add.reduceat(np.add.reduceat(self.values, right, axis=1), left, axis=0)


class _Torch:
    """The work in torch, on a device."""

    def __init__(
        self, points: NDArray[np.float32], split: Splits, shape: Shape, device: str | None
    ) -> None:
        self.torch, self.place = load_torch(), on_device(str(device))
        self.at = self.torch.from_numpy(points).to(self.place)
        self.who = self.torch.from_numpy(split.who).to(self.place)
        self.first = self.torch.from_numpy(split.first).to(self.place).float()
        run = np.repeat(np.arange(len(split.starts)), split.sizes)
        self.run = self.torch.from_numpy(run).to(self.place)
        self.power = 2.0 if shape == "gaussian" else 1.0

    def enter(self, left: _Side, right: _Side, /) -> None:
        self.left, self.right = left, right
        exact = "donot_use_mm_for_euclid_dist"
        one, other = self.at[left.rows], self.at[right.rows]
        self.apart = self.torch.cdist(one, other, p=self.power, compute_mode=exact)

    def kernel(self, ratio: float, /) -> tuple[float, float]:
        self.values = self.torch.exp(-((self.apart * ratio) ** self.power))
        own = len(self.values) if self.left == self.right else 0
        squares = (self.values**2).sum(dtype=self.torch.float64)
        return float(self.values.mean()), float(squares) - own

    def take_off(self, shift: float, /) -> None:
        self.values -= shift
        if self.left == self.right:
            self.values.fill_diagonal_(0)

    def sums(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        k, left, right, double = self.values, self.left, self.right, self.torch.float64
        mine, theirs = (self.who[side.runs].float() for side in (left, right))
        found = (
            (self._runs() @ theirs * mine).sum(dim=0, dtype=double),
            k.sum(dim=1, dtype=double),
            k.sum(dim=0, dtype=double),
            (k @ self.first[right.rows]).to(double),
            (self.first[left.rows] @ k).to(double),
        )
        a, b, c, d, e = (part.cpu().numpy() for part in found)
        return a, b, c, d, e

    def _runs(self) -> Any:  # noqa: ANN401 - a tensor
        if len(self.run) == len(self.who):
            return self.values
        rows, columns = (self.run[side.rows] - side.runs.start for side in (self.left, self.right))
        shape = (self.left.runs.stop - self.left.runs.start, self.values.shape[1])
        some = self.torch.zeros(shape, device=self.place).index_add_(0, rows, self.values)
        width = self.right.runs.stop - self.right.runs.start
        empty = self.torch.zeros((len(some), width), device=self.place)
        return empty.index_add_(1, columns, some)
