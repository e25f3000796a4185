"""Each real client of wandb, unmodified, says the same to the record by either door."""

import pytest

pytestmark = pytest.mark.slow

CLIENTS = {
    "accelerate": {"loss", "epoch"},
    "catboost": {"learn-Logloss", "validation-Logloss"},
    "keras": {"epoch/loss", "epoch/val_loss"},
    "lightgbm": {"valid_auc", "valid_binary_logloss"},
    "lightning": {"train/loss_step", "train/loss_epoch"},
    "optuna": {"loss", "x"},
    "sb3": {"rollout/ep_len_mean", "train/loss"},
    "sklearn": {"accuracy"},
    "transformers": {"train/loss", "eval/loss"},
    "ultralytics": {"train/box_loss", "metrics/mAP50(B)"},
    "xgboost": {"validation_0-auc", "validation_0-logloss"},
}
"""Some metrics that must have come, by client."""
NOT_BY_WIRE = {"sklearn": {"silhouette_plot"}}
"""What wandb 0.31 leaves out itself: it takes KMeans of scikit-learn 1.9 for no clusterer."""


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_says_the_same_by_either_door(client, module_door, wire_door):
    module, wire = module_door(f"with_{client}.py"), wire_door(f"with_{client}.py")
    assert module[0]["status"] == "finished"
    assert CLIENTS[client] <= set(module[0]["numbers"])
    lost = NOT_BY_WIRE.get(client, set())
    assert lost <= set(module[0]["others"])
    module[0]["others"] = [name for name in module[0]["others"] if name not in lost]
    assert module == wire


def test_the_callbacks_of_wandb_for_keras_need_no_tensorflow_by_the_module_door(module_door):
    [run] = module_door("with_keras_callbacks.py")
    assert run["numbers"]["epoch/epoch"] == [0, 1, 2]
    assert {"epoch/loss", "epoch/learning_rate"} <= set(run["numbers"])
    assert run["artifacts"] == {"run_ID_model": ["line.keras"]}
