"""``wandb.plot``: charts as their data, kept as a table, with what to draw from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from homeostat.core import InputError, Json
from homeostat.media import Put, Row, Table

__all__ = [
    "CustomChart",
    "bar",
    "confusion_matrix",
    "histogram",
    "line",
    "line_series",
    "plot_table",
    "pr_curve",
    "roc_curve",
    "scatter",
    "visualize",
]

_MOST_POINTS = 10_000


class CustomChart:
    """A chart: its table, and which column is what.

    Args:
        spec: What is drawn, such as ``"line"``.
        table: The data.
        fields: Column by role, such as ``{"x": "step", "y": "loss"}``.
        strings: Texts, such as ``{"title": "Loss"}``.
    """

    def __init__(
        self,
        spec: str,
        table: Table,
        fields: Mapping[str, str],
        strings: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(table, Table):
            raise InputError(f"A chart is drawn from a Table, got {type(table).__name__}.")
        missing = sorted(set(fields.values()) - set(table.columns))
        if missing:
            raise InputError(
                f"A chart draws columns of its table ({', '.join(table.columns)}), got "
                f"{', '.join(missing)}."
            )
        self.spec, self.table = spec, table
        self.fields, self.strings = dict(fields), dict(strings or {})

    def to_row(self, put: Put) -> Row:
        """Put the table, and return the row that stands for the chart."""
        fields: dict[str, Json] = dict(self.fields)
        strings: dict[str, Json] = dict(self.strings)
        return {
            "_type": "custom-chart",
            "spec": self.spec,
            "fields": fields,
            "strings": strings,
            "table": self.table.to_row(put),
        }

    def __repr__(self) -> str:
        return f"CustomChart({self.spec} of {self.table!r})"


def plot_table(
    vega_spec_name: str,
    data_table: Table,
    fields: Mapping[str, str],
    string_fields: Mapping[str, str] | None = None,
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:
    """Return a chart of a table; the spec is a name that is kept, not drawn by us."""
    return CustomChart(vega_spec_name, data_table, fields, string_fields)


def visualize(id: str, value: Table) -> CustomChart:  # noqa: A002 - W&B's word
    """Return a chart of a table whose columns are what the spec calls them."""
    return CustomChart(id, value, {name: name for name in value.columns})


def _titled(title: str | None) -> dict[str, str]:
    return {} if title is None else {"title": title}


def line(
    table: Table, x: str, y: str, stroke: str | None = None, title: str | None = None,
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:  # fmt: skip
    """Return a line chart of two columns, one line for each value of ``stroke``."""
    fields = {"x": x, "y": y} | ({} if stroke is None else {"stroke": stroke})
    return CustomChart("line", table, fields, _titled(title))


def scatter(
    table: Table, x: str, y: str, title: str | None = None,
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:  # fmt: skip
    """Return a scatter chart of two columns."""
    return CustomChart("scatter", table, {"x": x, "y": y}, _titled(title))


def bar(
    table: Table, label: str, value: str, title: str | None = None,
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:  # fmt: skip
    """Return a bar chart: a label and a value a bar."""
    return CustomChart("bar", table, {"label": label, "value": value}, _titled(title))


def histogram(
    table: Table, value: str, title: str | None = None,
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:  # fmt: skip
    """Return a histogram of one column."""
    return CustomChart("histogram", table, {"value": value}, _titled(title))


def line_series(
    xs: Sequence[Any],
    ys: Sequence[Sequence[Any]],
    keys: Sequence[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:
    """Return several lines over one x axis, or each over its own."""
    each = isinstance(xs[0], (Sequence, np.ndarray)) if len(xs) else False
    axes = list(xs) if each else [xs] * len(ys)
    names = [str(key) for key in keys] if keys else [f"line_{i}" for i in range(len(ys))]
    if not len(axes) == len(ys) == len(names):
        raise InputError(
            f"Lines have one x, y and key each, got {len(axes)}, {len(ys)} and {len(names)}."
        )
    rows = [
        [one, name, value]
        for axis, values, name in zip(axes, ys, names, strict=True)
        for one, value in zip(axis, values, strict=True)
    ]
    table = Table(columns=["step", "lineKey", "lineVal"], data=rows, allow_mixed_types=True)
    fields = {"step": "step", "lineKey": "lineKey", "lineVal": "lineVal"}
    return CustomChart("lineseries", table, fields, {"title": title, "xname": xname})


def _scores(
    y_true: object, y_probas: object, labels: Sequence[str] | None, classes: Sequence[object] | None
) -> tuple[npt.NDArray[Any], list[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.bool_]]]]:
    """Return the truth, and for each class its name, scores and which rows are of it."""
    truth = np.asarray(y_true)
    scores = np.asarray(y_probas, np.float64)
    if scores.ndim == 1:
        scores = np.stack([1 - scores, scores], axis=1)
    if scores.shape[0] != truth.shape[0] or truth.ndim != 1:
        raise InputError(
            f"A curve has one row of probabilities for each label, got {scores.shape} for "
            f"{truth.shape}."
        )
    known = np.unique(truth)
    if len(known) > scores.shape[1]:
        raise InputError(
            f"There must be probabilities of each of the {len(known)} classes, got "
            f"{scores.shape[1]} columns."
        )
    if labels is not None and len(labels) < scores.shape[1] == len(known):
        raise InputError(f"There are {len(known)} classes, got {len(labels)} labels.")
    found = []
    for place, one in enumerate(known):
        if classes is not None and one not in classes:
            continue
        name = str(labels[place]) if labels is not None else str(one)
        found.append((name, scores[:, place], truth == one))
    return truth, found


def _thinned(*columns: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    size = len(columns[0])
    if size <= _MOST_POINTS:
        return list(columns)
    kept = np.unique(np.linspace(0, size - 1, _MOST_POINTS).astype(np.int64))
    return [column[kept] for column in columns]


def roc_curve(
    y_true: object = None,
    y_probas: object = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[object] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:
    """Return the receiver operating characteristic of each class against the rest."""
    from sklearn.metrics import roc_curve as curve  # noqa: PLC0415 - heavy

    _, found = _scores(y_true, y_probas, labels, classes_to_plot)
    rows: list[list[object]] = []
    for name, score, is_one in found:
        fpr, tpr, _ = curve(is_one, score)
        rows += [[name, float(x), float(y)] for x, y in zip(*_thinned(fpr, tpr), strict=True)]
    table = Table(columns=["class", "fpr", "tpr"], data=rows)
    return CustomChart("area-under-curve", table, {"x": "fpr", "y": "tpr", "class": "class"},
                       _titled(title))  # fmt: skip


def pr_curve(
    y_true: object = None,
    y_probas: object = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[object] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:
    """Return precision over recall of each class against the rest, at ``interp_size`` recalls."""
    from sklearn.metrics import precision_recall_curve  # noqa: PLC0415 - heavy

    at = np.linspace(0, 1, interp_size)[::-1]
    _, found = _scores(y_true, y_probas, labels, classes_to_plot)
    rows: list[list[object]] = []
    for name, score, is_one in found:
        precision, recall, _ = precision_recall_curve(is_one, score)
        # The recall falls along the curve: of points at or above a recall the best counts.
        best = np.maximum.accumulate(precision)
        places = np.searchsorted(-recall, -at, side="right") - 1
        rows += [[name, float(best[max(i, 0)]), float(r)] for i, r in zip(places, at, strict=True)]
    table = Table(columns=["class", "precision", "recall"], data=rows)
    return CustomChart("area-under-curve", table,
                       {"x": "recall", "y": "precision", "class": "class"},
                       _titled(title))  # fmt: skip


def confusion_matrix(
    probs: object = None,
    y_true: object = None,
    preds: object = None,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
) -> CustomChart:
    """Return how often which class was taken for which: a row a pair, zeros as well."""
    if y_true is None or (probs is None) == (preds is None):
        raise InputError("A confusion matrix needs y_true, and one of probs and preds.")
    truth = np.asarray(y_true)
    guess = np.asarray(preds) if preds is not None else np.asarray(probs).argmax(axis=1)
    if truth.shape != guess.shape:
        raise InputError(f"Labels and predictions go in pairs, got {truth.shape}, {guess.shape}.")
    known = np.unique(np.concatenate([truth, guess]))
    names = _class_names(class_names, known)
    places = {one: i for i, one in enumerate(known.tolist())}
    if class_names is not None and np.issubdtype(known.dtype, np.integer):
        places = {i: i for i in range(len(names))}
    counts = np.zeros((len(names), len(names)), np.int64)
    rows_ = [places[one] for one in truth.tolist()]
    np.add.at(counts, (rows_, [places[one] for one in guess.tolist()]), 1)
    every = range(len(names))
    data = [[names[i], names[j], int(counts[i, j])] for i in every for j in every]
    table = Table(columns=["Actual", "Predicted", "nPredictions"], data=data)
    fields = {"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"}
    return CustomChart("confusion_matrix", table, fields, _titled(title))


def _class_names(given: Sequence[str] | None, known: npt.NDArray[Any]) -> list[str]:
    if given is None:
        return [str(one) for one in known.tolist()]
    most = int(known.max()) + 1 if np.issubdtype(known.dtype, np.integer) else len(known)
    if len(given) < most:
        raise InputError(f"There are {most} classes, got {len(given)} class names.")
    return [str(name) for name in given]
