"""What a model says of cases: probabilities of classes, or how far its members disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.core import InputError, MissingExtraError
from homeostat.detect._reduce._encoder import is_torch, run_torch
from homeostat.stats import Floats

__all__ = ["mc_dropout", "member_predictions", "outputs_of", "probabilities_of"]

_SLACK = 1e-3


def outputs_of(model: object, data: object) -> Floats:
    """Return what a model says of each case, (n,) or (n, k).

    Args:
        model: None, where the data are the outputs; a torch module; an object with
            `predict_proba` or `predict`; or a function.
        data: Whatever the model takes.

    Raises:
        InputError: If it is no model, or does not answer each case.
    """
    if model is None:
        found = data
    elif is_torch(model):
        return run_torch(model, np.asarray(data))
    else:
        found = _call(model)(data)
    table: Floats = np.asarray(
        found.to_numpy() if hasattr(found, "to_numpy") else found, np.float64
    )
    n = _length(data)
    if table.ndim == 0 or len(table) != n or table.ndim > 2:
        raise InputError(
            f"A model must answer each case with a row of numbers: {n} cases, got shape "
            f"{table.shape}."
        )
    return table


def _call(model: object) -> Callable[[object], object]:
    for name in ("predict_proba", "predict"):
        if hasattr(model, name):
            return cast("Callable[[object], object]", getattr(model, name))
    if callable(model):
        return model
    raise InputError(
        "A model is a function, a torch module, or has `predict_proba` or `predict`; got "
        f"{type(model).__name__}."
    )


def _length(data: object) -> int:
    return int(data.height) if hasattr(data, "height") else len(cast("Sized", data))


def probabilities_of(model: object, data: object, *, logits: bool = False) -> Floats:
    """Return the probabilities of classes, (n, k) with k at least 2; rows with NaN stay NaN.

    Args:
        model: As :func:`outputs_of` takes it; one number a case is the probability of class 1.
        data: Whatever the model takes.
        logits: Whether the model returns log-odds, before softmax or the logistic function.

    Raises:
        InputError: If rows are no probabilities.
    """
    table = np.asarray(outputs_of(model, data), np.float64)
    if table.ndim == 2 and table.shape[1] == 1:
        table = table[:, 0]
    if logits:
        table = special.expit(table) if table.ndim == 1 else special.softmax(table, axis=1)
    if table.ndim == 1:
        table = np.column_stack([1 - table, table])
    if not len(table):
        return table
    whole = table[np.isfinite(table).all(axis=1)]
    low, high = whole.min(initial=0.0), whole.max(initial=1.0)
    sums = np.abs(whole.sum(axis=1) - 1).max(initial=0.0)
    if low < -_SLACK or high > 1 + _SLACK or sums > _SLACK:
        raise InputError(
            "A classifier's rows must be probabilities that sum to 1, got numbers from "
            f"{whole.min():.3g} to {whole.max():.3g} and sums up to {sums:.3g} off: pass "
            "`logits=True` if they come before softmax."
        )
    return table.clip(0, 1)


def member_predictions(model: object, data: object) -> Floats:
    """Return predictions of a number by each member of an ensemble, (n, members).

    Args:
        model: Several models (each a function or with `predict`); a scikit-learn forest or
            bag, whose trees are asked; or anything whose answer is already (n, members).
        data: Whatever the model takes.
    """
    members = list(model) if isinstance(model, Sequence) else getattr(model, "estimators_", None)
    if members is None:
        return np.asarray(outputs_of(model, data), np.float64)
    rows: object = np.asarray(data) if not isinstance(model, Sequence) else data
    columns = [np.asarray(outputs_of(one, rows)) for one in np.ravel(np.asarray(members, object))]
    return np.column_stack([column.reshape(len(column), -1)[:, 0] for column in columns])


class mc_dropout:  # noqa: N801 - used like a function, `mc_dropout(module)`
    """Makes of a torch module with dropout an ensemble: the passes with dropout left on.

    Args:
        module: A regressor with at least one dropout layer; all else is in evaluation mode.
        passes: Forward passes over each case.
        batch_size: Cases at once.
        seed: Of the dropout.

    Source: Gal and Ghahramani 2016, "Dropout as a Bayesian approximation".
    """

    def __init__(
        self, module: object, *, passes: int = 25, batch_size: int = 1024, seed: int = 0
    ) -> None:
        self.module: Any = module
        self.passes = passes
        self.batch_size = batch_size
        self.seed = seed

    def __call__(self, data: object, /) -> Floats:
        """Return predictions, (n, passes)."""
        try:
            import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("torch", extra="torch") from error
        layers = [one for one in self.module.modules() if "Dropout" in type(one).__name__]
        if not layers:
            raise InputError("`mc_dropout` needs a module with a dropout layer; it has none.")
        weight = next(self.module.parameters())
        training = {one: one.training for one in self.module.modules()}
        self.module.eval()
        for layer in layers:
            layer.train()
        rows = np.asarray(data)
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                columns = [self._pass(torch, rows, weight) for _ in range(self.passes)]
        finally:
            for one, mode in training.items():
                one.training = mode
        return np.column_stack(columns)

    def _pass(self, torch: ModuleType, rows: NDArray[Any], like: Any) -> Floats:  # noqa: ANN401 - a tensor
        parts = []
        for start in range(0, len(rows), self.batch_size):
            batch = torch.as_tensor(rows[start : start + self.batch_size])
            out = self.module(batch.to(like.device, like.dtype)).double().cpu().numpy()
            parts.append(out.reshape(len(out), -1)[:, 0])
        return np.concatenate(parts) if parts else np.empty(0)
