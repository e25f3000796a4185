"""Families of models by name: ours and plugins', through one door."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from homeostat.core import InputError, NotFoundError, suggest

if TYPE_CHECKING:
    from homeostat.core import Model

__all__ = ["families", "family", "load"]

_GROUP = "homeostat.models"
_OURS = {
    "boosted": "homeostat.train._boosted:Boosted",
    "leaf-head": "homeostat.train._leaf_head:LeafHead",
    "logistic": "homeostat.train._linear:Logistic",
    "majority": "homeostat.train._baselines:Majority",
    "previous-period": "homeostat.train._baselines:PreviousPeriod",
    "random": "homeostat.train._baselines:RandomGuess",
    "rule-of-thumb": "homeostat.train._rule:RuleOfThumb",
}


def families() -> dict[str, EntryPoint]:
    """Return every family's entry point by its name, without importing any.

    A package adds its own under the entry point group ``homeostat.models``, as
    ``name = "module:Class"``; the class is a `homeostat.core.Model` of that family name.

    Raises:
        InputError: If a package takes a name that is taken.

    Example:
        >>> sorted(families())[:3]
        ['boosted', 'leaf-head', 'logistic']
    """
    found: dict[str, EntryPoint] = {}
    ours = (EntryPoint(name, value, _GROUP) for name, value in _OURS.items())
    for entry in (*ours, *entry_points(group=_GROUP)):
        if entry.name in found and entry.value != found[entry.name].value:
            raise InputError(
                f"Two packages name a family `{entry.name}`: {found[entry.name].value} and "
                f"{entry.value}; uninstall one."
            )
        found[entry.name] = entry
    return found


def family(name: str) -> type[Model]:
    """Return the class of a family.

    Raises:
        NotFoundError: If no family has that name.
    """
    known = families()
    if name not in known:
        raise NotFoundError(f"There is no family of models `{name}`.{suggest(name, known)}")
    loaded: type[Model] = known[name].load()
    return loaded


def load(name: str, files: Mapping[str, bytes]) -> Model:
    """Rebuild a model of a family from the files its ``save`` returned.

    Args:
        name: The family's name.
        files: Contents by file name; no code in them is run.

    Raises:
        NotFoundError: If no family has that name.
        InputError: If the files are not those of such a model.
        VersionError: If they were written by a newer Homeostat.

    Example:
        >>> import numpy as np, polars as pl
        >>> from homeostat.train import Majority
        >>> model = Majority()
        >>> model.fit(pl.DataFrame({"x": [1]}), np.array([1.0]))
        >>> load("majority", model.save()).predict(pl.DataFrame({"x": [2]}))
        array([0.75])
    """
    found = family(name)
    try:
        return found.load(files)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise InputError(f"These are not the files of a `{name}` model: {error!r}.") from error
