"""What `pack` was asked for, as the formats read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json, Model, Schema
from homeostat.serve._package._answers import AnswerDecoder

__all__ = ["SETTINGS", "AsTrained", "Format", "Wanted", "read_settings", "write_settings"]

SETTINGS = "format.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `pack` was asked for; see there."""

    schema: Schema
    rows: pl.DataFrame
    answers: str | None = None
    labels: Sequence[object] | None = None
    link: str = "identity"
    inputs: str | None = None
    levels: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    arguments: Mapping[str, Json] = field(default_factory=dict)

    def stated(self) -> AnswerDecoder:
        """Return the answers of a model that cannot tell them itself."""
        labels = tuple(str(label) for label in self.labels or ())
        kind = self.answers or ("classes" if len(labels) > 2 else "probability")
        return AnswerDecoder(kind, labels, self.link)


@runtime_checkable
class Format(Model, Protocol):
    """A model of another library, as a `homeostat.core.Model`.

    ``needs`` are the names that whoever reads it has to allow; ``libraries`` the distributions
    that it takes to answer.
    """

    answers: AnswerDecoder
    needs: tuple[str, ...]
    libraries: tuple[str, ...]

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:
        """Rebuild from what was saved; runs no code that is not allowed by name."""


def write_settings(answers: AnswerDecoder, **settings: Json) -> dict[str, bytes]:
    """Return the file of a format's settings."""
    held = {"answers": answers.to_json(), **settings}
    return {SETTINGS: json.dumps(held, sort_keys=True).encode()}


def read_settings(files: Mapping[str, bytes]) -> tuple[AnswerDecoder, dict[str, Any]]:
    """Return the answers and the other settings of a format."""
    settings = dict(json.loads(files[SETTINGS]))
    return AnswerDecoder.from_json(settings.pop("answers")), settings


class AsTrained:
    """A model that was trained where it came from: it is served, and not trained here."""

    family: str

    def fit(self, features: pl.DataFrame, label: NDArray[np.float64]) -> None:  # noqa: ARG002 - it learns nothing
        """Refuse; raises InputError."""
        raise InputError(
            f"A `{self.family}` model is served as it was trained: train the original and pack it "
            "again."
        )
