"""``wandb.integration.xgboost``: XGBoost's training, logged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import xgboost
from xgboost.callback import TrainingCallback

from homeostat import track
from homeostat.compat.wandb._boosters import define_by_name, keep_model, log_importance

__all__ = ["WandbCallback"]


class WandbCallback(TrainingCallback):  # type: ignore[misc]  # XGBoost has no types here
    """Logs every metric of every iteration, the settings, importances and the model.

    Args:
        log_model: Whether the model is kept as an artifact.
        log_feature_importance: Whether importances are logged as a chart.
        importance_type: ``"weight"``, ``"gain"``, ``"cover"``, ``"total_gain"``, ``"total_cover"``.
        define_metric: Whether the summary keeps the best value of a metric, not the last.
    """

    def __init__(
        self,
        log_model: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
        log_feature_importance: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
        importance_type: str = "gain",
        define_metric: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    ) -> None:
        super().__init__()
        track.current("WandbCallback()")
        self.log_model, self.log_feature_importance = log_model, log_feature_importance
        self.importance_type, self.define_metric = importance_type, define_metric

    def before_training(self, model: xgboost.Booster) -> xgboost.Booster:
        """Take the settings into the config."""
        track.current().config.update(json.loads(model.save_config()))
        return model

    def after_iteration(
        self,
        model: xgboost.Booster,  # noqa: ARG002 - as XGBoost has it
        epoch: int,
        evals_log: Mapping[str, Mapping[str, Sequence[Any]]],
    ) -> bool:
        """Log one row; never stop the training."""
        row: dict[str, float] = {}
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                last = values[-1]
                row[f"{data}-{metric}"] = last[0] if isinstance(last, tuple) else last
                if self.define_metric:
                    define_by_name(metric, f"{data}-{metric}")
        self.define_metric = False
        track.log({**row, "epoch": epoch})
        return False

    def after_training(self, model: xgboost.Booster) -> xgboost.Booster:
        """Log what came out."""
        run = track.current()
        if self.log_model:
            name = f"{run.id}_model.json"
            keep_model(name, name, model.save_model)
        if self.log_feature_importance:
            found = model.get_score(importance_type=self.importance_type)
            log_importance(found.keys(), found.values(), commit=True)
        if (score := model.attr("best_score")) is not None:
            best = int(model.attr("best_iteration") or 0)
            track.log({"best_score": float(score), "best_iteration": best})
        return model
