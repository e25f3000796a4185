"""Trust: what a package may run is only what its reader allows by name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from homeostat.core import InputError

__all__ = ["named_object", "reference_to", "refuse_unless_allowed"]


def refuse_unless_allowed(needed: Iterable[str], allow: Iterable[str]) -> None:
    """Refuse to go on unless each name is allowed.

    Raises:
        InputError: If a name is not allowed; it says how to allow it.
    """
    missing = sorted(set(needed) - set(allow))
    if missing:
        listed = ", ".join(repr(name) for name in missing)
        raise InputError(
            f"To read this package, code that it names would run: {', '.join(missing)}. If you "
            f"trust it, allow it by name: `unpack(files, allow=[{listed}])`."
        )


def named_object(reference: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Return what a reference such as ``"shop.churn:Predictor"`` names; allow it before.

    Raises:
        InputError: If it is no such reference, or names nothing that can be imported.
    """
    module, colon, path = reference.partition(":")
    names = path.split(".")
    if not colon or not all(name.isidentifier() for name in (*module.split("."), *names)):
        raise InputError(f"A reference reads `package.module:name`, got {reference!r}.")
    try:
        found: Any = import_module(module)
        for name in names:
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"`{reference}` cannot be imported ({error}): install its package here."
        ) from error
    return found


def reference_to(thing: Any) -> str:  # noqa: ANN401 - a function or a class
    """Return the reference under which a function or class is imported elsewhere.

    Raises:
        InputError: If it cannot be: a lambda, something local, or of the main script.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    reference = f"{module}:{name}"
    importable = module not in {None, "__main__"} and "<" not in name
    if not importable or named_object(reference) is not thing:
        raise InputError(
            f"A Python predictor is packed by the name it is imported under; `{reference}` is "
            "none that another process could import: put it into a module."
        )
    return reference
