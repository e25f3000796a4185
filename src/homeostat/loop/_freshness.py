"""The value of freshness: what a system's model loses by age alone, kept in the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from homeostat import adapt, data
from homeostat.core import Model, SimulatedClock
from homeostat.loop._live import history_of
from homeostat.loop._release import open_record
from homeostat.loop._stages import Made, Stages

if TYPE_CHECKING:
    import polars as pl

    from homeostat.loop._declaration import System
    from homeostat.record import Record

__all__ = ["freshness"]


def freshness(
    system: System,
    record: Record | Path | str,
    end: datetime,
    *,
    model: Callable[[], Model] | None = None,
    ages_days: Sequence[float] = (0, 7, 14, 28, 56),
    window_days: float = 56,
) -> str:
    """Measure what a model loses as it gets older, with the amount of training data held fixed.

    Args:
        system: The declaration.
        record: A record, or the folder of one; a study of the same data is not made again.
        end: Nothing after this is used.
        model: Makes a fresh model; the system's last phase unless told.
        ages_days: Ages to compare, in days.
        window_days: Length of each training window, in days.

    Returns:
        The conclusion, in words; the study is an artifact of type ``freshness``.

    Raises:
        GateError: If a model would be fitted on rows that it is tested on, as when rows were
            copied: the fit ledger's.
    """
    opened = open_record(record)
    factory = model or list(system.models.values())[-1]
    dataset = system.source(SimulatedClock(end))

    def fit(features: pl.DataFrame, label: NDArray[np.float64]) -> Model:
        fresh = factory()
        fresh.fit(features, label)
        return fresh

    def make() -> Made:
        history = history_of(system, SimulatedClock(end))
        rows = history.trainable(history.at(0), end)
        study = adapt.freshness(
            history.features[rows],
            history.label[rows],
            history.predicted_at[rows],
            fit,
            ages_days=ages_days,
            window_days=window_days,
            known_at=history.known_at[rows],
            ids=history.ids[rows],
            rng=system.seed,
        )
        return Made(study.conclusion, reports={"freshness": study.to_json()})

    with opened.start_run("study", "freshness", system=system.name) as parent:
        stages = Stages(opened, parent, system.name)
        settings = (list(ages_days), window_days, end, system.features, system.seed)
        key = (dataset.digest, system.schema.digest, data.digest_of((factory, settings)))
        return stages.stage("freshness", make, key=key).summary
