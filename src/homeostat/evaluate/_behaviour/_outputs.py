"""What a model says of rows and of their changed copies, asked in few large batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, Json
from homeostat.evaluate._behaviour._data import Data, Predict, joined
from homeostat.stats import Floats

__all__ = ["Crashed", "Output", "Outputs", "outputs_of", "sampled"]

Output = Literal["auto", "probability", "classes", "number", "label"]
_BATCH_ROWS, _BATCH_BYTES = 100_000, 256 << 20


class Crashed(Exception):  # noqa: N818 - an event of the model's, not an error of ours
    """The model took the rows as they were, and raised on a changed copy of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """A model's outputs on c copies of n rows; copy 0 is the rows as they were.

    Args:
        kind: ``"probability"`` and ``"number"`` have values of shape (c, n), ``"classes"``
            (c, n, k), ``"label"`` codes of shape (c, n).
        values: The outputs.
        names: Of a label's codes.
    """

    kind: Output
    values: Floats
    names: tuple[str, ...] = ()

    def decisions(self, threshold: float) -> NDArray[np.intp] | None:
        """Return the class decided for each copy and row, (c, n); numbers decide nothing."""
        if self.kind == "number":
            return None
        if self.kind == "classes":
            return np.asarray(np.argmax(self.values, axis=2), dtype=np.intp)
        if self.kind == "label":
            return self.values.astype(np.intp)
        return (self.values >= threshold).astype(np.intp)

    def changes(self) -> Floats:
        """Return how far each copy's output is from that of the row itself, (c - 1, n)."""
        far: Floats = np.abs(self.values[1:] - self.values[:1])
        if self.kind == "classes":
            return np.asarray(far.max(axis=2), dtype=np.float64)
        return np.minimum(far, 1.0) if self.kind == "label" else far

    def tolerance(self, asked: float | None) -> float:
        """Return what was asked, or 0.05 of a probability or of a number's spread."""
        if asked is not None:
            return asked
        return 0.05 * float(self.values[0].std()) if self.kind == "number" else 0.05

    def moved(
        self, threshold: float, tolerance: float | None, *, flips_only: bool = False
    ) -> NDArray[np.bool_]:
        """Say where the decision flips or the output changes by more than allowed, (c - 1, n).

        Args:
            threshold: Where a probability becomes a decision.
            tolerance: By how much an output may change; see :meth:`tolerance`.
            flips_only: Whether, without a tolerance, only a decision counts where there is one.
        """
        if flips_only and tolerance is None and self.kind != "number":
            tolerance = math.inf
        far = self.changes() > self.tolerance(tolerance)
        decided = self.decisions(threshold)
        return far if decided is None else far | (decided[1:] != decided[:1])

    def shown(self, copy: int, row: int) -> Json:
        """Return one output as a person reads it."""
        value = self.values[copy, row]
        if self.kind == "label":
            return self.names[int(value)]
        return [round(float(one), 6) for one in value] if value.ndim else float(value)

    @property
    def constant(self) -> bool:
        """Whether every output of every copy is the same."""
        first = self.values[:1, :1]
        return self.values.shape[1] > 1 and bool(np.all(self.values == first))


