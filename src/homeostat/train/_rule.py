"""The heuristic of the first phase: the rate of the group that a row belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from homeostat.core import InputError, SchemaError, suggest
from homeostat.train._encode import Encoder
from homeostat.train._files import read_arrays, read_json, write_arrays, write_json
from homeostat.train._inputs import as_frame, learned, smoothed_rate, training_rows

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from homeostat.core import Model

__all__ = ["RuleOfThumb"]


class RuleOfThumb:
    """Say the training rows' rate of the group with the same values of a few columns.

    A group of n rows, k of them ones, has the rate ``(k + m * base) / (n + m)``, where m is
    ``prior_rows``: a small group stays near the base rate, an unseen one is at it.

    Args:
        columns: What makes a group, such as carrier and hour; text, integers or booleans.
        prior_rows: How many rows at the base rate each group starts with.

    Raises:
        InputError: If there is no column or ``prior_rows`` is not positive.

    Example:
        >>> import polars as pl
        >>> model = RuleOfThumb(["carrier"], prior_rows=2)
        >>> model.fit(pl.DataFrame({"carrier": ["AA", "AA", "UA", "UA"]}),
        ...           np.array([1.0, 1.0, 0.0, 0.0]))
        >>> model.predict(pl.DataFrame({"carrier": ["AA", "UA", "DL"]}))
        array([0.75, 0.25, 0.5 ])
    """

    family = "rule-of-thumb"

    def __init__(self, columns: Sequence[str], *, prior_rows: float = 50.0) -> None:
        if isinstance(columns, str) or not columns or prior_rows <= 0:
            raise InputError(
                "A rule of thumb needs a list of columns and a positive prior_rows, "
                f"got columns={columns!r}, prior_rows={prior_rows}."
            )
        self.columns = tuple(columns)
        self.prior_rows = prior_rows
        self.base_: float = 0.5
        self.encoder_: Encoder | None = None
        self.groups_: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.rates_: NDArray[np.float64] = np.empty(0)

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn the rate of each group."""
        frame, ones = training_rows(features, label)
        self.encoder_ = Encoder.fit(self._select(frame), categories=self.columns, max_levels=10_000)
        self.base_ = smoothed_rate(ones)
        self.groups_, group = np.unique(self._group(frame), return_inverse=True)
        hits = np.bincount(group, ones) + self.prior_rows * self.base_
        self.rates_ = hits / (np.bincount(group) + self.prior_rows)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the rate of each row's group, shape (n,)."""
        group = self._group(as_frame(features))
        place = np.minimum(np.searchsorted(self.groups_, group), self.groups_.size - 1)
        return np.where(self.groups_[place] == group, self.rates_[place], self.base_)

    def save(self) -> Mapping[str, bytes]:
        """Return settings as JSON and the table of rates as npz."""
        settings = {"columns": self.columns, "prior_rows": self.prior_rows}
        encoder = learned(self.encoder_, self.family)
        state = {"base": self.base_, "encoder": encoder.to_json()}
        return {
            "model.json": write_json(self.family, settings, state),
            "rates.npz": write_arrays(groups=self.groups_, rates=self.rates_),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        settings, state = read_json(files, cls.family)
        arrays = read_arrays(files, "rates.npz", cls.family)
        model = cls(**settings)
        model.base_, model.encoder_ = state["base"], Encoder.from_json(state["encoder"])
        model.groups_, model.rates_ = arrays["groups"], arrays["rates"]
        return model

    def _select(self, frame: pl.DataFrame) -> pl.DataFrame:
        if missing := [name for name in self.columns if name not in frame.columns]:
            raise SchemaError(
                f"The rule of thumb needs the column `{missing[0]}`, which is missing."
                f"{suggest(missing[0], frame.columns)}"
            )
        return frame.select(self.columns)

    def _group(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """Return one number a row for its combination of codes, in mixed radix."""
        encoder = learned(self.encoder_, self.family)
        codes = encoder.encode(self._select(frame)).astype(np.int64)
        sizes = [len(encoder.levels[name]) + 2 for name in self.columns]
        if float(np.prod(np.array(sizes, dtype=np.float64))) > 2.0**62:
            raise InputError(f"Too many groups of {', '.join(self.columns)}: take fewer columns.")
        group = np.zeros(frame.height, dtype=np.int64)
        for j, size in enumerate(sizes):
            group = group * size + codes[:, j]
        return group


if TYPE_CHECKING:
    _MODEL: Model = RuleOfThumb(["carrier"])
