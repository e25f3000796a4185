"""Splits: which rows are for training, for validation and for the test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import (
    Finding,
    FitLedger,
    InputError,
    Json,
    RowSet,
    TrackedRows,
    suggest,
)
from homeostat.split._artifact import load_artifact, save_artifact
from homeostat.split._identity import NONE, PARTS, Codes, Identity, Mask, value_sets

__all__ = ["PARTS", "Mask", "Splits"]


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """The rows of each part, as masks over one frame; a row may be in none.

    Args:
        masks: For each of train, validation and test a mask over the rows.
        method: How they were parted, such as ``"time"`` or ``"random"``.
        boundaries: First and last instant of each part, where the parts are in time.
        gap: What was left out between parts.
        time: The time column; empty where there is none.
        identity: Who the rows are; None where masks were made by hand.
        findings: What was asked for and could be had only in part.

    Raises:
        InputError: If a part is missing or empty, or a row is in two parts.
    """

    masks: Mapping[str, Mask]
    method: str
    boundaries: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    gap: timedelta = timedelta()
    time: str = ""
    identity: Identity = field(default_factory=lambda: Identity(None))
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        for name in PARTS:
            if name not in self.masks or not self.masks[name].any():
                raise InputError(
                    f"Each of {', '.join(PARTS)} needs rows, {name} has none: make the parts or "
                    "the gap shorter, or bring more data."
                )
        if (np.sum(list(self.masks.values()), axis=0) > 1).any():
            raise InputError("A row may be in one part only, some are in two.")

    @classmethod
    def of_codes(cls, codes: Codes, method: str, **rest: Any) -> Self:  # noqa: ANN401 - fields
        """Return splits of codes: 0 for no part, 1 to 3 for train, validation and test."""
        masks = {name: codes == code for code, name in enumerate(PARTS, 1)}
        return cls(masks, method, **rest)

    @property
    def train(self) -> Mask:
        """Mask of the training rows, shape (n,)."""
        return self.masks["train"]

    @property
    def validation(self) -> Mask:
        """Mask of the validation rows, shape (n,)."""
        return self.masks["validation"]

    @property
    def test(self) -> Mask:
        """Mask of the test rows, shape (n,)."""
        return self.masks["test"]

    @property
    def rows(self) -> int:
        """Number of rows of the frame that was split."""
        return int(self.train.size)

    @property
    def codes(self) -> Codes:
        """Part of each row, shape (n,): 0 for none, 1 to 3 for train, validation and test."""
        codes = np.full(self.rows, NONE, np.uint8)
        for code, name in enumerate(PARTS, 1):
            codes[self.masks[name]] = code
        return codes

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256, in hex, of which rows are in each part.

        With the dataset's digest it names the very rows that a statistic was fitted on.
        """
        size = self.rows.to_bytes(8, "little")
        return {
            name: hashlib.sha256(size + np.packbits(self.masks[name]).tobytes()).hexdigest()
            for name in PARTS
        }

    @property
    def digest(self) -> str:
        """SHA-256 of all three parts, in hex."""
        return hashlib.sha256("".join(self.digests.values()).encode()).hexdigest()

    @cached_property
    def row_sets(self) -> dict[str, RowSet]:
        """Ids of the rows in each part: the same in whatever order the rows come."""
        return {name: RowSet.of(self.identity.ids[self.masks[name]]) for name in PARTS}

    def take(self, part: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of one part of the frame that was split.

        Raises:
            InputError: If there is no such part, or the frame holds other rows.
        """
        mask = self._mask(part)
        self.fits(frame)
        return frame.filter(pl.Series(mask))

    def tracked(self, part: str, frame: pl.DataFrame) -> TrackedRows:
        """Return the rows of one part with their identity, for what the fit ledger watches.

        Args:
            part: ``"train"``, ``"validation"`` or ``"test"``.
            frame: The frame that was split, or as many rows with other columns, in its order.

        Raises:
            InputError: If there is no such part, or the frame holds other rows.
        """
        mask = self._mask(part)
        self.fits(frame)
        return self.identity.tracked(frame, mask, part)

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
            ledger.keep_apart(what, value_sets(values, self.masks))
        return ledger

    def fits(self, frame: pl.DataFrame) -> None:
        """Raise InputError unless a frame holds as many rows, and in its key the same ones."""
        if frame.height != self.rows:
            raise InputError(f"These splits are of {self.rows} rows, the frame has {frame.height}.")
        key = self.identity.key
        if key and set(key) <= set(frame.columns) and frame is not self.identity.rows:
            ids = Identity(frame, key).ids
            if differ := int(np.count_nonzero(ids != self.identity.ids)):
                raise InputError(
                    f"{differ:,} of {self.rows:,} rows are not where they were when they were "
                    "split: use `splits.onto(frame)` for another order, split other rows anew."
                )

    def onto(self, frame: pl.DataFrame) -> Self:
        """Return these splits for a frame with the same rows in another order.

        Raises:
            InputError: If it does not hold the very rows that were split.
        """
        places = self.identity.places(frame)
        return replace(
            self,
            masks={name: mask[places] for name, mask in self.masks.items()},
            identity=Identity(frame, self.identity.key, self.identity.ids[places]),
        )

    def known_by(self, frame: pl.DataFrame, key: Sequence[str] = ()) -> Self:
        """Return these splits with rows that are known: by a key, or by all of a frame."""
        self.fits(frame)
        return replace(self, identity=Identity.of(frame, key))

    def save(self) -> dict[str, bytes]:
        """Return files, by name: how rows were split as JSON, and each row's part as Arrow."""
        return save_artifact(self._told(), self.identity.ids, self.codes[None, :])

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild splits from :meth:`save`; their content is checked against its digest.

        Raises:
            CorruptionError: If a file was changed.
        """
        told, ids, [codes] = load_artifact(files, "splits")
        bounds = {
            name: (datetime.fromisoformat(first), datetime.fromisoformat(last))
            for name, (first, last) in told["boundaries"].items()
        }
        return cls.of_codes(
            codes,
            told["method"],
            boundaries=bounds,
            gap=timedelta(seconds=told["gap_s"]),
            time=told["time"],
            identity=Identity(None, tuple(told["key"]), ids),
            findings=tuple(Finding.from_json(one) for one in told["findings"]),
        )

    def split(
        self,
        X: object = None,  # noqa: N803 - scikit-learn's name
        y: object = None,  # noqa: ARG002 - likewise
        groups: object = None,  # noqa: ARG002 - likewise
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield training and validation rows once: scikit-learn's ``cv``."""
        check_length(X, self.rows)
        yield np.flatnonzero(self.train), np.flatnonzero(self.validation)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803, ARG002 - scikit-learn's names
        """Return 1: scikit-learn's ``cv``."""
        return 1

    def summary(self) -> str:
        """Return one line with the rows and the boundaries of each part."""
        return "; ".join(self._line(name) for name in PARTS)

    def __repr__(self) -> str:
        return f"Splits({self.method}: {self.summary()})"

    def _told(self) -> dict[str, Json]:
        return {
            "kind": "splits",
            "method": self.method,
            "boundaries": {
                name: [first.isoformat(), last.isoformat()]
                for name, (first, last) in self.boundaries.items()
            },
            "gap_s": self.gap.total_seconds(),
            "time": self.time,
            "key": list(self.identity.key),
            "findings": [found.to_json() for found in self.findings],
        }

    def _mask(self, part: str) -> Mask:
        if part not in self.masks:
            raise InputError(f"There is no part `{part}`.{suggest(part, PARTS)}")
        return self.masks[part]

    def _line(self, name: str) -> str:
        text = f"{name} {int(self.masks[name].sum()):,} rows"
        if name in self.boundaries:
            first, last = self.boundaries[name]
            text += f" ({first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M})"
        return text


def check_length(given: object, rows: int) -> None:
    """Raise InputError if something given to scikit-learn has another number of rows."""
    shape = getattr(given, "shape", None)
    length = rows if given is None else shape[0] if shape else len(given)  # type: ignore[arg-type]
    if length != rows:
        raise InputError(f"These splits are of {rows} rows, what is to be split has {length}.")
