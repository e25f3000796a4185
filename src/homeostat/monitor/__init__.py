"""Monitor: shifts of features, outcomes and concept, accuracy as it becomes known, alarms."""

from homeostat.monitor._feature import Limits
from homeostat.monitor._feature_shift import FeatureShift
from homeostat.monitor._loss_by_cell import LossByCell

__all__ = [
    "FeatureShift",
    "Limits",
    "LossByCell",
]