def outputs_of(
    predict: Predict,
    rows: Data,
    copies: Iterable[Data],
    *,
    output: Output = "auto",
    batch_rows: int | None = None,
) -> Outputs:
    """Predict rows and all their copies in as few batches as memory allows.

    Args:
        predict: The model.
        rows: As they are.
        copies: Each as long as the rows; made one at a time, as they are needed.
        output: What the model returns; ``"auto"`` looks: two dimensions are classes, text and
            whole numbers are labels, floats within [0, 1] are probabilities, others numbers.
        batch_rows: How many rows the model gets at once; None is 100,000, or 256 MiB of images.

    Raises:
        InputError: If the model raises on the rows as they are, or returns something else than
            finite outputs, one a row.
        Crashed: If it raises on a changed copy.
    """
    n = len(rows)
    size = batch_rows or _batch_rows(rows)
    answers: list[NDArray[Any]] = []
    for batch in _batches(chain([rows], copies), size):
        try:
            answer = np.asarray(predict(batch))
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            _blame(predict, rows, error, size)
        if answer.ndim not in {1, 2} or len(answer) != len(batch):
            raise InputError(
                f"A model must return (n,) or (n, k) outputs for {len(batch)} rows, "
                f"got shape {answer.shape}."
            )
        answers.append(answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer)
    if len({answer.shape[1:] for answer in answers}) > 1:
        raise InputError("A model must return as many classes for every batch of rows.")
    return _read(np.concatenate(answers), n, output)


def _batch_rows(rows: Data) -> int:
    if isinstance(rows, np.ndarray):
        return max(1, _BATCH_BYTES // max(1, int(rows[0].nbytes)))
    return _BATCH_ROWS


def _batches(copies: Iterable[Data], size: int) -> Iterator[Data]:
    pending: list[Data] = []
    held = 0
    for copy in copies:
        for start in range(0, len(copy), size):
            piece = copy if len(copy) <= size else copy[start : start + size]
            if pending and held + len(piece) > size:
                yield joined(pending)
                pending, held = [], 0
            pending.append(piece)
            held += len(piece)
    if pending:
        yield joined(pending)


def _blame(predict: Predict, rows: Data, error: Exception, size: int) -> NoReturn:
    """Say whether the rows themselves or a changed copy made the model raise."""
    told = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    try:
        for batch in _batches([rows], size):
            predict(batch)
    except Exception:  # noqa: BLE001 - a model may raise anything
        raise InputError(f"The model raised {told} on the rows as they are.") from error
    raise Crashed(told) from error


def _read(raw: NDArray[Any], n: int, output: Output) -> Outputs:
    kind = _kind(raw, n) if output == "auto" else output
    copies = len(raw) // n
    if kind == "label":
        seen, codes = np.unique(raw.astype(str), return_inverse=True)
        names = tuple(str(one) for one in seen)
        return Outputs(kind, codes.astype(np.float64).reshape(copies, n), names)
    try:
        values = raw.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"A model's outputs must be numbers, got dtype {raw.dtype}.") from error
    _check(values, kind)
    return Outputs(kind, values.reshape(copies, n, *values.shape[1:]))


def _kind(raw: NDArray[Any], n: int) -> Output:
    if raw.ndim == 2:
        return "classes"
    if raw.dtype.kind != "f":
        return "label"
    first = raw[:n]
    return "number" if np.any(first < 0) or np.any(first > 1) else "probability"


def _check(values: Floats, kind: Output) -> None:
    if not np.isfinite(values).all():
        count = int(np.sum(~np.isfinite(values)))
        raise InputError(f"A model's outputs must be finite, but {count} are NaN or infinite.")
    if (values.ndim == 2) != (kind == "classes"):
        raise InputError(f"Outputs of kind `{kind}` do not have shape {values.shape}.")
    if kind == "number":
        return
    if np.any(values < 0) or np.any(values > 1):
        odd = float(values[(values < 0) | (values > 1)][0])
        raise InputError(
            f"Probabilities lie in [0, 1], got {odd:g}; if the model returns other numbers, pass "
            'output="number".'
        )
    if kind == "classes" and np.any(np.abs(values.sum(axis=1) - 1) > 1e-3):
        odd = float(values.sum(axis=1)[np.argmax(np.abs(values.sum(axis=1) - 1))])
        raise InputError(f"The probabilities of a row's classes must sum to 1, got {odd:g}.")


def sampled(n: int, max_rows: int | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the places of at most so many rows, at random, in order."""
    if max_rows is None or n <= max_rows:
        return np.arange(n)
    return np.sort(rng.choice(n, max_rows, replace=False))
