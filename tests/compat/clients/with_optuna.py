"""Optuna's callback: one run for a study, and one a trial."""

import optuna
import wandb
from optuna_integration.wandb import WeightsAndBiasesCallback

optuna.logging.disable_default_handler()


def study(name):
    return optuna.create_study(study_name=name, sampler=optuna.samplers.RandomSampler(seed=0))


one = WeightsAndBiasesCallback("loss", {"project": "matrix", "name": "all"})
study("one").optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, n_trials=4, callbacks=[one])
wandb.finish()

many = WeightsAndBiasesCallback(wandb_kwargs={"project": "matrix"}, as_multirun=True)


@many.track_in_wandb()
def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    wandb.log({"power": 2, "base": x})
    return x**2


study("many").optimize(objective, n_trials=2, callbacks=[many])
