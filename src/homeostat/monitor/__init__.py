"""Monitor: shifts of features, outcomes and concept, accuracy as it becomes known, alarms."""

from homeostat.monitor._answers._accuracy import Accuracy
from homeostat.monitor._answers._feedback import FeedbackMetric
from homeostat.monitor._answers._odd_runs import OddRuns
from homeostat.monitor._answers._outcome_limits import OutcomeLimits
from homeostat.monitor._answers._outcomes import Outcomes
from homeostat.monitor._answers._prediction_shift import PredictionShift
from homeostat.monitor._cause._causes import Causes
from homeostat.monitor._cause._explain import explain
from homeostat.monitor._cause._explain_metric import explain_metric
from homeostat.monitor._cause._kinds import Kinds
from homeostat.monitor._cause._metric_rows import with_metric
from homeostat.monitor._cause._mix import Mix, SegmentShare, decompose
from homeostat.monitor._cause._spread import Spread
from homeostat.monitor._evidence._alarm import Alarm
from homeostat.monitor._evidence._alarms import Alarms
from homeostat.monitor._evidence._feature_watch import FeatureWatch
from homeostat.monitor._features._feature import Limits
from homeostat.monitor._features._feature_shift import FeatureShift
from homeostat.monitor._monitor._monitor import Monitor
from homeostat.monitor._monitor._report import JudgedWindow, Report, report
from homeostat.monitor._performance._concept import ConceptShift
from homeostat.monitor._performance._diagnosis import Diagnosis
from homeostat.monitor._performance._estimated_loss import EstimatedLoss
from homeostat.monitor._performance._estimated_performance import EstimatedPerformance
from homeostat.monitor._performance._importance_weights import ImportanceWeights
from homeostat.monitor._performance._label_prior import ClassShares, LabelPrior
from homeostat.monitor._performance._label_shift import LabelShift
from homeostat.monitor._performance._loss_by_cell import LossByCell
from homeostat.monitor._performance._metric_estimate import MetricEstimate
from homeostat.monitor._performance._shift_kind import ShiftKind
from homeostat.monitor._windows._arrivals import Arrivals
from homeostat.monitor._windows._calendar import season_of
from homeostat.monitor._windows._change_point import ChangePoint, change_point
from homeostat.monitor._windows._onsets import onsets
from homeostat.monitor._windows._scales import across_scales
from homeostat.monitor._windows._store import Windows

__all__ = [
    "Accuracy",
    "Alarm",
    "Alarms",
    "Arrivals",
    "Causes",
    "ChangePoint",
    "ClassShares",
    "ConceptShift",
    "Diagnosis",
    "EstimatedLoss",
    "EstimatedPerformance",
    "FeatureShift",
    "FeatureWatch",
    "FeedbackMetric",
    "ImportanceWeights",
    "JudgedWindow",
    "Kinds",
    "LabelPrior",
    "LabelShift",
    "Limits",
    "LossByCell",
    "MetricEstimate",
    "Mix",
    "Monitor",
    "OddRuns",
    "OutcomeLimits",
    "Outcomes",
    "PredictionShift",
    "Report",
    "SegmentShare",
    "ShiftKind",
    "Spread",
    "Windows",
    "across_scales",
    "change_point",
    "decompose",
    "explain",
    "explain_metric",
    "onsets",
    "report",
    "season_of",
    "with_metric",
]
