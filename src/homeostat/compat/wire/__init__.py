"""The server door: what the unmodified ``wandb`` client needs, answered from a record.

The server's part loads when first used: the module door shares the sweeps and filters alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat.compat.wire._http import MOST_FILE_BYTES, wire_routes

__all__ = ["MOST_FILE_BYTES", "wire_routes"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("homeostat.compat.wire._http"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
