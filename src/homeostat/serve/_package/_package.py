"""A packaged model: with all that a server needs, read back without running any of its code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from homeostat.core import InputError, Json, Model, Schema
from homeostat.serve._package._formats import FORMATS, load_format
from homeostat.serve._package._manifest import (
    EXPECTED,
    MODEL,
    PROFILE,
    SAMPLE,
    SCHEMA,
    checked_manifest,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["PackagedModel", "unpack"]


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model with its schema, its origin and a sample request.

    Args:
        model: Ready to predict.
        schema: Of its training data; its features are what a request carries.
        manifest: Format, family, digests, and where the model comes from.
        sample: Rows as requests would bring them.
        profile: The training reference for the monitors, as bytes; None where not packed.
        expected: What the model answered to the sample where it was packed; empty if unknown.
    """

    model: Model
    schema: Schema
    manifest: Mapping[str, Any] = field(repr=False)
    sample: tuple[Mapping[str, Json], ...] = field(default=(), repr=False)
    profile: bytes | None = field(default=None, repr=False)
    expected: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def answers(self) -> str:
        """What one row is answered with: "probability", "value" or "classes"."""
        return str(self.manifest.get("answers", "probability"))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the answers; a probability is that of the last of two."""
        return tuple(self.manifest.get("labels", ()))

    @property
    def family(self) -> str:
        """The model's family, under which it is read."""
        return str(self.manifest["family"])

    @property
    def environment(self) -> Mapping[str, Any]:
        """The Python and the versions of packages it was packed with; empty if unknown."""
        found: Mapping[str, Any] = self.manifest.get("environment", {})
        return found

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return an answer for each row: shape (n,), or (n, k) where k classes are answered."""
        return self.model.predict(features.select(self.schema.features))


def unpack(
    files: Mapping[str, bytes],
    *,
    load: Callable[[str, Mapping[str, bytes]], Model] | None = None,
    allow: Iterable[str] | None = None,
) -> PackagedModel:
    """Read a package back after checking every byte of it.

    Nothing in a package is run: what would need to be, a class of a person's own in a
    scikit-learn pipeline, a torch module's class, a Python predictor, must be allowed by the
    exact name that `package_info` lists under ``needs``.

    Args:
        files: As `pack` made them; what stands beside them is no part of the package.
        load: Rebuilds a model from its family and files; None takes the format's own reader, and
            ``homeostat.train.load`` for models of our families.
        allow: Names of types, classes and functions that may be used though they are not known;
            None takes those of the environment variable ``HOMEOSTAT_ALLOW``, parted by commas.

    Raises:
        CorruptionError: If a file is missing, was added or was changed; it names the file.
        VersionError: If the package was made by a newer Homeostat.
        InputError: If the package needs a name that is not allowed.
        MissingExtraError: If the model's library is not installed.

    Example:
        >>> import numpy as np, polars as pl
        >>> from homeostat.core import Column
        >>> from homeostat.serve import pack
        >>> schema = Schema((Column("x", "float", {"feature"}),))
        >>> files = pack("numpy:sin", schema, answers="value", inputs="numpy")
        >>> unpack(files)
        Traceback (most recent call last):
        homeostat.core._errors.InputError: To read this package, code that it names would run: \
numpy:sin. If you trust it, allow it by name: `unpack(files, allow=['numpy:sin'])`.
        >>> unpack(files, allow=["numpy:sin"]).predict(pl.DataFrame({"x": [0.0]}))
        array([0.])
    """
    allowed = _allowed(allow)
    manifest = checked_manifest(files)
    family = str(manifest["family"])
    inner = {n.removeprefix(MODEL): c for n, c in files.items() if n.startswith(MODEL)}
    if load is not None:
        model = load(family, inner)
    elif family in FORMATS:
        model = load_format(family, inner, allowed)
    else:  # only reading a model of ours needs the estimators
        model = import_module("homeostat.train").load(family, inner)
    return PackagedModel(
        model,
        Schema.from_json(json.loads(files[SCHEMA])),
        manifest,
        tuple(json.loads(files.get(SAMPLE, b"[]"))),
        files.get(PROFILE),
        tuple(json.loads(files.get(EXPECTED, b"[]"))),
    )


def _allowed(allow: Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(allow, str):
        raise InputError(f"`allow` is a list of names, got the text {allow!r}.")
    if allow is not None:
        return tuple(allow)
    names = os.environ.get("HOMEOSTAT_ALLOW", "").split(",")
    return tuple(name.strip() for name in names if name.strip())
