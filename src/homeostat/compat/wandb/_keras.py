"""``wandb.integration.keras``: the training of Keras 3, on whatever backend, logged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras

from homeostat import track
from homeostat.media import Table

__all__ = ["WandbEvalCallback", "WandbMetricsLogger", "WandbModelCheckpoint"]


class WandbMetricsLogger(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types here
    """Logs the metrics of every epoch, or of every ``log_freq``-th batch as well.

    Args:
        log_freq: ``"epoch"``, ``"batch"``, or a number of batches.
        initial_global_step: Where the learning rate's schedule stands at the start.
    """

    def __init__(
        self, log_freq: Literal["epoch", "batch"] | int = "epoch", initial_global_step: int = 0
    ) -> None:
        super().__init__()
        track.current("WandbMetricsLogger()")
        self._every = 1 if log_freq == "batch" else log_freq if isinstance(log_freq, int) else 0
        self._batch, self._step = 0, initial_global_step
        axis, rest = ("batch/batch_step", "batch/*") if self._every else ("epoch/epoch", "epoch/*")
        track.define_metric(axis)
        track.define_metric(rest, step_metric=axis)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log one row."""
        row = {f"epoch/{name}": value for name, value in (logs or {}).items()}
        track.log({**row, "epoch/epoch": epoch, **self._rate("epoch")})

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log one row, if it is this batch's turn."""
        self._step += 1
        if self._every and batch % self._every == 0:
            row = {f"batch/{name}": value for name, value in (logs or {}).items()}
            track.log({**row, "batch/batch_step": self._batch, **self._rate("batch")})
            self._batch += self._every

    def _rate(self, of: str) -> dict[str, float]:
        """Return the learning rate as it is now."""
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if callable(rate) and not hasattr(rate, "shape"):
            rate = rate(self._step)
        if rate is None:
            return {}
        return {f"{of}/learning_rate": float(keras.ops.convert_to_numpy(rate))}


class WandbModelCheckpoint(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]  # as above
    """Saves the model as `keras.callbacks.ModelCheckpoint` does, and keeps each as a version."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save it, and keep what was saved."""
        before = self._saved()
        super().on_epoch_end(epoch, logs)
        self._keep(before, [f"epoch_{epoch}"])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save it, and keep what was saved, if it is this batch's turn."""
        if self.save_freq == "epoch":
            return
        before = self._saved()
        super().on_train_batch_end(batch, logs)
        self._keep(before, [f"batch_{batch}"])

    def _saved(self) -> dict[Path, int]:
        """Return the files of the folder, and when they changed."""
        folder = Path(self.filepath).parent
        files = folder.glob("*") if folder.is_dir() else ()
        return {file: file.stat().st_mtime_ns for file in files if file.is_file()}

    def _keep(self, before: Mapping[Path, int], aliases: list[str]) -> None:
        new = [file for file, when in self._saved().items() if before.get(file) != when]
        if not new:
            return
        artifact = track.Artifact(f"run_{track.current().id}_model", "model")
        for file in new:
            artifact.add_file(os.fspath(file))
        track.log_artifact(artifact, aliases=aliases)


class WandbEvalCallback(keras.callbacks.Callback):  # type: ignore[misc]  # as above
    """Builds tables of ground truth and predictions; a subclass fills them.

    Args:
        data_table_columns: Columns of the table of ground truth.
        pred_table_columns: Columns of the table of predictions.
    """

    def __init__(self, data_table_columns: list[str], pred_table_columns: list[str]) -> None:
        super().__init__()
        track.current("WandbEvalCallback()")
        self.data_table_columns, self.pred_table_columns = data_table_columns, pred_table_columns
        self.data_table = self.pred_table = Table(columns=[])

    def add_ground_truth(self, logs: Mapping[str, float] | None = None) -> None:
        """Fill ``self.data_table``; a subclass says how."""

    def add_model_predictions(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Fill ``self.pred_table``; a subclass says how."""

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Log the table of ground truth."""
        self.init_data_table(self.data_table_columns)
        self.add_ground_truth(logs)
        self.log_data_table()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Log the table of predictions."""
        self.init_pred_table(self.pred_table_columns)
        self.add_model_predictions(epoch, logs)
        self.log_pred_table(aliases=["latest", f"epoch_{epoch}"])

    def init_data_table(self, column_names: list[str]) -> None:
        """Start the table of ground truth."""
        self.data_table = Table(columns=column_names, allow_mixed_types=True)

    def init_pred_table(self, column_names: list[str]) -> None:
        """Start the table of predictions."""
        self.pred_table = Table(columns=column_names, allow_mixed_types=True)

    def log_data_table(
        self, name: str = "val", type: str = "dataset", table_name: str = "val_data"  # noqa: A002 - as W&B has it
    ) -> None:  # fmt: skip
        """Keep the table of ground truth as an artifact that the run uses."""
        artifact = track.Artifact(name, type)
        artifact.add(self.data_table, table_name)
        track.log_artifact(artifact)
        track.use_artifact(f"{name}:latest")

    def log_pred_table(
        self,
        type: str = "evaluation",  # noqa: A002 - as W&B has it
        table_name: str = "eval_data",
        aliases: list[str] | None = None,
    ) -> None:
        """Keep the table of predictions as an artifact that the run made."""
        artifact = track.Artifact(f"run_{track.current().id}_pred", type)
        artifact.add(self.pred_table, table_name)
        track.log_artifact(artifact, aliases=[one for one in aliases or () if one != "latest"])
