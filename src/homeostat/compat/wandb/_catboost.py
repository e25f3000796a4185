"""``wandb.integration.catboost``: CatBoost's training, logged."""

from __future__ import annotations

from typing import Any

from homeostat import track
from homeostat.compat.wandb._boosters import keep_model, log_importance
from homeostat.core import InputError

__all__ = ["WandbCallback", "log_summary"]


class WandbCallback:
    """Logs every metric whenever CatBoost has new values of them; for ``fit(callbacks=[...])``.

    Args:
        metric_period: As the model's own.
    """

    def __init__(self, metric_period: int = 1) -> None:
        track.current("WandbCallback()")
        self.metric_period, self._seen = metric_period, 0

    def after_iteration(self, info: Any) -> bool:  # noqa: ANN401 - CatBoost's namespace
        """Log one row if there is anything new, and let the training go on."""
        count = sum(len(values) for of in info.metrics.values() for values in of.values())
        if count > self._seen:
            self._seen = count
            row = {
                f"{data}-{metric}": values[-1]
                for data, metrics in info.metrics.items()
                for metric, values in metrics.items()
            }
            track.log({**row, f"iteration@metric-period-{self.metric_period}": info.iteration})
        return True


def log_summary(
    model: Any,  # noqa: ANN401 - CatBoost has no types
    log_all_params: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    save_model_checkpoint: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
    log_feature_importance: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:
    """Log a model's parameters, best iteration and score, its importances, and the model itself.

    Raises:
        InputError: If it is no model of CatBoost's.
    """
    run = track.current("log_summary()")
    if not all(hasattr(model, name) for name in ("get_all_params", "get_best_iteration")):
        raise InputError(f"log_summary takes a CatBoost model, got {type(model).__name__}.")
    params = model.get_all_params()
    if log_all_params:
        run.config.update(params)
    run.summary["best_iteration"] = model.get_best_iteration()
    run.summary["best_score"] = model.get_best_score()
    if save_model_checkpoint:
        alias = "best" if params.get("use_best_model") else "last"
        keep_model(f"model_{run.id}", "model", model.save_model, [alias])
    if log_feature_importance:
        pairs = zip(model.feature_names_, model.feature_importances_, strict=True)
        ranked = sorted(pairs, key=lambda pair: -pair[1])
        log_importance([name for name, _ in ranked], [one for _, one in ranked], commit=False)
