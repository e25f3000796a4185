"""What the plots of scikit-learn models are drawn from: a table each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import base, calibration, linear_model, metrics, model_selection

from homeostat.compat.wandb._plot import CustomChart, visualize
from homeostat.core import RealClock
from homeostat.media import Table

__all__ = [
    "calibration_curves",
    "class_proportions",
    "confusion_matrix",
    "elbow_curve",
    "feature_importances",
    "learning_curve",
    "outlier_candidates",
    "residuals",
    "silhouette",
    "summary_metrics",
]

_MOST_ROWS = 1000
Labels = Sequence[str] | None


def _chart(spec: str, columns: list[str], rows: list[list[Any]]) -> CustomChart:
    if len(rows) > _MOST_ROWS:  # evenly, the first and the last among them
        rows = [rows[int(i)] for i in np.linspace(0, len(rows) - 1, _MOST_ROWS)]
    plain = [[one.item() if isinstance(one, np.generic) else one for one in row] for row in rows]
    return visualize(f"wandb/{spec}", Table(columns=columns, data=plain, allow_mixed_types=True))


def _named(labels: Labels, known: Sequence[Any]) -> list[str]:
    """Return what classes are called: by their number among the labels, or as they are."""
    if labels is None:
        return [str(one) for one in known]
    numbered = all(isinstance(one, (int, np.integer)) for one in known)
    places = [int(one) for one in known] if numbered else range(len(known))
    return [str(labels[place]) for place in places]


def confusion_matrix(
    truth: Any, guess: Any, labels: Labels, *, normalize: bool  # noqa: ANN401 - arrays
) -> CustomChart:  # fmt: skip
    """Return how often which class was taken for which, or the share of each true class."""
    counts = metrics.confusion_matrix(truth, guess, normalize="true" if normalize else None)
    names = _named(
        labels, np.unique(np.concatenate([np.asarray(truth), np.asarray(guess)])).tolist()
    )
    rows = [
        [names[j], names[i], counts[i, j]] for i in range(len(names)) for j in range(len(names))
    ]
    return _chart("confusion_matrix/v1", ["Predicted", "Actual", "Count"], rows)


def feature_importances(model: Any, names: Sequence[str] | None) -> CustomChart | None:  # noqa: ANN401 - a model
    """Return a model's importances or coefficients, the greatest first; None if it has neither."""
    found = None
    for attribute in ("feature_importances_", "coef_", "feature_log_prob_"):
        found = getattr(model, attribute, None) if found is None else found
    values = None if found is None else np.squeeze(np.asarray(found))
    if values is None or values.ndim != 1:
        return None
    called = [str(i) for i in range(len(values))] if names is None else [str(one) for one in names]
    rows = [[called[i], values[i]] for i in np.argsort(values)[::-1]]
    return _chart("feature_importances/v1", ["feature_names", "importances"], rows)


def class_proportions(y_train: Any, y_test: Any, labels: Labels) -> CustomChart:  # noqa: ANN401 - arrays
    """Return how often each class is in the training and in the test set."""
    train, test = np.asarray(y_train), np.asarray(y_test)
    known = np.unique(np.concatenate([train, test]))
    rows = []
    for one, name in zip(known, _named(labels, known.tolist()), strict=True):
        rows.append([name, "train", (train == one).sum()])
        rows.append([name, "test", (test == one).sum()])
    return _chart("class_proportions/v1", ["class", "dataset", "count"], rows)


def calibration_curves(model: Any, x: Any, y: Any, name: str) -> CustomChart:  # noqa: ANN401 - a model and arrays
    """Return how often what is predicted with a probability is so: the model calibrated twice.

    The models are fitted to a tenth of the rows and tried on the others.
    """
    x_fit, x_try, y_fit, y_try = model_selection.train_test_split(
        x, y, test_size=0.9, random_state=42
    )
    tried = {
        "Logistic": linear_model.LogisticRegression(),
        f"{name} Isotonic": calibration.CalibratedClassifierCV(
            base.clone(model), cv=2, method="isotonic"
        ),
        f"{name} Sigmoid": calibration.CalibratedClassifierCV(
            base.clone(model), cv=2, method="sigmoid"
        ),
    }
    rows: list[list[Any]] = [["Perfectly calibrated", at, at, 0, 0.0] for at in (0.0, 1.0)]
    for called, one in tried.items():
        chance = one.fit(x_fit, y_fit).predict_proba(x_try)[:, 1]
        counts, edges = np.histogram(chance, bins=10)
        share, mean = calibration.calibration_curve(y_try, chance, n_bins=10)
        rows += [[called, share[i], mean[i], counts[i], edges[i]] for i in range(len(share))]
    columns = ["model", "fraction_of_positives", "mean_predicted_value", "hist_dict", "edge_dict"]
    return _chart("calibration/v1", columns, rows)


