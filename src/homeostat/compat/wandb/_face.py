"""``wandb``: its names, each of them ours."""

from __future__ import annotations

import os
from enum import Enum
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

from homeostat import track
from homeostat.compat.wandb._artifact import Artifact
from homeostat.compat.wandb._errors import CommError, Error, UsageError
from homeostat.compat.wandb._init import Settings, init, setup
from homeostat.compat.wandb._run import Run as _Started
from homeostat.compat.wandb._run import attach
from homeostat.compat.wandb._sweep import agent, sweep
from homeostat.compat.wandb._term import termerror, termlog, termsetup, termwarn
from homeostat.compat.wandb._version import VERSION
from homeostat.core import RecordError
from homeostat.track import (
    Config,
    Run,
    alert,
    define_metric,
    finish,
    log,
    log_artifact,
    log_code,
    save,
    unwatch,
    use_artifact,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from homeostat.compat.wandb._api import Api
    from homeostat.compat.wandb._plot import plot_table, visualize
    from homeostat.media import (
        Audio,
        Histogram,
        Html,
        Image,
        Molecule,
        Object3D,
        Plotly,
        Table,
        Video,
    )

    run: Run | None
    config: Config
    summary: track.Summary

__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "Audio",
    "Classes",
    "CommError",
    "Config",
    "Error",
    "Histogram",
    "Html",
    "Image",
    "Molecule",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Table",
    "UsageError",
    "Video",
    "__version__",
    "agent",
    "alert",
    "api",
    "attach",
    "config",
    "define_metric",
    "ensure_configured",
    "finish",
    "init",
    "join",
    "log",
    "log_artifact",
    "log_code",
    "log_model",
    "login",
    "mark_preempting",
    "patched",
    "plot_table",
    "require",
    "restore",
    "run",
    "save",
    "setup",
    "summary",
    "sweep",
    "teardown",
    "termerror",
    "termlog",
    "termsetup",
    "termwarn",
    "unwatch",
    "use_artifact",
    "use_model",
    "visualize",
    "watch",
]

_HOMES = {
    "homeostat.compat.wandb._api": ("Api",),
    "homeostat.compat.wandb._plot": ("plot_table", "visualize"),
    "homeostat.media": (
        "Audio", "Histogram", "Html", "Image", "Molecule", "Object3D", "Plotly", "Table", "Video",
    ),
}  # fmt: skip
"""What loads when first used: NumPy and Polars come with it."""

__version__ = VERSION
_attach = attach
join = finish
Classes = list
"""``[{"id": 0, "name": "road"}, ...]``, as wandb.Image takes it."""
patched: dict[str, list[object]] = {"tensorboard": [], "keras": [], "gym": []}
api = SimpleNamespace(api_key="not-needed")
"""Some ask it whether somebody is logged in."""


class AlertLevel(Enum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def login(*_: object, **__: object) -> bool:
    """Return True: a record on one's own disk needs no login."""
    return True


def require(*_: object, **__: object) -> None:
    """Do nothing: there are no features that must be asked for."""


def ensure_configured() -> None:
    """Do nothing: there is nothing to configure."""


def teardown(exit_code: int | None = None) -> None:
    """End the run of this process, if there is one."""
    finish(exit_code)


def log_model(
    path: str | os.PathLike[str], name: str | None = None, aliases: Iterable[str] | None = None
) -> None:
    """Keep a file or a folder as an artifact of type ``"model"``."""
    _started("log_model()").log_model(path, name, aliases)


def use_model(name: str) -> str:
    """Note that the run reads a model, download it, and return its file or its folder."""
    return _started("use_model()").use_model(name)


def mark_preempting() -> None:
    """Keep that the machine is about to be taken away."""
    _started("mark_preempting()").mark_preempting()


def restore(
    name: str,
    run_path: str | None = None,
    replace: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
    root: str | None = None,
) -> IO[str] | None:
    """Write a file that a run saved to a folder, and open it."""
    return _started("restore()").restore(name, run_path, replace, root)


def _started(what: str) -> _Started:
    found = track.current(what)
    if not isinstance(found, _Started):
        raise RecordError(f"wandb.{what} wants a run that wandb.init() started.")
    return found


class _NotYet:
    """What stands for the config and the summary before there is a run."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _refuse(self, *_: object) -> NoReturn:
        name = object.__getattribute__(self, "_name")
        raise RecordError(f"There is no run yet: call wandb.init() before wandb.{name}.")

    __getitem__ = __setitem__ = __delitem__ = __setattr__ = __contains__ = __iter__ = _refuse

    def __getattr__(self, key: str) -> NoReturn:
        if key.startswith("__"):
            raise AttributeError(key)
        self._refuse()


def __getattr__(name: str) -> object:
    """Return the run, its config and its summary as they are now."""
    if name in {"run", "config", "summary"}:
        found = track.run
        if found is None or found.ended:  # as after its own finish(), or its `with` block
            return None if name == "run" else _NotYet(name)
        return found if name == "run" else getattr(found, name)
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(name)
