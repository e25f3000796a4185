"""XGBoost, with W&B's callback."""

import numpy as np
import wandb
import xgboost as xgb
from wandb.integration.xgboost import WandbCallback

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4))
y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)

with wandb.init(project="matrix", config={"note": "from the script"}):
    model = xgb.XGBClassifier(
        n_estimators=5,
        max_depth=2,
        eval_metric=["auc", "logloss"],
        early_stopping_rounds=5,
        callbacks=[WandbCallback(log_model=True)],
    )
    model.fit(x[:200], y[:200], eval_set=[(x[200:], y[200:])], verbose=False)
