"""Boosted trees that are grown rarely, under a linear head that learns every row."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import expit, logit

from homeostat.core import InputError
from homeostat.train._boosted import Boosted
from homeostat.train._files import read_arrays, read_json, write_arrays, write_json
from homeostat.train._inputs import as_frame, as_label, learned, training_rows
from homeostat.train._online import fixed_width_rows, sgd_pass

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from homeostat.core import Model, Updatable

__all__ = ["LeafHead"]

# Share of its value that a leaf starts with: it was fitted on these very rows, so is too sure.
_START = 0.5


class LeafHead:
    """A boosted trunk whose leaves are the features of an online logistic regression.

    What needs much data (which splits) is learned rarely, what moves (their values) with every
    row: He et al., "Practical lessons from predicting clicks on ads at Facebook" (2014). A fit
    grows the trunk, starts each leaf's weight at half its value and takes one gradient pass
    over the training rows in their order; an update takes one pass over new rows. A row moves
    its own log-odds by ``rate * (label - p)``.

    Args:
        trunk: Settings of the trees; None takes :class:`Boosted` as it is.
        rate: Step size, in log-odds; 0.01 to 0.05 were within 0.003 of each other in normalised
            entropy on flights. Larger follows faster and forgets faster.

    Raises:
        InputError: If ``rate`` is not positive.
    """

    family = "leaf-head"

    def __init__(self, trunk: Boosted | None = None, *, rate: float = 0.02) -> None:
        if rate <= 0:
            raise InputError(f"The rate is positive, got {rate}.")
        self.trunk = Boosted() if trunk is None else trunk
        self.rate = rate
        self.trunk_: Boosted | None = None
        self.starts_: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.weights_: NDArray[np.float64] = np.empty(0)
        self.offset_: float = 0.0

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Grow the trunk and train the head, in the order of the rows."""
        frame, ones = training_rows(features, label)
        trunk = copy.deepcopy(self.trunk)
        trunk.fit(frame, ones)
        values = trunk.leaf_values()
        self.trunk_ = trunk
        self.offset_ = float(logit(learned(trunk.rate_, self.family)))
        self.starts_ = np.cumsum([0, *(tree.size for tree in values)])[: len(values)]
        self.weights_ = np.empty(0)
        if values:
            values[0] = values[0] - self.offset_
            self.weights_ = np.concatenate(values) * _START / self._scale
            self.update_head(frame, ones)

    def update_head(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Take one gradient step a row, in the order given; the trunk stays.

        A model whose training rows had one class has no leaves: it is fitted anew.
        """
        trunk = learned(self.trunk_, self.family)
        ones = as_label(label, as_frame(features).height)
        if not self.starts_.size:
            if ones.size:
                self.fit(features, label)
            return
        leaves = self._leaves(trunk, features).astype(np.int32)
        rows = fixed_width_rows(leaves, np.array([self._scale]), self.weights_.size)
        self.weights_ = sgd_pass(self.weights_, rows, ones, rate=self.rate, offset=self.offset_)

    def update(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn further rows: :meth:`update_head`."""
        self.update_head(features, label)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the probability of label 1, shape (n,)."""
        trunk = learned(self.trunk_, self.family)
        if not self.starts_.size:
            return trunk.predict(features)
        score = self.weights_[self._leaves(trunk, features)].sum(axis=1) * self._scale
        return np.asarray(expit(self.offset_ + score), dtype=np.float64)

    def save(self) -> Mapping[str, bytes]:
        """Return the trunk's files under ``trunk/``, and the head as JSON and npz."""
        files = {
            f"trunk/{name}": data for name, data in learned(self.trunk_, self.family).save().items()
        }
        settings = {"rate": self.rate, "trunk": self.trunk.settings()}
        files["model.json"] = write_json(self.family, settings, {"offset": self.offset_})
        files["head.npz"] = write_arrays(weights=self.weights_, starts=self.starts_)
        return files

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        settings, state = read_json(files, cls.family)
        arrays = read_arrays(files, "head.npz", cls.family)
        model = cls(Boosted(**settings["trunk"]), rate=settings["rate"])
        inner = {name.removeprefix("trunk/"): data for name, data in files.items() if "/" in name}
        model.trunk_, model.offset_ = Boosted.load(inner), state["offset"]
        model.weights_, model.starts_ = arrays["weights"], arrays["starts"]
        return model

    @property
    def _scale(self) -> float:
        """Value of a leaf's feature: a row has one leaf a tree, so its norm is 1."""
        return 1.0 / float(np.sqrt(len(self.starts_)))

    def _leaves(self, trunk: Boosted, features: pl.DataFrame) -> NDArray[np.int64]:
        """Return the weight of each row's leaf in each tree, by index, (n, trees)."""
        return np.asarray(trunk.leaf_ids(features) + self.starts_, dtype=np.int64)


if TYPE_CHECKING:
    _MODEL: Model = LeafHead()
    _UPDATABLE: Updatable = LeafHead()
