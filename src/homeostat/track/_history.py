"""The history of a run, copied into a fork of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat.record import Record
    from homeostat.record import Run as RecordRun
    from homeostat.track._options import Point

__all__ = ["copy"]


def copy(record: Record, point: Point, run: RecordRun) -> None:
    """Write the points of another run, up to a step, into this one, with their times."""
    import polars as pl  # noqa: PLC0415 - only a fork reads

    past = record.metrics(point.run).filter(pl.col("step") <= point.step)
    for (name,), points in past.group_by("name", maintain_order=True):
        run.log_many(
            {str(name): points["value"].to_numpy()},
            steps=points["step"].to_numpy(),
            times_ns=points["time"].dt.epoch("ns").to_numpy(),
        )
    run.step = point.step
