"""The model in production, on the rows by which the next one is judged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from homeostat.core import NotFoundError
from homeostat.loop._release import package_of
from homeostat.stats import Floats

if TYPE_CHECKING:
    import polars as pl

    from homeostat.record import Artifact, Record

__all__ = ["current_model", "current_prediction"]

_MODEL = "model/"


def current_model(record: Record, name: str, candidate: Artifact) -> Artifact | None:
    """Return the model in production; None where there is none or it is the candidate itself.

    Args:
        record: The record.
        name: Of the system.
        candidate: What may be released, packaged.
    """
    try:
        current = record.artifact(f"{name}:production")
    except NotFoundError:
        return None
    return None if _content(current) == _content(candidate) else current


def _content(model: Artifact) -> dict[str, str]:
    """Return the digests of what predicts, without what is said of it."""
    return {name: sha for name, sha in model.files.items() if name.startswith(_MODEL)}


def current_prediction(
    current: Artifact, frame: pl.DataFrame, time: pl.Series
) -> tuple[Floats, str]:
    """Return what a model in production answers, NaN on rows it may have learned from.

    Args:
        current: The model in production.
        frame: The rows by which both are judged, n.
        time: Of each row.

    Returns:
        Predictions (n,), and why some are NaN.
    """
    from homeostat.loop._card_facts import trained_until  # noqa: PLC0415 - only with a production

    answers = np.full(frame.height, np.nan)
    package = package_of(current)
    if missing := [name for name in package.schema.features if name not in frame.columns]:
        return answers, f"{current.reference} needs `{missing[0]}`, which the rows have not"
    until = trained_until(current)
    if not until:
        return answers, f"until when {current.reference} was trained is not recorded"
    new = (time > datetime.fromisoformat(until)).to_numpy()
    if new.any():
        answers[new] = package.predict(frame.filter(new))
    return answers, f"{current.reference} was trained until {until[:16]} and may have seen them"
