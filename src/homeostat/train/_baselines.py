"""Baselines that look at no feature: what any model must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import expit, logit, ndtri

from homeostat.core import InputError
from homeostat.train._files import read_json, write_json
from homeostat.train._inputs import as_frame, as_label, learned, smoothed_rate, training_rows

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from homeostat.core import Model, Updatable

__all__ = ["Majority", "PreviousPeriod", "RandomGuess"]


class Majority:
    """Say the training rows' base rate of every row; at a threshold of 1/2, the majority class.

    Example:
        >>> import polars as pl
        >>> model = Majority()
        >>> model.fit(pl.DataFrame({"x": [1, 2, 3]}), np.array([0.0, 0.0, 1.0]))
        >>> model.predict(pl.DataFrame({"x": [9]}))
        array([0.375])
    """

    family = "majority"

    def __init__(self) -> None:
        self.rate_: float | None = None

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn the share of ones, half a row of each class added."""
        self.rate_ = smoothed_rate(training_rows(features, label)[1])

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the base rate for each row, shape (n,)."""
        return np.full(as_frame(features).height, learned(self.rate_, self.family))

    def save(self) -> Mapping[str, bytes]:
        """Return the model's one JSON file."""
        rate = learned(self.rate_, self.family)
        return {"model.json": write_json(self.family, {}, {"rate": rate})}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        _, state = read_json(files, cls.family)
        model = cls()
        model.rate_ = state["rate"]
        return model


class RandomGuess:
    """Guess around the base rate, blind to what the features say.

    A row's guess is drawn by a hash of its values and the seed: the log-odds of the base rate
    plus Gaussian noise. So the same row always gets the same guess, alone or in a batch.

    Args:
        spread: Standard deviation of the noise, in log-odds.
        seed: Which guesses.
    """

    family = "random"

    def __init__(self, *, spread: float = 1.0, seed: int = 0) -> None:
        self.spread = spread
        self.seed = seed
        self.rate_: float | None = None

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn the base rate."""
        self.rate_ = smoothed_rate(training_rows(features, label)[1])

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return a guess for each row, shape (n,)."""
        frame, rate = as_frame(features), learned(self.rate_, self.family)
        if frame.height == 0:
            return np.empty(0)
        hashed = frame.select(sorted(frame.columns)).hash_rows(self.seed).to_numpy()
        uniform = ((hashed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return np.asarray(expit(logit(rate) + self.spread * ndtri(uniform)), dtype=np.float64)

    def save(self) -> Mapping[str, bytes]:
        """Return the model's one JSON file."""
        settings = {"spread": self.spread, "seed": self.seed}
        rate = learned(self.rate_, self.family)
        return {"model.json": write_json(self.family, settings, {"rate": rate})}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        settings, state = read_json(files, cls.family)
        model = cls(**settings)
        model.rate_ = state["rate"]
        return model


class PreviousPeriod:
    """Say the rate of the last known rows: tomorrow is like today.

    Rows must be given in the order of time. On data with persistence this baseline is hard to
    beat, and a model that does not beat it has learned nothing but the date.

    Args:
        rows: How many of the last rows make the period.

    Raises:
        InputError: If ``rows`` is not positive.

    Example:
        >>> import polars as pl
        >>> model = PreviousPeriod(rows=3)
        >>> model.fit(pl.DataFrame({"x": [1, 2, 3, 4]}), np.array([1.0, 0.0, 0.0, 0.0]))
        >>> model.update(pl.DataFrame({"x": [5]}), np.array([1.0]))
        >>> model.predict(pl.DataFrame({"x": [6]}))
        array([0.375])
    """

    family = "previous-period"

    def __init__(self, *, rows: int = 1000) -> None:
        if rows < 1:
            raise InputError(f"A period has at least one row, got rows={rows}.")
        self.rows = rows
        self.recent_: NDArray[np.float64] | None = None

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Keep the labels of the last rows."""
        self.recent_ = training_rows(features, label)[1][-self.rows :]

    def update(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Let further rows push out the oldest."""
        known = learned(self.recent_, self.family)
        added = as_label(label, as_frame(features).height)
        self.recent_ = np.concatenate([known, added])[-self.rows :]

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the period's rate for each row, shape (n,)."""
        rate = smoothed_rate(learned(self.recent_, self.family))
        return np.full(as_frame(features).height, rate)

    def save(self) -> Mapping[str, bytes]:
        """Return the model's one JSON file."""
        recent = "".join("1" if one else "0" for one in learned(self.recent_, self.family))
        return {"model.json": write_json(self.family, {"rows": self.rows}, {"recent": recent})}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        settings, state = read_json(files, cls.family)
        model = cls(**settings)
        model.recent_ = np.array([float(one) for one in state["recent"]])
        return model


if TYPE_CHECKING:
    _MODELS: tuple[Model, Model, Updatable] = (Majority(), RandomGuess(), PreviousPeriod())
