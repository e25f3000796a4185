"""``wandb.sdk.lib``: what clients ask of its inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from homeostat.compat.wandb._errors import ConfigError
from homeostat.track import Run

__all__ = ["ConfigError", "RunDisabled", "config_util", "context", "disabled", "telemetry"]


class _IsDisabled(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Run) and instance.disabled


class RunDisabled(metaclass=_IsDisabled):
    """What ``isinstance`` says yes to for a run that keeps nothing."""


class _Anything(SimpleNamespace):
    """Takes whatever is said of what a client uses; nothing is sent anywhere."""

    def __getattr__(self, name: str) -> _Anything:
        found = _Anything()
        setattr(self, name, found)
        return found


@contextmanager
def context(run: object = None) -> Iterator[_Anything]:  # noqa: ARG001 - as W&B has it
    """Give an object that a client may tell which of its features it uses."""
    yield _Anything()


telemetry = SimpleNamespace(context=context)
disabled = SimpleNamespace(RunDisabled=RunDisabled)
config_util = SimpleNamespace(ConfigError=ConfigError)
