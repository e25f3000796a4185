"""Libraries that only those have who use them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from homeostat.core import MissingExtraError

__all__ = ["imported"]


def imported(module: str, *, extra: str) -> Any:  # noqa: ANN401 - the module
    """Return a module of an optional library; raises MissingExtraError where it is not there."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != name:
            raise
        raise MissingExtraError(name, extra=extra) from error
