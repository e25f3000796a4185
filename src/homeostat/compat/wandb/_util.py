"""``wandb.util``: the few functions of it that other people's code calls."""

from __future__ import annotations

import json
import random
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from homeostat.core import InputError

__all__ = ["generate_id", "get_module", "json_dumps_safer", "make_artifact_name_safe"]

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def get_module(
    name: str,
    required: str | bool | None = None,  # noqa: FBT001 - as W&B has it
    lazy: bool = True,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> ModuleType | None:
    """Return a module; None, or the error that ``required`` says, if it is not installed."""
    if find_spec(name.partition(".")[0]) is not None:
        return import_module(name)
    if required:
        raise InputError(str(required))
    return None


def json_dumps_safer(obj: object, **named: object) -> str:
    """Write JSON; what has no JSON form is written as its text."""
    return json.dumps(obj, default=_nearest, **named)  # type: ignore[arg-type]  # as json has them


def _nearest(value: object) -> object:
    if hasattr(value, "tolist"):  # NumPy's and torch's
        return value.tolist()
    return str(value)


def generate_id(length: int = 8) -> str:
    """Return a random id of small letters and digits."""
    return "".join(random.SystemRandom().choice(_LETTERS) for _ in range(length))


def make_artifact_name_safe(name: str) -> str:
    """Return a name with what no artifact's name may have replaced."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:128]
