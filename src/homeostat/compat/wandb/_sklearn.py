"""``wandb.sklearn``: plots of scikit-learn models, logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import cluster, naive_bayes

from homeostat import track
from homeostat.compat.wandb import _sklearn_tables as tables
from homeostat.compat.wandb._plot import CustomChart, pr_curve, roc_curve
from homeostat.compat.wandb._term import termlog, termwarn

__all__ = [
    "plot_calibration_curve",
    "plot_class_proportions",
    "plot_classifier",
    "plot_clusterer",
    "plot_confusion_matrix",
    "plot_elbow_curve",
    "plot_feature_importances",
    "plot_learning_curve",
    "plot_outlier_candidates",
    "plot_precision_recall",
    "plot_regressor",
    "plot_residuals",
    "plot_roc",
    "plot_silhouette",
    "plot_summary_metrics",
]

_Labels = Sequence[str] | None


def _log(name: str, chart: CustomChart) -> None:
    track.log({name: chart})


def plot_classifier(
    model: Any, X_train: Any, X_test: Any, y_train: Any, y_test: Any, y_pred: Any,  # noqa: ANN401, N803 - a model and arrays
    y_probas: Any, labels: _Labels, is_binary: bool = False, model_name: str = "Classifier",  # noqa: ANN401, ARG001, FBT001, FBT002 - as W&B has it
    feature_names: Sequence[str] | None = None, log_learning_curve: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:  # fmt: skip
    """Log every plot there is of a classifier."""
    termlog(f"Plotting {model_name}.")
    counting = isinstance(model, naive_bayes.MultinomialNB)
    if not counting:
        plot_feature_importances(model, feature_names)
    if log_learning_curve:
        plot_learning_curve(model, X_train, y_train)
    plot_confusion_matrix(y_test, y_pred, labels)
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_class_proportions(y_train, y_test, labels)
    if not counting:
        plot_calibration_curve(model, X_train, y_train, model_name)
    plot_roc(y_test, y_probas, labels)
    plot_precision_recall(y_test, y_probas, labels)


def plot_regressor(
    model: Any, X_train: Any, X_test: Any, y_train: Any, y_test: Any,  # noqa: ANN401, N803 - a model and arrays
    model_name: str = "Regressor",
) -> None:  # fmt: skip
    """Log every plot there is of a regressor."""
    termlog(f"Plotting {model_name}.")
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_learning_curve(model, X_train, y_train)
    plot_outlier_candidates(model, X_train, y_train)
    plot_residuals(model, X_train, y_train)


def plot_clusterer(
    model: Any, X_train: Any, cluster_labels: Any, labels: _Labels = None,  # noqa: ANN401, N803 - a model and arrays
    model_name: str = "Clusterer",
) -> None:  # fmt: skip
    """Log every plot there is of a clusterer."""
    termlog(f"Plotting {model_name}.")
    centred = isinstance(model, cluster.KMeans)
    if centred:
        plot_elbow_curve(model, X_train)
    plot_silhouette(model, X_train, cluster_labels, labels, kmeans=centred)


def plot_roc(
    y_true: Any = None, y_probas: Any = None, labels: _Labels = None, plot_micro: bool = True,  # noqa: ANN401, ARG001, FBT001, FBT002 - as W&B has it
    plot_macro: bool = True, classes_to_plot: Sequence[object] | None = None,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> None:  # fmt: skip
    """Log the receiver operating characteristic of each class."""
    _log("roc", roc_curve(y_true, y_probas, labels, classes_to_plot))


def plot_precision_recall(
    y_true: Any = None, y_probas: Any = None, labels: _Labels = None, plot_micro: bool = True,  # noqa: ANN401, ARG001, FBT001, FBT002 - as W&B has it
    classes_to_plot: Sequence[object] | None = None,
) -> None:  # fmt: skip
    """Log precision over recall of each class."""
    _log("precision_recall", pr_curve(y_true, y_probas, labels, classes_to_plot))


def plot_confusion_matrix(
    y_true: Any = None, y_pred: Any = None, labels: _Labels = None, true_labels: object = None,  # noqa: ANN401, ARG001 - as W&B has it
    pred_labels: object = None, normalize: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> None:  # fmt: skip
    """Log how often which class was taken for which."""
    _log("confusion_matrix", tables.confusion_matrix(y_true, y_pred, labels, normalize=normalize))


def plot_feature_importances(
    model: Any = None, feature_names: Sequence[str] | None = None,  # noqa: ANN401 - a model
    title: str = "Feature Importance", max_num_features: int = 50,  # noqa: ARG001 - as W&B has it
) -> None:  # fmt: skip
    """Log a model's importances or coefficients, the greatest first."""
    chart = tables.feature_importances(model, feature_names)
    if chart is None:
        termwarn(f"A {type(model).__name__} has no importances, one a feature: none are plotted.")
        return
    _log("feature_importances", chart)


