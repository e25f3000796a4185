"""How a run is kept: settings that most people never touch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, cast

from homeostat.core import InputError

__all__ = ["Settings", "settings_from"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is kept.

    Args:
        silent: Whether lines that are no warnings are left unprinted.
        strict: Whether a disk that refuses raises; else one warning, and training goes on.
        console: ``"wrap"`` keeps what Python prints to stdout and stderr, ``"off"`` nothing.
        max_line: Characters kept of one printed line.
        system_s: Seconds between two looks at CPU, memory, disk, network and GPU; 0 for none.
        capture: Whether code and environment are kept.
        observe: Whether it is observed which files the process reads, so that inputs nobody
            declared are found.
        durability: ``"process"`` outlives the process, ``"disk"`` waits for the disk.
    """

    silent: bool = False
    strict: bool = False
    console: Literal["wrap", "off"] = "wrap"
    max_line: int = 10_000
    system_s: float = 10.0
    capture: bool = True
    observe: bool = True
    durability: Literal["process", "disk"] = "process"

    def __post_init__(self) -> None:
        if self.console not in {"wrap", "off"}:
            raise InputError(f"`console` is 'wrap' or 'off', got {self.console!r}.")
        if not self.system_s >= 0 or self.max_line < 1:
            raise InputError(
                "`system_s` is at least 0 and `max_line` at least 1, got "
                f"{self.system_s!r} and {self.max_line!r}."
            )


_WANDB = {
    "quiet": ("silent", bool),
    "x_stats_sampling_interval": ("system_s", float),
    "_stats_sample_rate_seconds": ("system_s", float),
    "disable_git": ("capture", lambda value: not value),
}
"""Settings of W&B's that mean the same as one of ours."""
_SWITCHED_OFF = ("x_disable_stats", "_disable_stats")


def settings_from(given: object) -> tuple[Settings, list[str]]:
    """Return settings, and the names of those that mean nothing here.

    Args:
        given: Settings, a mapping, an object with attributes (such as W&B's settings), or None.
    """
    found: dict[str, object] = _from_environment()
    if isinstance(given, Settings):
        return replace(given, **found) if found else given, []  # type: ignore[arg-type]  # of our own names
    said = _as_mapping(given)
    known = {field.name for field in fields(Settings)}
    unknown = []
    for name, value in said.items():
        if value is None:
            continue
        if name in known:
            found[name] = value
        elif name in _WANDB:
            ours, convert = _WANDB[name]
            found[ours] = convert(value)  # type: ignore[operator]  # as the table says
        elif name in _SWITCHED_OFF and value:
            found["system_s"] = 0.0
        else:
            unknown.append(name)
    found["console"] = _console(found.get("console", "wrap"))
    return Settings(**found), unknown  # type: ignore[arg-type]  # of our own names


def _as_mapping(given: object) -> Mapping[str, object]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return cast("Mapping[str, object]", given)
    if hasattr(given, "__dict__"):
        return {name: value for name, value in vars(given).items() if value is not None}
    raise InputError(f"`settings` is a dict or Settings, got {given!r}.")


def _from_environment() -> dict[str, object]:
    found: dict[str, object] = {}
    if os.environ.get("HOMEOSTAT_SILENT", "").lower() in {"1", "true", "yes"}:
        found["silent"] = True
    if console := os.environ.get("HOMEOSTAT_CONSOLE"):
        found["console"] = _console(console)
    return found


def _console(value: object) -> str:
    """Read W&B's words too: auto, redirect, wrap_raw, wrap_emu."""
    return "off" if value in {"off", False} else "wrap"
