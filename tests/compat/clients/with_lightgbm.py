"""LightGBM, with W&B's callback."""

import lightgbm as lgb
import numpy as np
import wandb
from wandb.integration.lightgbm import log_summary, wandb_callback

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4))
y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)
fit, check = lgb.Dataset(x[:200], y[:200]), lgb.Dataset(x[200:], y[200:])

wandb.init(project="matrix", config={"note": "from the script"})
model = lgb.train(
    {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbosity": -1, "num_leaves": 4},
    fit,
    num_boost_round=5,
    valid_sets=[check],
    valid_names=["valid"],
    callbacks=[wandb_callback()],
)
log_summary(model, save_model_checkpoint=True)
wandb.finish()
