"""Options that several commands share, and the record they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

import click

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["opened", "record_option"]

P = ParamSpec("P")
R = TypeVar("R")


def record_option(function: Callable[P, R]) -> Callable[P, R]:
    """Take the folder of the record as ``--record``."""
    return click.option(
        "--record",
        "record",
        type=click.Path(path_type=Path, file_okay=False),
        default=lambda: Path(os.environ.get("HOMEOSTAT_RECORD", ".homeostat")),
        show_default=".homeostat",
        help="The folder that keeps everything (or HOMEOSTAT_RECORD).",
    )(function)


def opened(path: Path) -> Record:
    """Return the record in a folder; raises NotFoundError if there is none."""
    return cast("Record", import_module("homeostat.record").Record.open(path))
