"""What people pass as settings, made plain: nested, argparse, dataclass, pydantic, or a file."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import cast

from homeostat.core import InputError, Json, MissingExtraError

__all__ = ["plain", "same", "settings_of"]

_MAX_DEPTH = 100
_MAX_REPR = 1000


def settings_of(value: object, what: str = "config") -> dict[str, Json]:
    """Return settings as a plain dict.

    Args:
        value: A mapping, an `argparse.Namespace`, a dataclass, a pydantic model, the path of a
            JSON or YAML file, or None.
        what: What to call it where it is refused.

    Raises:
        InputError: If it is nothing that has names.
        MissingExtraError: If it is a YAML file and PyYAML is not installed.

    Example:
        >>> from argparse import Namespace
        >>> settings_of(Namespace(lr=0.1, layers=(64, 32)))
        {'lr': 0.1, 'layers': [64, 32]}
    """
    if value is None:
        return {}
    if isinstance(value, (str, os.PathLike)):
        value = _read(Path(value), what)
    found = _named(value)
    if found is None:
        raise InputError(
            f"`{what}` must have names, got {type(value).__name__}: pass a dict, an argparse "
            "namespace, a dataclass or a pydantic model."
        )
    return {str(key): plain(inner) for key, inner in found.items()}


def plain(value: object, depth: int = 0) -> Json:
    """Reduce any value to JSON; what has no JSON form becomes a short text.

    NaN and infinities stay floats here; the record writes them as texts.
    """
    if isinstance(value, Enum):
        value = value.value
    elif getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 1 << 1023 else hex(value)
    if depth >= _MAX_DEPTH:  # it contains itself, or might as well
        return _shown(value)
    if (named := _named(value)) is not None:
        return {str(key): plain(inner, depth + 1) for key, inner in named.items()}
    return _listed(value, depth)


def _listed(value: object, depth: int) -> Json:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if (tolist := getattr(value, "tolist", None)) is not None and hasattr(value, "dtype"):
        return plain(tolist(), depth + 1)
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple, range)):
        return [plain(inner, depth + 1) for inner in value]
    if (isoformat := getattr(value, "isoformat", None)) is not None:
        return str(isoformat())
    return _shown(value)


def _named(value: object) -> Mapping[object, object] | None:
    found: object = None
    argparse = sys.modules.get("argparse")  # nobody has a namespace who has not imported it
    if isinstance(value, (Mapping, type)):
        found = None if isinstance(value, type) else value
    elif is_dataclass(value):
        found = {field.name: getattr(value, field.name) for field in fields(value)}
    elif (dump := getattr(value, "model_dump", None)) is not None:
        found = dump()
    elif argparse is not None and isinstance(value, argparse.Namespace):
        found = vars(value)
    elif hasattr(value, "keys") and hasattr(value, "__getitem__"):  # OmegaConf and the like
        found = {key: value[key] for key in value.keys()}  # noqa: SIM118 - it may not iterate
    return cast("Mapping[object, object] | None", found)


def _shown(value: object) -> str:
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return f"{getattr(value, '__module__', '')}.{name}"
    try:
        return str(value)[:_MAX_REPR]
    except Exception:  # noqa: BLE001 - a foreign object's own text may raise anything
        return f"<{type(value).__name__}>"


def _read(path: Path, what: str) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"`{what}` must name a file that can be read: {error}.") from error
    if path.suffix == ".json":
        return json.loads(text)
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise MissingExtraError("pyyaml", extra="yaml") from error
    return _unwrapped(yaml.safe_load(text))


def _unwrapped(found: object) -> object:
    """Take the values out of W&B's config files: `lr: {desc: ..., value: 0.1}`."""
    if not isinstance(found, Mapping):
        return found
    return {
        key: inner["value"] if isinstance(inner, Mapping) and "value" in inner else inner
        for key, inner in found.items()
        if key != "wandb_version"
    }


def same(one: Json, other: Json) -> bool:
    """Say whether two plain values are equal; NaN equals itself."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other
