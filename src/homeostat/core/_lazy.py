"""Names of a package that load when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(
    namespace: dict[str, Any], homes: Mapping[str, Sequence[str]]
) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package whose names are in modules not imported yet.

    Args:
        namespace: The package's ``globals()``; a name is put there when it was looked up once.
        homes: The names of each module of the package.

    Example:
        >>> package = {"__name__": "homeostat.core"}
        >>> look_up = lazily(package, {"_finding": ["Verdict"]})
        >>> look_up("Verdict").OK.value
        'ok'
        >>> look_up("Verdikt")
        Traceback (most recent call last):
        AttributeError: homeostat.core has no `Verdikt`. Did you mean `Verdict`?
    """
    package = namespace["__name__"]
    found_in = {name: module for module, names in homes.items() for name in names}

    def look_up(name: str) -> object:
        if name in found_in:
            found = getattr(import_module(f"{package}.{found_in[name]}"), name)
            namespace[name] = found
            return found
        if name.startswith("__"):
            raise AttributeError(name)
        from homeostat.core._errors import suggest  # noqa: PLC0415 - of this package itself

        raise AttributeError(f"{package} has no `{name}`.{suggest(name, found_in)}")

    return look_up
