"""A trained encoder as a reducer, and several reducers as one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, MissingExtraError
from homeostat.stats import Floats

__all__ = ["Batch", "Chain", "Encoder", "is_torch", "run_torch"]

Batch = NDArray[Any] | Sequence[object] | pl.DataFrame
"""Cases as a model takes them: an array, a list of texts, a frame."""

_Step = Callable[[Any], Any]


class Encoder:
    """Reduces by a trained model: a hidden layer of a network, an autoencoder, an embedding.

    Args:
        model: A function of a batch; an object with `transform` (scikit-learn), `encode`
            or `predict`; or a torch module, run in evaluation mode without gradients.
        layer: Of a torch module: the name, as in `named_modules()`, of the layer whose output
            is taken; None takes the output of the whole.
        batch_size: Rows at once.
        device: Where a torch module runs, such as "cuda"; None leaves it where it is.

    Example:
        >>> Encoder(lambda rows: rows[:, :2])(np.ones((5, 3))).shape
        (5, 2)
    """

    def __init__(
        self,
        model: object,
        *,
        layer: str | None = None,
        batch_size: int = 1024,
        device: str | None = None,
    ) -> None:
        self.model = model
        self.layer = layer
        self.batch_size = batch_size
        self.device = device

    def __call__(self, values: Batch, /) -> Floats:
        """Return the encoded rows, flattened to (n, k)."""
        n = len(values)
        if is_torch(self.model):
            out = run_torch(
                self.model,
                np.asarray(values),
                layer=self.layer,
                batch_size=self.batch_size,
                device=self.device,
            )
        else:
            if self.layer is not None:
                raise InputError("`layer` names a layer of a torch module; this is none.")
            call = _call_of(self.model)
            starts = range(0, n, self.batch_size)
            parts = [np.asarray(call(values[i : i + self.batch_size])) for i in starts]
            out = np.concatenate(parts) if parts else np.empty((0, 0))
        if len(out) != n:
            raise InputError(f"An encoder must return one row a case: {n} cases, got {len(out)}.")
        return np.asarray(out, np.float64).reshape(n, -1) if n else np.empty((0, 0))


def _call_of(model: object) -> _Step:
    for name in ("transform", "encode", "predict"):
        if hasattr(model, name):
            return cast("_Step", getattr(model, name))
    if callable(model):
        return model
    raise InputError(
        "An encoder is a function, a torch module, or has `transform`, `encode` or `predict`; "
        f"got {type(model).__name__}."
    )


def is_torch(model: object) -> bool:
    """Say whether a model is a torch module, without importing torch."""
    return any(base.__module__.partition(".")[0] == "torch" for base in type(model).__mro__)


def run_torch(
    model: Any,  # noqa: ANN401 - a torch.nn.Module, of a package that need not be there
    values: NDArray[Any],
    *,
    layer: str | None = None,
    batch_size: int = 1024,
    device: str | None = None,
) -> Floats:
    """Return the output of a torch module, or of one of its layers, over rows of an array.

    Floats are given in the type of the module's weights. The module is left as it was: its
    mode is restored.
    """
    try:
        import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("torch", extra="torch") from error
    taken: list[Any] = []
    handle = None
    if layer is not None:
        layers = dict(model.named_modules())
        if layer not in layers:
            raise InputError(
                f"The module has no layer {layer!r}; it has: {', '.join(filter(None, layers))}."
            )
        handle = layers[layer].register_forward_hook(lambda _m, _i, out: taken.append(out))
    weight = next(model.parameters(), None)
    where = device or (weight.device if weight is not None else "cpu")
    kind = weight.dtype if weight is not None and weight.is_floating_point() else torch.float32
    training = model.training
    model.eval()
    if device is not None:
        model.to(device)
    parts = []
    try:
        with torch.no_grad():
            for start in range(0, len(values), batch_size):
                batch = torch.as_tensor(values[start : start + batch_size])
                batch = batch.to(where, kind if batch.is_floating_point() else batch.dtype)
                out = model(batch)
                parts.append((taken.pop() if handle else out).double().cpu().numpy())
    finally:
        model.train(training)
        if handle is not None:
            handle.remove()
    return np.concatenate(parts) if parts else np.empty((0, 0))


class Chain:
    """Reducers one after another: `Chain(TextEmbedding(), PCA(16))`.

    It learns where one of its parts does, each part from what the ones before it return.

    Example:
        >>> from homeostat.detect import PCA, RandomProjection
        >>> rows = np.random.default_rng(0).normal(size=(50, 6, 6))
        >>> Chain(RandomProjection(8), PCA(2)).fit(rows)(rows).shape
        (50, 2)
    """

    def __init__(self, *steps: _Step) -> None:
        self.steps = steps

    @property
    def fitted(self) -> bool:
        """Whether every part that learns has learned."""
        return all(getattr(step, "fitted", True) for step in self.steps)

    def fit(self, values: Batch, /) -> Self:
        """Teach the parts that have yet to learn."""
        steps = []
        for step in self.steps:
            ready = step
            if hasattr(step, "fit") and not getattr(step, "fitted", True):
                ready = copy.copy(step).fit(values)
            values = ready(values)
            steps.append(ready)
        self.steps = tuple(steps)
        return self

    def __call__(self, values: Batch, /) -> Batch:
        """Return what the last part returns."""
        for step in self.steps:
            values = step(values)
        return values
