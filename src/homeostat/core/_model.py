"""Model: what the stages agree a model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["Model", "Updatable"]


@runtime_checkable
class Model(Protocol):
    """A binary classifier over a frame of features.

    An implementation has a class attribute ``family``, the name under which it is packaged.
    Statistics it needs (means, vocabularies, codes) are fitted in ``fit``, on the rows given.
    """

    family: str

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn from ``features`` (n rows) and ``label`` (n,) of 0 and 1, from scratch."""

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the probability of label 1, shape (n,), in [0, 1]; never NaN."""

    def save(self) -> Mapping[str, bytes]:
        """Return files, by name, that hold all that was learned and run no code when read."""

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Model:
        """Rebuild from :meth:`save`; predictions are the same to the last bit."""


@runtime_checkable
class Updatable(Protocol):
    """A model that can learn further from new rows without seeing the old ones again."""

    def update(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn from further rows, in place."""
