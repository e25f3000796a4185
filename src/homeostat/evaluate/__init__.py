"""Is a model good enough: metrics, comparison, calibration, slices, behaviour, confidence."""

from homeostat.evaluate._behaviour._curve import Sensitivity, SensitivityPoint
from homeostat.evaluate._behaviour._directional import check_directional, check_phrases
from homeostat.evaluate._behaviour._functionality import check_functionality, check_templates
from homeostat.evaluate._behaviour._invariance import check_invariance
from homeostat.evaluate._behaviour._perturbations import PERTURBATIONS, Perturbation, perturb
from homeostat.evaluate._behaviour._sensitivity import check_perturbation, sensitivity
from homeostat.evaluate._behaviour._suite import BehaviourSuite, BehaviourTest
from homeostat.evaluate._behaviour._templates import fill_templates
from homeostat.evaluate._behaviour._text_invariance import check_word_invariance
from homeostat.evaluate._behaviour._typos import typos
from homeostat.evaluate._behaviour._words import swap_words
from homeostat.evaluate._calibration._judge import calibration
from homeostat.evaluate._calibration._parts import calibration_over_time, calibration_slices
from homeostat.evaluate._calibration._recalibrate import Recalibration, recalibrate
from homeostat.evaluate._calibration._table import CalibrationTable, compare_calibration
from homeostat.evaluate._card._build import model_card
from homeostat.evaluate._card._card import ModelCard
from homeostat.evaluate._card._facts import CardMetric, Intent, ModelFacts, Moment, Seen
from homeostat.evaluate._card._html import card_style
from homeostat.evaluate._compare import (
    Compared,
    Comparison,
    ComparisonLine,
    DatasetComparison,
    OverSeeds,
    SeedComparison,
    Winner,
    baselines,
    best_of,
    compare,
    compare_datasets,
    compare_folds,
    compare_seeds,
)
from homeostat.evaluate._confidence._conformal_intervals import (
    ConformalIntervals,
    conformal_intervals,
)
from homeostat.evaluate._confidence._conformal_parts import conformal_quantile
from homeostat.evaluate._confidence._conformal_sets import ConformalSets, conformal_sets
from homeostat.evaluate._confidence._coverage import check_coverage, check_sets, rolling_coverage
from homeostat.evaluate._confidence._handling import (
    Handling,
    HandlingTable,
    cheapest_threshold,
    handling,
)
from homeostat.evaluate._confidence._risk_coverage import RiskCoverage, risk_coverage
from homeostat.evaluate._confidence._score import confidence
from homeostat.evaluate._confidence._threshold import (
    RiskControl,
    abstain,
    confidence_threshold,
    control_risk,
    control_risk_by,
)
from homeostat.evaluate._confidence._to_label import to_label
from homeostat.evaluate._gates import (
    Gate,
    GateContext,
    bears,
    beats,
    behaves,
    calibrated,
    covers,
    directional,
    invariance,
    no_worse,
    slices_at_least,
    slices_even,
)
from homeostat.evaluate._metrics import (
    ConfusionTable,
    Metric,
    Metrics,
    ThresholdChoice,
    best_threshold,
    confusion_table,
    decision_metrics,
    metrics,
    quantile_metrics,
    ranking_metrics,
    regression_metrics,
)
from homeostat.evaluate._slicing._by import time_slices
from homeostat.evaluate._slicing._by_slice import compare_by_slice
from homeostat.evaluate._slicing._cube import Cube, cube
from homeostat.evaluate._slicing._cuts import Cut, cut
from homeostat.evaluate._slicing._errors import error_contrasts
from homeostat.evaluate._slicing._find import find_slices
from homeostat.evaluate._slicing._measures import Measure, row_losses
from homeostat.evaluate._slicing._measures_own import own_measure, row_measure
from homeostat.evaluate._slicing._near import Near
from homeostat.evaluate._slicing._over_time import slices_over_time
from homeostat.evaluate._slicing._predicates import Part, Slice, Where
from homeostat.evaluate._slicing._saved import SavedSlice, follow_slices, slice_queue
from homeostat.evaluate._slicing._simpson import simpson, simpson_scan
from homeostat.evaluate._slicing._slices import slices

__all__ = [
    "PERTURBATIONS",
    "BehaviourSuite",
    "BehaviourTest",
    "CalibrationTable",
    "CardMetric",
    "Compared",
    "Comparison",
    "ComparisonLine",
    "ConformalIntervals",
    "ConformalSets",
    "ConfusionTable",
    "Cube",
    "Cut",
    "DatasetComparison",
    "Gate",
    "GateContext",
    "Handling",
    "HandlingTable",
    "Intent",
    "Measure",
    "Metric",
    "Metrics",
    "ModelCard",
    "ModelFacts",
    "Moment",
    "Near",
    "OverSeeds",
    "Part",
    "Perturbation",
    "Recalibration",
    "RiskControl",
    "RiskCoverage",
    "SavedSlice",
    "SeedComparison",
    "Seen",
    "Sensitivity",
    "SensitivityPoint",
    "Slice",
    "ThresholdChoice",
    "Where",
    "Winner",
    "abstain",
    "baselines",
    "bears",
    "beats",
    "behaves",
    "best_of",
    "best_threshold",
    "calibrated",
    "calibration",
    "calibration_over_time",
    "calibration_slices",
    "card_style",
    "cheapest_threshold",
    "check_coverage",
    "check_directional",
    "check_functionality",
    "check_invariance",
    "check_perturbation",
    "check_phrases",
    "check_sets",
    "check_templates",
    "check_word_invariance",
    "compare",
    "compare_by_slice",
    "compare_calibration",
    "compare_datasets",
    "compare_folds",
    "compare_seeds",
    "confidence",
    "confidence_threshold",
    "conformal_intervals",
    "conformal_quantile",
    "conformal_sets",
    "confusion_table",
    "control_risk",
    "control_risk_by",
    "covers",
    "cube",
    "cut",
    "decision_metrics",
    "directional",
    "error_contrasts",
    "fill_templates",
    "find_slices",
    "follow_slices",
    "handling",
    "invariance",
    "metrics",
    "model_card",
    "no_worse",
    "own_measure",
    "perturb",
    "quantile_metrics",
    "ranking_metrics",
    "recalibrate",
    "regression_metrics",
    "risk_coverage",
    "rolling_coverage",
    "row_losses",
    "row_measure",
    "sensitivity",
    "simpson",
    "simpson_scan",
    "slice_queue",
    "slices",
    "slices_at_least",
    "slices_even",
    "slices_over_time",
    "swap_words",
    "time_slices",
    "to_label",
    "typos",
]
