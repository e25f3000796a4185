"""Layers: a stack of plain torch layers written down as JSON, so that reading it runs no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from homeostat.core import InputError, Json

__all__ = ["from_layers", "to_layers"]

# The constructor's arguments that tell a layer, by its class; each is an attribute of that name.
_LAYERS: Mapping[str, tuple[str, ...]] = {
    "BatchNorm1d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "Dropout": ("p",),
    "ELU": ("alpha",),
    "Flatten": ("start_dim", "end_dim"),
    "GELU": ("approximate",),
    "Hardtanh": ("min_val", "max_val"),
    "Identity": (),
    "LayerNorm": ("normalized_shape", "eps", "elementwise_affine"),
    "LeakyReLU": ("negative_slope",),
    "Linear": ("in_features", "out_features"),
    "ReLU": (),
    "SELU": (),
    "Sigmoid": (),
    "SiLU": (),
    "Softmax": ("dim",),
    "Softplus": ("beta", "threshold"),
    "Tanh": (),
}
_WITH_BIAS = {"Linear", "LayerNorm"}


def to_layers(module: Any) -> list[Json] | None:  # noqa: ANN401 - of torch
    """Return a ``Sequential`` of plain layers as JSON, or None where one is of another class."""
    nn = import_module("torch.nn")
    if type(module) is not nn.Sequential:
        return None
    found: list[Json] = []
    for layer in module:
        name = type(layer).__name__
        if type(layer) is nn.Sequential:
            inner = to_layers(layer)
            if inner is None:
                return None
            found.append(["Sequential", inner])
        elif name in _LAYERS and type(layer) is getattr(nn, name) and not _is_wrapped(layer):
            found.append([name, _arguments(layer)])
        else:
            return None
    return found


def from_layers(layers: Sequence[Any]) -> Any:  # noqa: ANN401 - of torch
    """Return the ``Sequential`` again; raises InputError for a layer that is none of ours."""
    nn = import_module("torch.nn")
    made = []
    for name, arguments in layers:
        if name == "Sequential":
            made.append(from_layers(arguments))
        elif name not in _LAYERS or not set(arguments) <= {*_LAYERS[name], "bias"}:
            raise InputError(f"A package's layers are of {', '.join(_LAYERS)}; got {name!r}.")
        else:
            made.append(getattr(nn, name)(**arguments))
    return nn.Sequential(*made)


def _arguments(layer: Any) -> dict[str, Json]:  # noqa: ANN401 - of torch
    name = type(layer).__name__
    found: dict[str, Json] = {key: getattr(layer, key) for key in _LAYERS[name]}
    if "normalized_shape" in found:
        found["normalized_shape"] = list(layer.normalized_shape)
    if name in _WITH_BIAS:
        found["bias"] = layer.bias is not None
    return found


def _is_wrapped(layer: Any) -> bool:  # noqa: ANN401 - of torch
    """Say whether a layer does more than its class says, by hooks or parametrizations."""
    hooks = (layer._forward_hooks, layer._forward_pre_hooks)  # noqa: SLF001 - torch tells it nowhere else
    return any(hooks) or hasattr(layer, "parametrizations")
