"""Any Python predictor, by the name it is imported under; that name must be allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, features_of
from homeostat.serve._package._inputs import contained, must_be_container
from homeostat.serve._package._trust import named_object, reference_to, refuse_unless_allowed
from homeostat.serve._package._wanted import (
    SETTINGS,
    AsTrained,
    Wanted,
    read_settings,
    write_settings,
)

__all__ = ["PythonPredictor"]


class PythonPredictor(AsTrained):
    """A function, or an object with ``predict``, over a frame of features; use `pack`.

    Args:
        predictor: The function or the object.
        reference: What it, or its class, is imported under.
        columns: Features, in the order of the schema.
        container: What it takes its rows in: "polars", "pandas" or "numpy".
        answers: What it says of a row.
        files: That its class is loaded from.
    """

    family = "python"
    libraries: tuple[str, ...] = ()

    def __init__(
        self,
        predictor: Any,  # noqa: ANN401 - whatever is imported
        reference: str,
        columns: Columns,
        container: str,
        answers: AnswerDecoder,
        files: Mapping[str, bytes],
    ) -> None:
        self.answers = answers
        self.needs = (reference,)
        self._columns = columns
        self._container = container
        self._files = files
        self._call = predictor.predict if hasattr(predictor, "predict") else predictor
        if not callable(self._call):
            raise InputError(
                f"A Python predictor is a function of a frame or has `predict`; {reference} is "
                f"{type(predictor).__name__}."
            )

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - whatever is callable
        """Return a function, a class, an object or a reference as it is served.

        An object is kept as the files of its ``save``, which its class's ``load`` takes.
        """
        container = wanted.inputs or "polars"
        must_be_container(container)
        names = tuple(column.name for column in features_of(wanted.schema))
        columns = Columns(names, {k: tuple(v) for k, v in wanted.levels.items()})
        files: Mapping[str, bytes] = {}
        if isinstance(model, str):
            reference = model
        elif isinstance(model, type) or not hasattr(model, "predict"):
            reference = reference_to(model)
        else:
            reference, files = reference_to(type(model)), _saved(model)
        predictor = _made(reference, files)
        return cls(predictor, reference, columns, container, wanted.stated(), files)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        rows = contained(features, self._container, self._columns)
        return self.answers.of(self._call(rows), features.height)

    def save(self) -> Mapping[str, bytes]:
        """Return the predictor's own files, and its name, columns and answers as JSON."""
        settings = write_settings(
            self.answers,
            columns=self._columns.to_json(),
            container=self._container,
            reference=self.needs[0],
        )
        return dict(self._files) | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:
        """Rebuild from :meth:`save`; imports nothing unless its name is allowed.

        Raises:
            InputError: If the name is not allowed, or cannot be imported here.
        """
        answers, settings = read_settings(files)
        reference = str(settings["reference"])
        refuse_unless_allowed([reference], allow)
        own = {name: content for name, content in files.items() if name != SETTINGS}
        columns = Columns.from_json(settings["columns"])
        return cls(_made(reference, own), reference, columns, settings["container"], answers, own)


def _made(reference: str, files: Mapping[str, bytes]) -> Any:  # noqa: ANN401 - whatever it names
    found = named_object(reference)
    if not isinstance(found, type):
        return found
    load = getattr(found, "load", None)
    return found() if load is None else load(files)


def _saved(model: Any) -> Mapping[str, bytes]:  # noqa: ANN401 - likewise
    if not hasattr(model, "save"):
        if hasattr(type(model), "load"):
            raise InputError(f"{type(model).__name__} has `load`, so it needs a `save` of files.")
        return {}
    files: Mapping[str, bytes] = model.save()
    if SETTINGS in files:
        raise InputError(f"A predictor's file cannot be named `{SETTINGS}`: that is the package's.")
    return files
