"""CatBoost, with W&B's callback."""

import numpy as np
import wandb
from catboost import CatBoostClassifier
from wandb.integration.catboost import WandbCallback, log_summary

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4))
y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)

wandb.init(project="matrix")
model = CatBoostClassifier(
    iterations=6, depth=2, random_seed=0, thread_count=1, verbose=False, allow_writing_files=False
)
model.fit(x[:200], y[:200], eval_set=(x[200:], y[200:]), callbacks=[WandbCallback()])
log_summary(model, save_model_checkpoint=True)
wandb.finish()
