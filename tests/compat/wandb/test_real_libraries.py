"""LightGBM and scikit-learn, which are installed with us, run for real through the module door."""

import json
import warnings

import numpy as np
import pytest

from homeostat.media import Table
from homeostat.record import Record


def rows_of(record, run, name):
    """Return the rows of a chart's table."""
    text = record.history(run).drop_nulls(name)[name][-1]
    chart = json.loads(text)
    assert chart["_type"] == "custom-chart"
    return Table.from_row(chart["table"], record.read)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    return x, (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)


def test_lightgbm_logs_metrics_parameters_importances_and_the_model(wandb, data):
    import lightgbm as lgb
    from wandb.integration.lightgbm import log_summary, wandb_callback

    x, y = data
    params = {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbosity": -1}
    run = wandb.init(project="trees")
    kept: dict = {}
    model = lgb.train(
        params, lgb.Dataset(x[:200], y[:200]), 6, valid_sets=[lgb.Dataset(x[200:], y[200:])],
        valid_names=["valid"], callbacks=[wandb_callback(), lgb.record_evaluation(kept)],
    )  # fmt: skip
    log_summary(model, save_model_checkpoint=True)
    wandb.finish()
    record = Record(".homeostat")
    info = record.run(run.id)
    logged = record.metrics(run.id, ["valid_auc"])["value"].to_list()
    assert logged == kept["valid"]["auc"]
    assert info.config["objective"] == "binary"
    assert info.summary["valid_auc"] == {"max": max(logged)}
    assert info.summary["valid_binary_logloss"] == {"min": min(kept["valid"]["binary_logloss"])}
    table = rows_of(record, run.id, "Feature Importance")
    assert table.columns == ["Feature", "Importance"]
    assert [row[1] for row in table] == model.feature_importance().tolist()
    text = record.artifact(f"model_{run.id}:best").read("model_ckpt_0.txt")
    again = lgb.Booster(model_str=text.decode())
    assert np.allclose(again.predict(x), model.predict(x))


def test_cross_validation_of_lightgbm_logs_means_and_spreads(wandb, data):
    import lightgbm as lgb
    from wandb.integration.lightgbm import wandb_callback

    x, y = data
    run = wandb.init(project="trees")
    params = {"objective": "binary", "metric": "auc", "verbosity": -1}
    lgb.cv(params, lgb.Dataset(x, y), 3, nfold=2, callbacks=[wandb_callback()])
    wandb.finish()
    names = set(Record(".homeostat").metrics(run.id)["name"].unique())
    assert {"valid_auc-mean", "valid_auc-stdv", "iteration"} <= names


def test_every_plot_of_a_classifier_a_regressor_and_a_clusterer_is_logged(wandb, data):
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LogisticRegression, Ridge

    x, y = data
    run = wandb.init(project="plots")
    model = LogisticRegression().fit(x[:200], y[:200])
    guess, chance = model.predict(x[200:]), model.predict_proba(x[200:])
    wandb.sklearn.plot_classifier(
        model, x[:200], x[200:], y[:200], y[200:], guess, chance, ["no", "yes"], is_binary=True,
        feature_names=["a", "b", "c"], log_learning_curve=True,
    )  # fmt: skip
    target = x @ np.array([1.0, 2.0, 3.0])
    wandb.sklearn.plot_residuals(Ridge(), x, target)
    wandb.sklearn.plot_outlier_candidates(Ridge(), x, target + 0.1 * x[:, 0] ** 2)
    clusters = KMeans(3, n_init=1, random_state=0).fit(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # KMeans of one cluster on a small machine
        wandb.sklearn.plot_clusterer(clusters, x, clusters.labels_, None, "KMeans")
    wandb.finish()
    record = Record(".homeostat")
    importances = rows_of(record, run.id, "feature_importances").data
    assert importances[0] == ["a", pytest.approx(model.coef_[0].max())]
    counts = {(row[0], row[1]): row[2] for row in rows_of(record, run.id, "confusion_matrix")}
    assert counts["yes", "no"] == int(((guess == 1) & (y[200:] == 0)).sum())
    assert sum(counts.values()) == 100
    score = dict(row[:2] for row in rows_of(record, run.id, "summary_metrics"))
    assert score["accuracy_score"] == pytest.approx((guess == y[200:]).mean())
    shown = {name for name in record.history(run.id).columns if name not in {"run", "step", "time"}}
    assert shown == {
        "calibration_curve", "class_proportions", "confusion_matrix", "elbow_curve",
        "feature_importances", "learning_curve", "outlier_candidates", "precision_recall",
        "residuals", "roc", "silhouette_plot", "summary_metrics",
    }  # fmt: skip


def test_the_plots_of_wandb_are_tables_with_what_to_draw(wandb):
    table = wandb.Table(columns=["step", "loss"], data=[[0, 0.5], [1, 0.4]])
    with wandb.init(project="p") as run:
        wandb.log({
            "line": wandb.plot.line(table, "step", "loss", title="Loss"),
            "roc": wandb.plot.roc_curve([0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]),
            "matrix": wandb.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0]),
        })  # fmt: skip
    record = Record(".homeostat")
    assert rows_of(record, run.id, "line").data == [[0, 0.5], [1, 0.4]]
    assert ["0", 0.0, 1.0] in rows_of(record, run.id, "roc").data
    assert ["1", "0", 1] in rows_of(record, run.id, "matrix").data
    with pytest.raises(wandb.errors.UsageError, match="columns"):
        wandb.plot.line(table, "step", "nothing")
