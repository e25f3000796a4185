"""Reading failures: requests that reached an arm and got an error, from live and sealed files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from homeostat.core import InputError, NotFoundError
from homeostat.record import Record, read_log
from homeostat.serve._log._failure_frames import FAILURES, failures_of
from homeostat.serve._log._frames import FrameKind
from homeostat.serve._log._segment import frames_of, opened
from homeostat.serve._log._store import Store, folder_of, microseconds

__all__ = ["read_failures"]

_WANTED = (FrameKind.FAILURE, FrameKind.BUNDLE)


def read_failures(
    record: Record | Path | str,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pl.DataFrame:
    """Read all requests that reached an arm and failed there, of all servers of a model so far.

    Each is written before its error is answered, so it outlives what the log's level says. They
    are no predictions: `read_predictions` and `joined` do not hold them. Requests that are
    refused for what they are (4xx but 429), or before an arm was chosen, are not here.

    Args:
        record: The record, or its folder.
        name: Of the model.
        since: The earliest time of a request, aware; None for all.
        until: The time before which requests came, aware; None for all.

    Returns:
        By time: id, at (UTC, when the request came), version, arm; reason (``"model"``: it raised
        or answered nonsense; ``"deadline"``: it passed while the request waited; ``"busy"``: the
        queue was too long; ``"log"``: the disk refused its prediction; ``"error"``: anything
        else, such as features that could not be had), status (HTTP), latency_us, key,
        propensity, experiment, exposed, rows (how many were asked about; null where the body was
        not read) and row (the features of a single one as JSON, redacted and sampled as those of
        predictions).

    Raises:
        InputError: If a time has no time zone.

    Example:
        >>> read_failures("/nowhere", "delay").height
        0
    """
    for at in (since, until):
        if at is not None and at.tzinfo is None:
            raise InputError(f"An instant needs a time zone, got {at.isoformat()} without one.")
    frame = pl.concat([pl.DataFrame(schema=FAILURES), *_frames(record, name, since, until)])
    if since is not None:
        frame = frame.filter(pl.col("at") >= since)
    if until is not None:
        frame = frame.filter(pl.col("at") < until)
    return frame.sort("at", "id")


def _frames(
    record: Record | Path | str, name: str, since: datetime | None, until: datetime | None
) -> list[pl.DataFrame]:
    """Read live files, and the sealed ones that reach into the time that is asked for."""
    store = Store(folder_of(record, name))
    logs, manifests = store.state()
    frames = []
    for path in logs:
        try:
            frames.append(_live(path))
        except NotFoundError:  # sealed just now
            manifest = store.manifest(path.stem)
            if manifest is None:
                raise
            manifests.append(manifest)
    low, high = microseconds(since), microseconds(until)
    parts = [one.failures for one in manifests if one.failures is not None]
    paths = [
        store.folder / part.path
        for part in parts
        if (low is None or part.last >= low) and (high is None or part.first < high)
    ]
    return frames + ([pl.read_parquet(paths)] if paths else [])


def _live(path: Path) -> pl.DataFrame:
    found: dict[str, list[bytes]] = {}
    for epoch, kind, payload in opened(path.stem, frames_of(read_log(path), _WANTED)):
        if kind == FrameKind.FAILURE:
            found.setdefault(epoch, []).append(payload)
    return failures_of(found)
