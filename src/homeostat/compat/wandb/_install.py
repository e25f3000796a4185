"""Putting the package ``wandb`` where imports look for it: a finder, and what it finds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

from homeostat.compat.wandb._refused import unknown
from homeostat.compat.wandb._version import VERSION
from homeostat.core import InputError

__all__ = ["HOMES", "install"]

HOMES = {
    "wandb": "_face",
    "wandb.apis": "_api",
    "wandb.apis.public": "_api",
    "wandb.catboost": "_catboost",
    "wandb.data_types": "_data_types",
    "wandb.env": "_env",
    "wandb.errors": "_errors",
    "wandb.errors.term": "_term",
    "wandb.integration": "_integrations",
    "wandb.integration.catboost": "_catboost",
    "wandb.integration.keras": "_keras",
    "wandb.integration.lightgbm": "_lightgbm",
    "wandb.integration.sb3": "_sb3",
    "wandb.integration.sklearn": "_sklearn",
    "wandb.integration.tensorboard": "_tensorboard",
    "wandb.integration.xgboost": "_xgboost",
    "wandb.keras": "_keras",
    "wandb.lightgbm": "_lightgbm",
    "wandb.plot": "_plot",
    "wandb.sdk": "_face",
    "wandb.sdk.artifacts": "_face",
    "wandb.sdk.artifacts.artifact": "_face",
    "wandb.sdk.data_types": "_data_types",
    "wandb.sdk.data_types.base_types": "_data_types",
    "wandb.sdk.data_types.base_types.wb_value": "_data_types",
    "wandb.sdk.lib": "_sdk_lib",
    "wandb.sdk.lib.config_util": "_errors",
    "wandb.sdk.lib.disabled": "_sdk_lib",
    "wandb.sdk.lib.telemetry": "_sdk_lib",
    "wandb.sdk.wandb_config": "_face",
    "wandb.sdk.wandb_run": "_face",
    "wandb.sdk.wandb_settings": "_face",
    "wandb.sklearn": "_sklearn",
    "wandb.tensorboard": "_tensorboard",
    "wandb.util": "_util",
    "wandb.wandb_run": "_face",
    "wandb.xgboost": "_xgboost",
}
"""Which module of ours answers for which module of W&B's."""

_OWN = ("wandb", "wandb.integration")  # also look into a package that is really installed


def install() -> None:
    """Have ``import wandb`` give our own face from now on; a second call does nothing.

    Clients that ask whether ``wandb`` is installed, and in which version, are told so.

    Raises:
        InputError: If W&B's own package was imported before.

    Example:
        >>> install()
        >>> import wandb
        >>> wandb.run is None, wandb.plot.__name__
        (True, 'wandb.plot')
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if "wandb" in sys.modules:
        raise InputError(
            "W&B's own `wandb` is imported already, got a face to put in its place: call "
            "install() before anything imports it, or use `homeostat exec --as-wandb`."
        )
    sys.meta_path.insert(0, _Finder())


class _Finder(DistributionFinder):
    """Finds our modules under W&B's names, and says that the package is installed."""

    def __init__(self) -> None:
        real = PathFinder.find_spec("wandb")
        places = real.submodule_search_locations if real is not None else None
        self._installed = list(places or ())

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - as finders have it
        target: ModuleType | None = None,  # noqa: ARG002 - likewise
    ) -> ModuleSpec | None:
        """Return how to load a module, or None if it is not ours."""
        if fullname not in HOMES:
            return None
        spec = spec_from_loader(fullname, _Loader(HOMES[fullname]), is_package=True)
        if spec is not None and fullname in _OWN and spec.submodule_search_locations is not None:
            inner = fullname.split(".")[1:]
            places = [str(Path(place, *inner)) for place in self._installed]
            spec.submodule_search_locations.extend(places)
        return spec

    def find_distributions(
        self,
        context: DistributionFinder.Context = DistributionFinder.Context(),  # noqa: B008 - as finders have it
    ) -> Iterable[Distribution]:
        """Give the package, where it is asked for by name."""
        return [_Package()] if (context.name or "").lower() == "wandb" else []


class _Loader(Loader):
    """Makes a module that answers with what one of ours has, as it is now."""

    def __init__(self, home: str) -> None:
        self._home = home

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make it."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill it."""
        source = import_module(f"homeostat.compat.wandb.{self._home}")
        shown = module.__name__

        def look_up(name: str) -> object:
            if name.startswith("__") and name != "__version__":
                raise AttributeError(name)
            if f"{shown}.{name}" in HOMES:
                return import_module(f"{shown}.{name}")
            try:
                return getattr(source, name)
            except AttributeError:
                raise AttributeError(unknown(shown, name)) from None

        module.__dict__["__getattr__"] = look_up
        module.__dict__["__all__"] = list(source.__all__)
        module.__doc__ = source.__doc__


class _Package(Distribution):
    """What importlib.metadata says of ``wandb``."""

    def read_text(self, filename: str) -> str | None:
        """Return one of the texts of a package."""
        about = f"Metadata-Version: 2.1\nName: wandb\nVersion: {VERSION}\n"
        return about if filename in {"METADATA", "PKG-INFO"} else None

    def locate_file(self, path: object) -> Path:
        """Return where a file would be."""
        return Path(str(path))
