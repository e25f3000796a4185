"""Metrics of predictions and decisions, of two classes or many, each with its interval."""

from homeostat.evaluate._metrics._confusion import ConfusionTable, confusion_table
from homeostat.evaluate._metrics._lists import ranking_metrics
from homeostat.evaluate._metrics._metric import Metric, Metrics
from homeostat.evaluate._metrics._numbers import quantile_metrics, regression_metrics
from homeostat.evaluate._metrics._table import decision_metrics, metrics
from homeostat.evaluate._metrics._thresholds import ThresholdChoice, best_threshold

__all__ = [
    "ConfusionTable",
    "Metric",
    "Metrics",
    "ThresholdChoice",
    "best_threshold",
    "confusion_table",
    "decision_metrics",
    "metrics",
    "quantile_metrics",
    "ranking_metrics",
    "regression_metrics",
]
