"""Interleaved batches: rows that several arms rank, answered as one list merged of their picks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from homeostat.serve._http._batch import ARROW, Batch, Read, Render, predict_batch, tell_arrow
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._http._message import Response
from homeostat.serve._router._merge import Merged, merge

__all__ = ["MergedBatch", "predict_merged", "tell_merged"]


class MergedBatch(NamedTuple):
    """A batch that several arms have ranked.

    Args:
        frame: Its features.
        merged: The list, and whose pick each row was.
    """

    frame: pl.DataFrame
    merged: Merged

    def rows_of(self, arm: str) -> NDArray[np.intp]:
        """Return the rows that were an arm's picks."""
        return np.flatnonzero(np.array(self.merged.arms) == arm)


def predict_merged(
    rivals: Mapping[str, Deployed], read: Read, key: str, *, salt: str
) -> MergedBatch | None:
    """Have each arm rank a batch and merge the rankings; may run in a thread.

    Args:
        rivals: The versions by arm.
        read: Reads the batch.
        key: Who asks.
        salt: Names the trial.

    Returns:
        None where an arm has failed: then the champion answers alone.

    Raises:
        Refused: If the batch breaks the schema.
    """
    frame: pl.DataFrame | None = None
    scores: dict[str, NDArray[np.float64]] = {}
    for arm, deployed in rivals.items():
        batch: Batch = predict_batch(deployed, read if frame is None else _kept(frame))
        frame = batch.frame
        if batch.answers is None:
            return None
        scores[arm] = batch.answers
    assert frame is not None  # noqa: S101 - a plan that interleaves has two arms or more
    return MergedBatch(frame, merge(scores, key, salt=salt))


def _kept(frame: pl.DataFrame) -> Read:
    """Return what was read already: arms that are interleaved take the same features."""
    return lambda _: frame


def tell_merged(
    render: Render | None, deployed: Deployed, ids: list[str], batch: MergedBatch
) -> Response:
    """Return the answers by row, with the list's order and whose pick each row was.

    Args:
        render: How the client wants them: Arrow or JSON.
        deployed: One of the versions; all answer alike.
        ids: Of the n predictions.
        batch: What was predicted.
    """
    merged = batch.merged
    if render is tell_arrow:
        rank = np.empty(len(ids), np.int64)
        rank[merged.order] = np.arange(len(ids))
        columns = {
            "id": pl.Series(ids, dtype=pl.String),
            **deployed.answers.columns(merged.scores),
            "arm": pl.Series(merged.arms, dtype=pl.String),
            "rank": pl.Series(rank),
        }
        body = pl.DataFrame(columns).write_ipc_stream(None).getvalue()
        return Response(body, 200, ARROW, {"homeostat-arm": quote("interleaved")})
    content = {"arm": "interleaved", "ids": ids, "order": merged.order, "arms": merged.arms}
    content |= deployed.answers.of_rows(merged.scores)
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
