"""Monitor: shifts of features, outcomes and concept, accuracy as it becomes known, alarms."""

from homeostat.monitor._accuracy import Accuracy
from homeostat.monitor._alarm import Alarm
from homeostat.monitor._alarms import Alarms
from homeostat.monitor._concept import ConceptShift
from homeostat.monitor._diagnosis import Diagnosis
from homeostat.monitor._feature import Limits
from homeostat.monitor._feature_shift import FeatureShift
from homeostat.monitor._label_shift import LabelShift, RateEstimate
from homeostat.monitor._loss_by_cell import LossByCell
from homeostat.monitor._odd_runs import OddRuns
from homeostat.monitor._outcome_limits import OutcomeLimits
from homeostat.monitor._outcomes import Outcomes
from homeostat.monitor._prediction_shift import PredictionShift
from homeostat.monitor._windows import Windows

__all__ = [
    "Accuracy",
    "Alarm",
    "Alarms",
    "ConceptShift",
    "Diagnosis",
    "FeatureShift",
    "LabelShift",
    "Limits",
    "LossByCell",
    "OddRuns",
    "OutcomeLimits",
    "Outcomes",
    "PredictionShift",
    "RateEstimate",
    "Windows",
]
