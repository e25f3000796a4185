"""Who uses which feature, and whether servers served what training computes, by the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from homeostat.core import Finding, Schema
from homeostat.features import check_served
from homeostat.loop._release import open_record
from homeostat.record import Record
from homeostat.serve import read_predictions

__all__ = ["feature_users", "served_as_trained"]


def feature_users(record: Record | Path | str) -> dict[str, list[str]]:
    """Return by feature the models that take it: packaged models of the record, by reference.

    For `homeostat.features.review`, which says what nobody uses. Deleted models do not count.

    Args:
        record: The record, or its folder.
    """
    opened = open_record(record)
    users: dict[str, list[str]] = {}
    for id_ in opened.artifacts(type="model")["id"]:
        model = opened.artifact(str(id_))
        if "schema.json" in model.files:
            schema = Schema.from_json(json.loads(model.read("schema.json")))
            for name in schema.features:
                users.setdefault(name, []).append(model.reference)
    return {name: sorted(models) for name, models in sorted(users.items())}


def served_as_trained(
    record: Record | Path | str,
    name: str,
    recompute: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    features: Sequence[str] | None = None,
) -> list[Finding]:
    """Replay a server's log: were features served as training computes them, to the bit?

    Args:
        record: The record, or its folder.
        name: Of the model.
        recompute: Takes the requests (columns id, at, version, key, and all features as they
            were served) and returns as many rows in the same order: what the definitions give
            for them, such as `FeatureStore.join` or `FeatureSet.compute`.
        features: Names to compare; None takes all that were served and are computed.

    Returns:
        See `homeostat.features.check_served`; a log has no NaN, so a null may stand for it.
    """
    logged = read_predictions(record, name)
    asked = logged.select("id", "at", "version", "key", "features").unnest("features")
    offline = recompute(asked)
    names = features
    if names is None:
        served = asked.columns[4:]
        names = [one for one in served if one in offline.columns]
    if "id" in offline.columns:
        return check_served(asked, offline, names, key="id", nan_is_null=True)
    return check_served(asked, offline, names, nan_is_null=True)
