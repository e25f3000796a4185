"""Preparation: statistics that are fitted on the training rows of a split, and on nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, Self, overload

import polars as pl

from homeostat.core import (
    Finding,
    Fit,
    FitLedger,
    InputError,
    SchemaError,
    TrackedRows,
    Verdict,
    VersionError,
    require_columns,
)
from homeostat.train._statistics import (
    Impute,
    Learned,
    OneHot,
    Ordinal,
    Scale,
    Statistic,
    Vocabulary,
    check_kinds,
)
from homeostat.train._target_encode import TargetEncode

__all__ = ["Preparation", "Prepared", "Split"]

_FORMAT = 1
_KINDS = {one.kind: one for one in (Impute, Scale, Ordinal, OneHot, TargetEncode, Vocabulary)}


class Split(Protocol):
    """What a preparation asks of a split; `split.Splits` and `split.Fold` fit."""

    def tracked(self, part: str, frame: pl.DataFrame) -> TrackedRows:
        """Return the rows of one part, with their identity."""
        ...


@dataclass(frozen=True, slots=True, init=False)
class Preparation:
    """Steps that turn raw columns into what a model takes.

    Each step learns from the training rows as the steps before left them.

    Args:
        steps: `Impute`, `Scale`, `Ordinal`, `OneHot`, `TargetEncode`, `Vocabulary`.

    Example:
        >>> import numpy as np
        >>> rows = TrackedRows.of(pl.DataFrame({"x": [1.0, None, 3.0]}), part="train")
        >>> prepared = Preparation(Impute("x"), Scale("x")).fit_rows(rows)
        >>> prepared.apply(pl.DataFrame({"x": [None, 2.0, 100.0]}))["x"].round(2).to_list()
        [0.0, 0.0, 120.02]
    """

    steps: tuple[Statistic, ...]

    def __init__(self, *steps: Statistic) -> None:
        if not steps:
            raise InputError("A preparation has at least one step.")
        object.__setattr__(self, "steps", tuple(steps))

    def fit(
        self, split: Split, frame: pl.DataFrame, *, ledger: FitLedger | None = None
    ) -> Prepared:
        """Learn from the training rows of a split; no other row is looked at.

        Args:
            split: Of the frame.
            frame: All its rows.
            ledger: Where the fits are written down.
        """
        return self.fit_rows(split.tracked("train", frame), ledger=ledger)

    def fit_rows(self, rows: TrackedRows, *, ledger: FitLedger | None = None) -> Prepared:
        """Learn from training rows that come tracked, such as resampled ones.

        Raises:
            InputError: If they are not of the training part, or there are none.
            SchemaError: If a column is missing or holds what a step is not for.
            GateError: If the ledger refuses.
        """
        if rows.part != "train":
            raise InputError(
                f"Statistics are fitted on training rows, these are {rows.part or 'of no part'}: "
                "split first, then take `splits.tracked('train', frame)`."
            )
        if not len(rows):
            raise InputError("Statistics are fitted on at least one row, got none.")
        needed = _needed(self.steps, rows.frame)
        learned, fits = [], []
        for step in self.steps:
            require_columns(rows.frame, step.columns)
            check_kinds(step, rows.frame)
            name = f"{step.kind}({', '.join(step.columns)})"  # type: ignore[attr-defined]
            fit = ledger.record(name, rows) if ledger else Fit(name, rows.seen)
            known = step.learn(rows.frame)
            if isinstance(step, TargetEncode):
                frame = step.out_of_fold(rows.frame, rows.origins[:, 0])
            else:
                frame = step.apply(rows.frame, known)
            rows = rows.with_frame(frame, after=fit)
            learned.append(known)
            fits.append(fit)
        return Prepared(self.steps, tuple(learned), needed, tuple(fits), rows)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A preparation that has learned; it learns nothing more.

    Args:
        steps: The settings.
        learned: What each step learned.
        needed: The columns that a frame must have, and whether each holds numbers.
        fits: Which rows each step saw.
        rows: The training rows, prepared, target-encoded out of fold; None once loaded.
    """

    steps: tuple[Statistic, ...]
    learned: tuple[Learned, ...] = field(repr=False)
    needed: Mapping[str, bool]
    fits: tuple[Fit, ...] = field(default=(), repr=False)
    rows: TrackedRows | None = field(default=None, repr=False)

    @overload
    def apply(self, rows: pl.DataFrame) -> pl.DataFrame: ...
    @overload
    def apply(self, rows: TrackedRows) -> TrackedRows: ...
    def apply(self, rows: pl.DataFrame | TrackedRows) -> pl.DataFrame | TrackedRows:
        """Prepare other rows with what was learned; columns of no step are left as they are.

        Raises:
            SchemaError: If a column is missing, or holds text where it held numbers.
            InputError: If they are training rows and a step is a target encoding: take `rows`.
        """
        if isinstance(rows, TrackedRows):
            if rows.part == "train" and any(isinstance(one, TargetEncode) for one in self.steps):
                raise InputError(
                    "Training rows are target-encoded out of fold, or their own labels would be "
                    "in their features: take `prepared.rows`."
                )
            prepared = rows.with_frame(self.apply(rows.frame))
            for fit in self.fits:
                prepared = prepared.with_frame(prepared.frame, after=fit)
            return prepared
        self._check(rows)
        for step, learned in zip(self.steps, self.learned, strict=True):
            rows = step.apply(rows, learned)
        return rows

    def findings(self, frame: pl.DataFrame) -> list[Finding]:
        """Say of each category how many rows have a value that training has not seen."""
        self._check(frame)
        return [
            _unseen(name, frame[name], known)
            for step, learned in zip(self.steps, self.learned, strict=True)
            for name, known in _levels(step, learned).items()
            if name in frame.columns
        ]

    def save(self) -> dict[str, bytes]:
        """Return files, by name: JSON with settings and what was learned."""
        told = {
            "format": _FORMAT,
            "needed": dict(self.needed),
            "steps": [
                {
                    "kind": step.kind,  # type: ignore[attr-defined]
                    "settings": {one.name: getattr(step, one.name) for one in fields(step)},  # type: ignore[arg-type]
                    "learned": learned,
                }
                for step, learned in zip(self.steps, self.learned, strict=True)
            ],
        }
        return {"preparation.json": json.dumps(told, ensure_ascii=False).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`; what is applied is the same to the last bit."""
        try:
            told: dict[str, Any] = json.loads(files["preparation.json"])
            if told["format"] > _FORMAT:
                raise VersionError("The preparation was written by a newer Homeostat: upgrade.")
            steps = tuple(_KINDS[one["kind"]](**one["settings"]) for one in told["steps"])
            return cls(steps, tuple(one["learned"] for one in told["steps"]), told["needed"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"These are no files of a preparation: {error!r}.") from error

    def _check(self, frame: pl.DataFrame) -> None:
        require_columns(frame, self.needed)
        for name, number in self.needed.items():
            dtype = frame.schema[name]
            if dtype != pl.Null and number != (dtype.is_numeric() or dtype == pl.Boolean):
                raise SchemaError(
                    f"Column `{name}` held {'numbers' if number else 'text'} in training, it now "
                    f"holds {dtype}: convert it, or fit the preparation anew."
                )


def _needed(steps: Sequence[Statistic], frame: pl.DataFrame) -> dict[str, bool]:
    """Return the raw columns that the steps need, and whether each holds numbers."""
    names = dict.fromkeys(name for step in steps for name in step.columns)
    made = {f"{n}_missing" for one in steps if isinstance(one, Impute) for n in one.columns}
    raw = [name for name in names if name in frame.columns or name not in made]
    require_columns(frame, raw)
    labels = [step.label for step in steps if isinstance(step, TargetEncode)]
    require_columns(frame, labels)
    return {
        name: frame.schema[name].is_numeric() or frame.schema[name] == pl.Boolean for name in raw
    }


def _levels(step: Statistic, learned: Learned) -> dict[str, list[str | None]]:
    """Return the values that training has seen, of each category column."""
    if isinstance(step, TargetEncode):
        tables = {name: learned[name] for name in step.columns}
        return {n: list(one["values"]) for n, one in tables.items() if isinstance(one, Mapping)}
    if isinstance(step, (OneHot, Ordinal)):
        known = {name: learned[name] for name in step.columns}
        return {name: list(one) for name, one in known.items() if isinstance(one, (list, tuple))}
    return {}


def _unseen(name: str, column: pl.Series, known: list[str | None]) -> Finding:
    text = column.cast(pl.String)
    new = text.filter(
        ~text.is_in(pl.Series(known, dtype=pl.String).implode()).fill_null(value=True)
    )
    share = new.len() / max(len(column), 1)
    verdict = Verdict.WARN if new.len() else Verdict.OK if len(column) else Verdict.UNKNOWN
    examples = new.unique().sort().head(3).to_list()
    return Finding(
        check="features.unseen_category",
        subject=name,
        verdict=verdict,
        summary=(
            f"{new.len():,} of {len(column):,} values of {name} ({share:.1%}) were not told apart "
            f"in training{', such as ' + ', '.join(map(str, examples)) if examples else ''}."
        ),
        statistic=share,
        threshold=0.0,
        evidence={"examples": examples, "rows": new.len()},
    )
