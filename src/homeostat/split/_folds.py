"""Folds: several splits of the same rows into training and test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Self, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, FitLedger, InputError, Json, RowSet, TrackedRows, suggest
from homeostat.split._artifact import load_artifact, save_artifact
from homeostat.split._identity import TRAIN, Codes, Identity, Mask, value_sets
from homeostat.split._splits import check_length

__all__ = ["TEST", "Fold", "Folds"]

TEST = 3
_CODE = {"train": TRAIN, "test": TEST}


@dataclass(frozen=True, eq=False, repr=False)
class Fold:
    """One fold: the rows that are learned from and those that are judged; a row may be neither.

    Args:
        codes: 1 for training, 3 for the test, 0 for neither, shape (n,).
        identity: Who the rows are.
    """

    codes: Codes
    identity: Identity

    @property
    def train(self) -> Mask:
        """Mask of the training rows, shape (n,)."""
        return np.asarray(self.codes == TRAIN)

    @property
    def test(self) -> Mask:
        """Mask of the test rows, shape (n,)."""
        return np.asarray(self.codes == TEST)

    @cached_property
    def row_sets(self) -> dict[str, RowSet]:
        """Ids of the rows in each part."""
        return {part: RowSet.of(self.identity.ids[self._mask(part)]) for part in _CODE}

    def take(self, part: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of ``"train"`` or ``"test"`` of the frame that was split."""
        check_length(frame, self.codes.size)
        return frame.filter(pl.Series(self._mask(part)))

    def tracked(self, part: str, frame: pl.DataFrame) -> TrackedRows:
        """Return the rows of one part with their identity, for what the fit ledger watches."""
        check_length(frame, self.codes.size)
        return self.identity.tracked(frame, self._mask(part), part)

    def ledger(
        self,
        *,
        apart: Mapping[str, pl.Series | NDArray[np.generic]] | None = None,
        **settings: Any,  # noqa: ANN401 - settings of the ledger
    ) -> FitLedger:
        """Return a fit ledger that knows these parts.

        Args:
            apart: What else may not be on both sides, by name: a column of group identifiers, or
                the ``groups`` of copies; one value a row, null belongs to nothing.
            settings: Of the ledger, such as ``policy=None``.

        Raises:
            GateError: If what is to be apart is not, and the ledger's policy refuses that.
        """
        ledger = FitLedger(self.row_sets, **settings)
        for what, values in (apart or {}).items():
            ledger.keep_apart(what, value_sets(values, {"train": self.train, "test": self.test}))
        return ledger

    def __repr__(self) -> str:
        return f"Fold({self.train.sum():,} rows to learn from, {self.test.sum():,} to judge)"

    def _mask(self, part: str) -> Mask:
        if part not in _CODE:
            raise InputError(f"There is no part `{part}`.{suggest(part, _CODE)}")
        return np.asarray(self.codes == _CODE[part])


@dataclass(frozen=True, eq=False, repr=False)
class Folds(Sequence[Fold]):
    """Several folds over one frame; as it stands a ``cv`` of scikit-learn.

    Args:
        codes: Part of each row in each fold: 1 for training, 3 for the test, 0 for neither,
            uint8, shape (folds, n).
        method: How they were made, such as ``"k_fold"``.
        identity: Who the rows are.
        findings: What was asked for and could be had only in part.

    Raises:
        InputError: If a fold has nothing to learn from or nothing to judge.
    """

    codes: Codes
    method: str
    identity: Identity
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        for number, codes in enumerate(self.codes):
            for part, code in _CODE.items():
                if not (codes == code).any():
                    raise InputError(
                        f"Fold {number} has no {part} rows: ask for fewer folds, shorter windows "
                        "or gaps, or bring more data."
                    )

    @property
    def digest(self) -> str:
        """SHA-256 of which rows are where in each fold, in hex."""
        shape = repr(self.codes.shape).encode()
        return sha256(shape + np.ascontiguousarray(self.codes).tobytes()).hexdigest()

    def onto(self, frame: pl.DataFrame) -> Self:
        """Return these folds for a frame with the same rows in another order.

        Raises:
            InputError: If it does not hold the very rows that were split.
        """
        places = self.identity.places(frame)
        who = Identity(frame, self.identity.key, self.identity.ids[places])
        return replace(self, codes=self.codes[:, places], identity=who)

    def nested(
        self, inner: Callable[[pl.DataFrame | TrackedRows], Folds]
    ) -> Iterator[tuple[Fold, Folds]]:
        """Yield each fold with folds of its training rows, to choose settings on.

        Args:
            inner: Makes the inner folds; it is given the training rows alone.

        Example:
            >>> from homeostat.split import k_fold
            >>> frame = pl.DataFrame({"x": range(12)})
            >>> outer = k_fold(frame, folds=3, rng=0)
            >>> [[len(inner), inner.codes.shape[1]]
            ...  for _, inner in outer.nested(lambda rows: k_fold(rows, folds=2, rng=1))]
            [[2, 8], [2, 8], [2, 8]]
        """
        for fold in self:
            rows = self.identity.rows
            if isinstance(rows, TrackedRows):
                yield fold, inner(replace(rows.take(fold.train), part=""))
            else:
                yield fold, inner(self.identity.frame.filter(pl.Series(fold.train)))

    def save(self) -> dict[str, bytes]:
        """Return files, by name: how rows were split as JSON, and each row's part as Arrow."""
        told: dict[str, Json] = {
            "kind": "folds",
            "method": self.method,
            "key": list(self.identity.key),
            "findings": [found.to_json() for found in self.findings],
        }
        return save_artifact(told, self.identity.ids, self.codes)

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild folds from :meth:`save`; their content is checked against its digest."""
        told, ids, codes = load_artifact(files, "folds")
        findings = tuple(Finding.from_json(one) for one in told["findings"])
        return cls(codes, told["method"], Identity(None, tuple(told["key"]), ids), findings)

    def split(
        self,
        X: object = None,  # noqa: N803 - scikit-learn's name
        y: object = None,  # noqa: ARG002 - likewise
        groups: object = None,  # noqa: ARG002 - likewise
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the positions of training and test rows of each fold: scikit-learn's ``cv``."""
        check_length(X, self.codes.shape[1])
        for codes in self.codes:
            yield np.flatnonzero(codes == TRAIN), np.flatnonzero(codes == TEST)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803, ARG002 - scikit-learn's names
        """Return the number of folds: scikit-learn's ``cv``."""
        return len(self)

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> Fold: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fold]: ...
    def __getitem__(self, index: int | slice) -> Fold | list[Fold]:
        if isinstance(index, slice):
            return [Fold(codes, self.identity) for codes in self.codes[index]]
        return Fold(self.codes[index], self.identity)

    def __repr__(self) -> str:
        return f"Folds({self.method}: {len(self)} folds of {self.codes.shape[1]:,} rows)"