def plot_class_proportions(y_train: Any = None, y_test: Any = None, labels: _Labels = None) -> None:  # noqa: ANN401 - arrays
    """Log how often each class is in the training and in the test set."""
    _log("class_proportions", tables.class_proportions(y_train, y_test, labels))


def plot_calibration_curve(
    clf: Any = None, X: Any = None, y: Any = None, clf_name: str = "Classifier"  # noqa: ANN401, N803 - a model and arrays
) -> None:  # fmt: skip
    """Log how well a binary classifier's probabilities are met; it is fitted anew, in copies."""
    if not set(np.unique(np.asarray(y)).tolist()) <= {0, 1}:
        termwarn("A calibration curve is of a classifier with classes 0 and 1: none is plotted.")
        return
    _log("calibration_curve", tables.calibration_curves(clf, X, y, clf_name))


def plot_summary_metrics(
    model: Any = None, X: Any = None, y: Any = None, X_test: Any = None, y_test: Any = None,  # noqa: ANN401, ARG001, N803 - a model and arrays
) -> None:  # fmt: skip
    """Log the usual figures of a model on the test set."""
    _log("summary_metrics", tables.summary_metrics(model, X_test, y_test))


def plot_learning_curve(
    model: Any = None, X: Any = None, y: Any = None, cv: Any = None, shuffle: bool = False,  # noqa: ANN401, FBT001, FBT002, N803 - as scikit-learn has them
    random_state: Any = None, train_sizes: Any = None, n_jobs: int = 1, scoring: Any = None,  # noqa: ANN401 - likewise
) -> None:  # fmt: skip
    """Log a model's score by how many rows it learns from; it is fitted anew, in copies."""
    how = {"cv": cv, "shuffle": shuffle, "random_state": random_state, "n_jobs": n_jobs}
    sizes = np.linspace(0.1, 1.0, 5) if train_sizes is None else train_sizes
    chart = tables.learning_curve(model, X, y, train_sizes=sizes, scoring=scoring, **how)
    _log("learning_curve", chart)


def plot_outlier_candidates(regressor: Any = None, X: Any = None, y: Any = None) -> None:  # noqa: ANN401, N803 - a model and arrays
    """Log each row's influence on a regressor, which is fitted anew."""
    _log("outlier_candidates", tables.outlier_candidates(regressor, X, y))


def plot_residuals(regressor: Any = None, X: Any = None, y: Any = None) -> None:  # noqa: ANN401, N803 - a model and arrays
    """Log what a regressor leaves, which is fitted anew."""
    _log("residuals", tables.residuals(regressor, X, y))


def plot_elbow_curve(
    clusterer: Any = None, X: Any = None, cluster_ranges: Sequence[int] | None = None,  # noqa: ANN401, N803 - a model and an array
    n_jobs: int = 1, show_cluster_time: bool = True,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> None:  # fmt: skip
    """Log a clusterer's score by the number of its clusters; it is fitted anew, in copies."""
    if not hasattr(clusterer, "n_clusters"):
        termwarn(f"A {type(clusterer).__name__} has no `n_clusters`: no elbow curve is plotted.")
        return
    _log("elbow_curve", tables.elbow_curve(clusterer, X, cluster_ranges))


def plot_silhouette(
    clusterer: Any = None, X: Any = None, cluster_labels: Any = None, labels: _Labels = None,  # noqa: ANN401, ARG001, N803 - a model and arrays
    metric: str = "euclidean", kmeans: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:  # fmt: skip
    """Log how near each row is to its own cluster, compared with the next one."""
    chart = tables.silhouette(clusterer, X, cluster_labels, metric, centred=kmeans)
    _log("silhouette_plot", chart)
