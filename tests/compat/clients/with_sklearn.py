"""Plots of scikit-learn models."""

import numpy as np
import wandb
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 4))
y = (x[:, 0] + 0.3 * rng.normal(size=120) > 0).astype(int)
target = x @ np.array([1.0, 2.0, 3.0, 0.0]) + 0.1 * rng.normal(size=120)

wandb.init(project="matrix", config={"model": "logistic"})
model = LogisticRegression().fit(x[:80], y[:80])
wandb.sklearn.plot_classifier(
    model, x[:80], x[80:], y[:80], y[80:], model.predict(x[80:]), model.predict_proba(x[80:]),
    ["no", "yes"], is_binary=True, model_name="Logistic", feature_names=["a", "b", "c", "d"],
)  # fmt: skip
ridge = Ridge().fit(x[:80], target[:80])
wandb.sklearn.plot_regressor(ridge, x[:80], x[80:], target[:80], target[80:], "Ridge")
clusterer = KMeans(3, n_init=1, random_state=0).fit(x)
wandb.sklearn.plot_clusterer(clusterer, x, clusterer.labels_, ["a", "b", "c"], "KMeans")
wandb.log({"accuracy": float(model.score(x[80:], y[80:]))})
wandb.finish()
