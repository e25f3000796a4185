"""What the bridges to boosted trees share: which way a metric is better, importances, the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from homeostat import track
from homeostat.compat.wandb._plot import bar
from homeostat.media import Table

__all__ = ["define_by_name", "keep_model", "log_importance"]

_DOWN = (
    "loss", "error", "rmse", "mae", "mse", "mape", "l1", "l2", "huber", "fair", "poisson", "gamma",
    "tweedie", "quantile", "deviance", "entropy", "kullback", "crps", "msle",
)  # fmt: skip
_UP = ("auc", "map", "ndcg", "accuracy", "average_precision", "f1", "precision", "recall", "r2")


def define_by_name(metric: str, shown: str) -> None:
    """Have the summary keep the best value of a metric, where its name says which way is better.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with track.init(record=folder, settings={"capture": False}) as run:
        ...         define_by_name("AUC", "valid_AUC")
        ...         run.log({"valid_AUC": 0.9})
        ...         run.log({"valid_AUC": 0.8})
        ...         run.summary["valid_AUC"]
        {'max': 0.9}
    """
    name = metric.lower().partition("@")[0].partition(":")[0]
    if name.startswith(_UP):
        track.define_metric(shown, summary="max")
    elif any(part in name for part in _DOWN):
        track.define_metric(shown, summary="min")


def log_importance(names: Iterable[str], values: Iterable[float], *, commit: bool) -> None:
    """Log how much each feature mattered, as a bar chart."""
    rows = [[str(name), float(value)] for name, value in zip(names, values, strict=True)]
    table = Table(columns=["Feature", "Importance"], data=rows)
    chart = bar(table, "Feature", "Importance", title="Feature Importance")
    track.log({"Feature Importance": chart}, commit=commit)


def keep_model(
    name: str, file: str, save: Callable[[str], object], aliases: Sequence[str] = ()
) -> None:
    """Keep a model as an artifact, in the file that ``save(path)`` writes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / file
        save(os.fspath(path))
        artifact = track.Artifact(name, "model")
        artifact.add_file(os.fspath(path))
        track.log_artifact(artifact, aliases=list(aliases))