def summary_metrics(model: Any, x_test: Any, y_test: Any) -> CustomChart:  # noqa: ANN401 - a model and arrays
    """Return the usual figures of a classifier or a regressor on the test set."""
    guess = model.predict(x_test)
    if base.is_classifier(model):
        of = {"average": "weighted", "zero_division": 0}
        found = {
            "accuracy_score": metrics.accuracy_score(y_test, guess),
            "precision": metrics.precision_score(y_test, guess, **of),
            "recall": metrics.recall_score(y_test, guess, **of),
            "f1_score": metrics.f1_score(y_test, guess, **of),
        }
    else:
        found = {
            "mae": metrics.mean_absolute_error(y_test, guess),
            "mse": metrics.mean_squared_error(y_test, guess),
            "r2_score": metrics.r2_score(y_test, guess),
        }
    rows = [[name, float(value), type(model).__name__] for name, value in found.items()]
    return _chart("metrics/v1", ["metric_name", "metric_value", "model_name"], rows)


def learning_curve(model: Any, x: Any, y: Any, **how: Any) -> CustomChart:  # noqa: ANN401 - as scikit-learn has them
    """Return the score by how many rows are learnt from."""
    sizes, train, test = model_selection.learning_curve(model, x, y, **how)[:3]
    rows: list[list[Any]] = []
    for size, one, other in zip(sizes, train.mean(axis=1), test.mean(axis=1), strict=True):
        rows += [["train", one, size], ["test", other, size]]
    return _chart("learning_curve/v1", ["dataset", "score", "train_size"], rows)


def outlier_candidates(model: Any, x: Any, y: Any) -> CustomChart:  # noqa: ANN401 - a model and arrays
    """Return each row's influence on the fit: Cook's distance (1977)."""
    points, truth = np.asarray(x, np.float64), np.asarray(y, np.float64)
    rest = truth - model.fit(points, truth).predict(points)
    leverage = np.einsum("ij,ji->i", points, np.linalg.pinv(points))  # (n,)
    freedom = max(len(points) - np.linalg.matrix_rank(points), 1)
    studentized = rest / np.sqrt(rest @ rest / freedom) / np.sqrt(1 - leverage)
    distance = studentized**2 / points.shape[1] * leverage / (1 - leverage)
    limit = 4 / len(points)
    share = float((distance >= limit).mean() * 100)
    rows = [[float(one), i, share, limit] for i, one in enumerate(distance)]
    columns = ["distance", "instance_indicies", "outlier_percentage", "influence_threshold"]
    return _chart("outliers/v1", columns, rows)


def residuals(model: Any, x: Any, y: Any) -> CustomChart:  # noqa: ANN401 - a model and arrays
    """Return what is left by a fit to four fifths of the rows, on them and on the others."""
    x_fit, x_try, y_fit, y_try = model_selection.train_test_split(x, y, test_size=0.2)
    model.fit(x_fit, y_fit)
    scores = [float(model.score(x_fit, y_fit)), float(model.score(x_try, y_try))]
    rows: list[list[Any]] = []
    for part, points, truth in (("train", x_fit, y_fit), ("test", x_try, y_try)):
        guess = model.predict(points)
        rows += [[part, one, one - real, *scores] for one, real in zip(guess, truth, strict=True)]
    columns = ["dataset", "y_pred", "residuals", "train_score", "test_score"]
    return _chart("residuals_plot/v1", columns, rows)


def elbow_curve(
    model: Any, x: Any, counts: Sequence[int] | None  # noqa: ANN401 - a model and an array
) -> CustomChart:  # fmt: skip
    """Return the score of a clusterer by the number of its clusters, and what the fit took."""
    rows: list[list[Any]] = []
    clock = RealClock()
    for count in sorted(counts or range(1, 10, 2)):
        start = clock.time_ns()
        fitted = base.clone(model).set_params(n_clusters=count).fit(x)
        rows.append([count, abs(float(fitted.score(x))), (clock.time_ns() - start) / 1e9])
    return _chart("elbow/v1", ["cluster_ranges", "errors", "clustering_time"], rows)


def silhouette(
    model: Any, x: Any, clusters: Any, metric: str, *, centred: bool  # noqa: ANN401 - a model and arrays
) -> CustomChart:  # fmt: skip
    """Return how near each row is to its own cluster, compared with the next one."""
    points, of = np.asarray(x), np.asarray(clusters)
    mean = float(metrics.silhouette_score(points, of, metric=metric))
    each = metrics.silhouette_samples(points, of, metric=metric)
    rows: list[list[Any]] = []
    low = 10
    for place, cluster in enumerate(np.unique(of)):
        mine = np.flatnonzero(of == cluster)
        mine = mine[np.argsort(each[mine])]
        x0, y0 = model.cluster_centers_[place][:2] if centred else (None, None)
        for height, i in enumerate(mine):
            rows.append(
                [points[i, 0], points[i, 1], cluster, x0, y0, low + height, 0, each[i], cluster,
                 mean]
            )  # fmt: skip
        low += len(mine) + 10
    columns = ["x", "y", "colors", "centerx", "centery", "y_sil", "x1", "x2", "color_sil",
               "silhouette_avg"]  # fmt: skip
    return _chart("silhouette_/v1", columns, rows)
