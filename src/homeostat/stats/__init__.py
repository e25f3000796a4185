"""Numerics that several stages share: scores, intervals, tests, distances, calibration."""

from homeostat.stats._beta_calibration import Beta
from homeostat.stats._binary import (
    Floats,
    block_codes,
    check_binary,
    floats,
    score_codes,
)
from homeostat.stats._brier import (
    BrierTerms,
    brier_terms,
)
from homeostat.stats._calibration import (
    CalibrationError,
    calibration_error,
    ece,
)
from homeostat.stats._comparison import (
    Difference,
    McNemar,
    benjamini_hochberg,
    holm,
    mcnemar,
    paired_difference,
)
from homeostat.stats._confidence_sequences import (
    ClusteredMean,
    Moments,
    TwoRates,
    clustered_mean,
    difference_sequence,
    mean_p_value,
    mean_sequence,
    normal_mixture_bound,
    proportion_sequence,
)
from homeostat.stats._costs import CostMatrix
from homeostat.stats._datasets import (
    Friedman,
    critical_difference,
    friedman,
    wilcoxon_signed_rank,
)
from homeostat.stats._decisions import Margins, decision_scores, decision_slopes
from homeostat.stats._distances import (
    Homogeneity,
    hellinger,
    homogeneity,
    js_distance,
    js_divergence,
    kolmogorov_p,
    ks_distance,
    l_infinity,
    psi,
    wasserstein,
)
from homeostat.stats._draws import Draws
from homeostat.stats._evalues import (
    EDetector,
    EProcess,
    merge_e_values,
    p_to_e,
)
from homeostat.stats._folds import FoldTest, corrected_interval, five_by_two, nadeau_bengio
from homeostat.stats._gaps import Kind as CalibrationKind
from homeostat.stats._intervals import (
    Interval,
    block_bootstrap,
    influence_error,
    influence_interval,
    mean_interval,
    proportion_interval,
    resample_counts,
    two_sided,
    wilson,
)
from homeostat.stats._multiclass import check_classes, class_probabilities
from homeostat.stats._power import rows_needed, smallest_difference
from homeostat.stats._ranking import (
    auc_influence,
    auc_interval,
    average_precision_influence,
)
from homeostat.stats._recalibration import (
    Isotonic,
    Platt,
    Temperature,
)
from homeostat.stats._recalibration_classes import OneVsRest, TemperatureScaling, VectorScaling
from homeostat.stats._reliability import Reliability, reliability
from homeostat.stats._scores import (
    Confusion,
    auc,
    average_precision,
    brier,
    confusion,
    log_loss,
    log_losses,
    normalized_entropy,
)

__all__ = [
    "Beta",
    "BrierTerms",
    "CalibrationError",
    "CalibrationKind",
    "ClusteredMean",
    "Confusion",
    "CostMatrix",
    "Difference",
    "Draws",
    "EDetector",
    "EProcess",
    "Floats",
    "FoldTest",
    "Friedman",
    "Homogeneity",
    "Interval",
    "Isotonic",
    "Margins",
    "McNemar",
    "Moments",
    "OneVsRest",
    "Platt",
    "Reliability",
    "Temperature",
    "TemperatureScaling",
    "TwoRates",
    "VectorScaling",
    "auc",
    "auc_influence",
    "auc_interval",
    "average_precision",
    "average_precision_influence",
    "benjamini_hochberg",
    "block_bootstrap",
    "block_codes",
    "brier",
    "brier_terms",
    "calibration_error",
    "check_binary",
    "check_classes",
    "class_probabilities",
    "clustered_mean",
    "confusion",
    "corrected_interval",
    "critical_difference",
    "decision_scores",
    "decision_slopes",
    "difference_sequence",
    "ece",
    "five_by_two",
    "floats",
    "friedman",
    "hellinger",
    "holm",
    "homogeneity",
    "influence_error",
    "influence_interval",
    "js_distance",
    "js_divergence",
    "kolmogorov_p",
    "ks_distance",
    "l_infinity",
    "log_loss",
    "log_losses",
    "mcnemar",
    "mean_interval",
    "mean_p_value",
    "mean_sequence",
    "merge_e_values",
    "nadeau_bengio",
    "normal_mixture_bound",
    "normalized_entropy",
    "p_to_e",
    "paired_difference",
    "proportion_interval",
    "proportion_sequence",
    "psi",
    "reliability",
    "resample_counts",
    "rows_needed",
    "score_codes",
    "smallest_difference",
    "two_sided",
    "wasserstein",
    "wilcoxon_signed_rank",
    "wilson",
]
