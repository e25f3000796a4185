"""``wandb.integration.lightgbm``: LightGBM's training, logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm

from homeostat import track
from homeostat.compat.wandb._boosters import define_by_name, keep_model, log_importance
from homeostat.core import InputError

__all__ = ["log_summary", "wandb_callback"]


class _Callback:
    """Logs every metric of every iteration, one row an iteration."""

    order = 20
    before_iteration = False

    def __init__(self, *, log_params: bool, define_metric: bool) -> None:
        self._log_params, self._define = log_params, define_metric

    def __call__(self, env: Any) -> None:  # noqa: ANN401 - LightGBM's CallbackEnv
        found = dict(_results(env.evaluation_result_list or []))
        if env.iteration == env.begin_iteration:
            if self._log_params:
                track.current().config.update(env.params)
            for shown, (metric, _) in found.items() if self._define else ():
                define_by_name(metric, shown)
        row = {shown: value for shown, (_, value) in found.items()}
        track.log({**row, "iteration": env.iteration}, commit=True)


def _results(listed: list[tuple[Any, ...]]) -> list[tuple[str, tuple[str, float]]]:
    """Return the name to log, the metric and its value of each result, also of `lightgbm.cv`."""
    found = []
    for item in listed:
        if len(item) == 4:
            found.append((f"{item[0]}_{item[1]}", (str(item[1]), float(item[2]))))
        else:  # of cross-validation: ("valid", "auc", mean, is_higher_better, stdv)
            data, metric = str(item[0]), str(item[1])
            if " " in metric:  # older: ("cv_agg", "valid auc", ...)
                data, _, metric = metric.partition(" ")
            found.append((f"{data}_{metric}-mean", (metric, float(item[2]))))
            found.append((f"{data}_{metric}-stdv", ("stdv", float(item[4]))))
    return found


def wandb_callback(
    log_params: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    define_metric: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
) -> Callable[[Any], None]:
    """Return a callback for ``lightgbm.train(callbacks=[...])``.

    Args:
        log_params: Whether the parameters become part of the config.
        define_metric: Whether the summary keeps the best value of a metric, not the last.
    """
    track.current("wandb_callback()")
    return _Callback(log_params=log_params, define_metric=define_metric)


def log_summary(
    model: lightgbm.Booster,
    feature_importance: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    save_model_checkpoint: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:
    """Log the best iteration and score of a model, its importances, and the model itself.

    Raises:
        InputError: If it is no Booster.
    """
    run = track.current("log_summary()")
    if not isinstance(model, lightgbm.Booster):
        raise InputError(f"log_summary takes a lightgbm.Booster, got {type(model).__name__}.")
    run.summary["best_iteration"] = model.best_iteration
    run.summary["best_score"] = {name: dict(of) for name, of in model.best_score.items()}
    if feature_importance:
        log_importance(model.feature_name(), model.feature_importance(), commit=False)
    if save_model_checkpoint:
        best = model.best_iteration
        keep_model(
            f"model_{run.id}", f"model_ckpt_{best}.txt",
            lambda path: model.save_model(path, num_iteration=best), ["best"],
        )  # fmt: skip
