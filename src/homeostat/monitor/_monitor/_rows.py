"""Rows of a model in production: which columns are what, and what kind of answer they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, require_columns
from homeostat.stats import Floats, log_losses

__all__ = ["Answers", "Roles", "moment", "window_starts"]

Kind = Literal["probability", "value", "label"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLIP = 1e-15


@dataclass(frozen=True, slots=True)
class Answers:
    """What the model answered in a window, and what came of it.

    Args:
        at: (n,) microseconds since 1970; empty where rows have no time.
        prediction: (n,) probabilities or values; of labels, their codes.
        outcome: (n,) outcomes, NaN where they have not come; of labels, whether the answer was
            wrong.
        loss: (n,) log loss, absolute error, or 1 where the label was wrong; NaN where unknown.
    """

    at: NDArray[np.int64]
    prediction: Floats
    outcome: Floats
    loss: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which columns of a frame are what.

    Args:
        features: What the model sees.
        at: When each prediction was made; None where rows have no time.
        prediction: What the model answered; None where only features are watched.
        outcome: What came of it; null where it has not come.
        kind: ``"probability"`` of outcome 1, ``"value"`` (a regression), or ``"label"``.
        others: Columns of the reference that are not watched.
    """

    features: tuple[str, ...]
    at: str | None
    prediction: str | None
    outcome: str | None
    kind: Kind
    others: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        *,
        features: Iterable[str] | None,
        at: str | None,
        prediction: str | None,
        outcome: str | None,
    ) -> Self:
        """Take what is given and find out the rest from a reference.

        Raises:
            SchemaError: If a column is missing.
            InputError: If there is an outcome but no prediction, or one has a type of no use.
        """
        given = [name for name in (at, prediction, outcome) if name is not None]
        require_columns(frame, given)
        if outcome is not None and prediction is None:
            raise InputError(
                f"`{outcome}` is what came of a prediction: say which column is `prediction`."
            )
        if at is not None and not isinstance(frame[at].dtype, pl.Datetime):
            raise InputError(f"`{at}` must hold datetimes, got {frame[at].dtype}.")
        names = [n for n in frame.columns if n not in given] if features is None else [*features]
        require_columns(frame, names)
        kind = "probability" if prediction is None else _kind(frame, prediction, outcome)
        return cls(
            features=tuple(names),
            at=at,
            prediction=prediction,
            outcome=outcome,
            kind=kind,
            others=frozenset(frame.columns).difference(names),
        )

    def answers(self, frame: pl.DataFrame) -> Answers:
        """Return a window's answers; raises InputError where they are not of the kind."""
        name = self.prediction
        n = frame.height
        at = self.times(frame)
        if name is None:
            nothing = np.full(n, np.nan)
            return Answers(at, nothing, nothing, nothing)
        require_columns(frame, [name])
        if self.kind == "label":
            return self._labels(frame, at)
        said = _numbers(frame, name)
        came = np.full(n, np.nan)
        if self.outcome is not None and self.outcome in frame.columns:
            came = _numbers(frame, self.outcome)
        loss = np.full(n, np.nan)
        known = ~np.isnan(came) & ~np.isnan(said)
        if self.kind == "probability":
            _must_be_shares(said, name)
        if not known.any():
            return Answers(at, said, came, loss)
        if self.kind == "value":
            loss[known] = np.abs(said[known] - came[known])
        else:
            if not np.isin(came[known], (0.0, 1.0)).all():
                raise InputError(f"`{self.outcome}` must be 0 or 1, or null: it has other values.")
            loss[known] = log_losses(came[known], np.clip(said[known], _CLIP, 1 - _CLIP))
        return Answers(at, said, came, loss)

    def times(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """Return when each row was, in microseconds since 1970; empty without times."""
        if self.at is None:
            return np.empty(0, np.int64)
        require_columns(frame, [self.at])
        if frame[self.at].null_count():
            raise InputError(f"`{self.at}` says when each prediction was made, got null.")
        return frame[self.at].dt.epoch("us").to_numpy().astype(np.int64)

    def _labels(self, frame: pl.DataFrame, at: NDArray[np.int64]) -> Answers:
        said = frame[str(self.prediction)].cast(pl.String)
        loss = np.full(frame.height, np.nan)
        if self.outcome is not None and self.outcome in frame.columns:
            wrong = (said != frame[self.outcome].cast(pl.String)).cast(pl.Float64)
            loss = wrong.fill_null(np.nan).to_numpy().copy()
        return Answers(at, np.full(frame.height, np.nan), loss, loss)


def window_starts(at: NDArray[np.int64], length: timedelta) -> NDArray[np.int64]:
    """Return where the window of each moment begins, as numbers of windows since 1970."""
    return np.asarray(at // (length // timedelta(microseconds=1)), np.int64)


def moment(number: int, length: timedelta) -> datetime:
    """Return when a window begins."""
    return _EPOCH + number * length


def _kind(frame: pl.DataFrame, prediction: str, outcome: str | None) -> Kind:
    dtype = frame[prediction].dtype
    if not (dtype.is_numeric() or dtype == pl.Boolean):
        return "label"
    said = _numbers(frame, prediction)
    said = said[~np.isnan(said)]
    shares = bool(((said >= 0) & (said <= 1)).all())
    if outcome is None:
        return "probability" if shares else "value"
    came = frame[outcome].dtype
    if not (came.is_numeric() or came == pl.Boolean):
        return "label"
    values = _numbers(frame, outcome)
    binary = bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
    return "probability" if shares and binary else "value"


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    dtype = frame[name].dtype
    if not (dtype.is_numeric() or dtype in {pl.Boolean, pl.Null}):
        raise InputError(f"`{name}` must hold numbers, got {dtype}.")
    return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()


def _must_be_shares(said: Floats, name: str) -> None:
    wrong = ~((said >= 0) & (said <= 1)) & ~np.isnan(said)
    if wrong.any():
        raise InputError(
            f"`{name}` must be probabilities in [0, 1] as in the reference, got "
            f"{said[wrong.argmax()]:g}."
        )
