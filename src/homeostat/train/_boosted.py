"""Gradient-boosted trees by LightGBM, with three ways to learn further."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from homeostat.core import InputError
from homeostat.train._encode import Encoder
from homeostat.train._files import read_file, read_json, write_json
from homeostat.train._inputs import as_label, as_weight, learned, smoothed_rate, training_rows

if TYPE_CHECKING:
    import lightgbm
    import polars as pl
    from numpy.typing import NDArray

    from homeostat.core import Model, Updatable

__all__ = ["Boosted"]

_FEWEST_FEATURES = 4  # a tree that sees fewer finds no interaction of them


class Boosted:
    """Gradient-boosted trees (LightGBM), the same for the same rows, settings and seed.

    Three ways to learn from new rows without the old ones:

    * :meth:`refit` keeps the trees and moves the values of their leaves: cheap and safe;
    * :meth:`continue_boosting` adds trees that see new rows only: it can forget more than it
      learns (on a year of flights, weekly, it was worse than never retraining), so gate it;
    * a :class:`~homeostat.train.LeafHead` learns leaf values a row at a time.

    The model's files are LightGBM's text and JSON. Rows of one class leave the base rate.

    Args:
        trees: How many trees a fit grows.
        leaves: Most leaves of a tree.
        learning_rate: Shrinkage of each tree.
        min_leaf_rows: Fewest rows of a leaf, but never more than a fiftieth of all rows.
        leaf_penalty: L2 penalty on leaf values; it also keeps trees that were added on few rows
            from running away.
        feature_share: Share of the features that each tree may use, and at least four of them.
        bins: Most bins of a feature.
        continue_trees: How many trees :meth:`continue_boosting` adds.
        refit_decay: Weight of a leaf's old value in :meth:`refit`; 0.95 suits weekly
            calls. Frequent small calls fade more than they learn.
        threads: Threads of LightGBM, for fitting and predicting.
        seed: Of the choice of features.

    Raises:
        InputError: If a setting is out of its range.
    """

    family = "boosted"

    def __init__(
        self,
        *,
        trees: int = 60,
        leaves: int = 31,
        learning_rate: float = 0.1,
        min_leaf_rows: int = 100,
        leaf_penalty: float = 1.0,
        feature_share: float = 0.5,
        bins: int = 63,
        continue_trees: int = 10,
        refit_decay: float = 0.95,
        threads: int = 1,
        seed: int = 0,
    ) -> None:
        if min(trees, leaves - 1, min_leaf_rows, bins - 1, continue_trees, threads) < 1:
            raise InputError(
                "Trees, rows of a leaf and threads are at least 1, leaves and bins at least 2."
            )
        shares = 0 < feature_share <= 1 and 0 <= refit_decay <= 1
        if not (learning_rate > 0 and leaf_penalty >= 0 and shares):
            raise InputError(
                "learning_rate is positive, leaf_penalty not negative, feature_share in (0, 1] "
                "and refit_decay in [0, 1]."
            )
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.min_leaf_rows = min_leaf_rows
        self.leaf_penalty = leaf_penalty
        self.feature_share = feature_share
        self.bins = bins
        self.continue_trees = continue_trees
        self.refit_decay = refit_decay
        self.threads = threads
        self.seed = seed
        self.encoder_: Encoder | None = None
        self.booster_: lightgbm.Booster | None = None
        self.rate_: float | None = None

    def fit(
        self,
        features: pl.DataFrame,
        label: NDArray[np.float64],
        *,
        weight: NDArray[np.float64] | None = None,
    ) -> None:
        """Grow the trees from scratch.

        Args:
            features: n rows.
            label: (n,) of 0 and 1.
            weight: (n,) how much each row's loss counts; only their ratios matter.
        """
        frame, ones = training_rows(features, label)
        counts = as_weight(weight, ones.size)
        self.encoder_, self.booster_, self.rate_ = Encoder.fit(frame), None, smoothed_rate(ones)
        if 0 < ones.sum() < ones.size:
            matrix = self.encoder_.encode(frame)
            self.booster_ = self._grow(matrix, ones, self.trees, weight=counts)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the probability of label 1, shape (n,)."""
        matrix = learned(self.encoder_, self.family).encode(features)
        if self.booster_ is None or matrix.shape[0] == 0:
            return np.full(matrix.shape[0], learned(self.rate_, self.family))
        return np.asarray(self.booster_.predict(matrix, num_threads=self.threads))

    def refit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Move the leaf values towards what the new rows say; the trees' shape stays.

        A leaf's value becomes ``decay * old + (1 - decay) * new``. A leaf that no new row
        reaches has a new value of 0, so it fades: what is rare is forgotten slowly.
        """
        matrix, ones = self._further(features, label)
        if ones.size and self.booster_ is not None:
            self.booster_ = self.booster_.refit(
                matrix,
                ones,
                decay_rate=self.refit_decay,
                num_threads=self.threads,
                verbose=-1,
            )
        elif ones.size:
            self.fit(features, label)

    def continue_boosting(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Add trees grown on the new rows alone."""
        matrix, ones = self._further(features, label)
        if ones.size and self.booster_ is not None:
            self.booster_ = self._grow(matrix, ones, self.continue_trees, self.booster_)
        elif ones.size:
            self.fit(features, label)

    def update(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:
        """Learn further rows: :meth:`refit`. A model of one class is fitted anew."""
        self.refit(features, label)

    def leaf_ids(self, features: pl.DataFrame) -> NDArray[np.int32]:
        """Return the leaf of each row in each tree, counted from 0 within the tree, (n, trees)."""
        matrix = learned(self.encoder_, self.family).encode(features)
        if self.booster_ is None or matrix.shape[0] == 0:
            return np.zeros((matrix.shape[0], len(self.leaf_values())), dtype=np.int32)
        ids = self.booster_.predict(matrix, pred_leaf=True, num_threads=self.threads)
        return np.asarray(ids, dtype=np.int32).reshape(matrix.shape[0], -1)

    def leaf_values(self) -> list[NDArray[np.float64]]:
        """Return the leaf values of each tree in log-odds; those of the first hold the base."""
        booster = self.booster_
        if booster is None:
            return []
        counts = re.findall(r"^num_leaves=(\d+)$", booster.model_to_string(), re.MULTILINE)
        return [
            np.array([booster.get_leaf_output(tree, leaf) for leaf in range(int(count))])
            for tree, count in enumerate(counts)
        ]

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {key: value for key, value in vars(self).items() if not key.endswith("_")}

    def save(self) -> Mapping[str, bytes]:
        """Return settings and categories as JSON, and the trees as LightGBM's text."""
        encoder = learned(self.encoder_, self.family)
        state = {"encoder": encoder.to_json(), "rate": self.rate_}
        files = {"model.json": write_json(self.family, self.settings(), state)}
        if self.booster_ is not None:
            files["trees.txt"] = self.booster_.model_to_string().encode()
        return files

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        settings, state = read_json(files, cls.family)
        model = cls(**settings)
        model.encoder_, model.rate_ = Encoder.from_json(state["encoder"]), state["rate"]
        if "trees.txt" in files:
            model.booster_ = _read_trees(read_file(files, "trees.txt", cls.family))
        return model

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Share what was learned: learning binds it anew and never writes into it."""
        return copy.copy(self)

    def _further(
        self, features: pl.DataFrame, label: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        matrix = learned(self.encoder_, self.family).encode(features)
        return matrix, as_label(label, matrix.shape[0])

    def _grow(
        self,
        matrix: NDArray[np.float64],
        label: NDArray[np.float64],
        trees: int,
        start: lightgbm.Booster | None = None,
        *,
        weight: NDArray[np.float64] | None = None,
    ) -> lightgbm.Booster:
        import lightgbm  # noqa: PLC0415 - a second to import

        fewest = _FEWEST_FEATURES / matrix.shape[1]
        parameters = {
            "objective": "binary",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": max(1, min(self.min_leaf_rows, label.size // 50)),
            "lambda_l2": self.leaf_penalty,
            "feature_fraction": min(max(self.feature_share, fewest), 1.0),
            "max_bin": self.bins,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        categories = learned(self.encoder_, self.family).category_indices
        rows = lightgbm.Dataset(
            matrix, label, weight=weight, categorical_feature=categories, params=parameters
        )
        return lightgbm.train(parameters, rows, trees, init_model=start)


def _read_trees(text: bytes) -> lightgbm.Booster:
    import lightgbm  # noqa: PLC0415 - a second to import

    try:
        return lightgbm.Booster(model_str=text.decode())
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise InputError(f"`trees.txt` is not a LightGBM model: {error}.") from error


if TYPE_CHECKING:
    _MODEL: Model = Boosted()
    _UPDATABLE: Updatable = Boosted()
