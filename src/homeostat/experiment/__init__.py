"""Experiment: statistics of tests in production that may be read at any time."""

from homeostat.experiment._ab._design import (
    AlwaysValid,
    Design,
    FixedHorizon,
    GroupSequential,
    SequentialRatio,
    interval_of,
    p_value_of,
)
from homeostat.experiment._ab._effect import Effect, effect
from homeostat.experiment._ab._experiment import Experiment
from homeostat.experiment._ab._inferiority import non_inferiority
from homeostat.experiment._ab._metric import Metric
from homeostat.experiment._ab._planning import Wait, time_to_decision, units_for
from homeostat.experiment._ab._quantile import (
    Counted,
    QuantileTest,
    quantile_sequence,
    quantile_test,
)
from homeostat.experiment._ab._quantile_guard import quantile_non_inferiority
from homeostat.experiment._ab._rates import RateTest, rate_test
from homeostat.experiment._ab._sample_ratio import (
    sample_ratio,
    sample_ratio_p,
    sample_ratio_paths,
    sample_ratios,
)
from homeostat.experiment._ab._sample_size import Assumed, SampleSize, reachable, sample_size
from homeostat.experiment._ab._slices import heterogeneity, simpson, stratified
from homeostat.experiment._ab._spending import boundaries, spent
from homeostat.experiment._ab._sums import Sums
from homeostat.experiment._ab._tally import Tally
from homeostat.experiment._bandit._arms import ArmSums
from homeostat.experiment._bandit._bandits import (
    Bandit,
    EpsilonGreedy,
    GaussianThompson,
    Thompson,
    UpperBound,
    choose,
)
from homeostat.experiment._bandit._contextual import LinearBandit
from homeostat.experiment._bandit._off_policy import (
    PolicyValue,
    adaptive_mean,
    doubly_robust,
    inverse_propensity,
)
from homeostat.experiment._interleave._interleaved import Interleaved
from homeostat.experiment._interleave._methods import (
    Rankings,
    balanced,
    probabilistic,
    team_draft,
)
from homeostat.experiment._interleave._optimized import optimized
from homeostat.experiment._interleave._preference import preference

__all__ = [
    "AlwaysValid",
    "ArmSums",
    "Assumed",
    "Bandit",
    "Counted",
    "Design",
    "Effect",
    "EpsilonGreedy",
    "Experiment",
    "FixedHorizon",
    "GaussianThompson",
    "GroupSequential",
    "Interleaved",
    "LinearBandit",
    "Metric",
    "PolicyValue",
    "QuantileTest",
    "Rankings",
    "RateTest",
    "SampleSize",
    "SequentialRatio",
    "Sums",
    "Tally",
    "Thompson",
    "UpperBound",
    "Wait",
    "adaptive_mean",
    "balanced",
    "boundaries",
    "choose",
    "doubly_robust",
    "effect",
    "heterogeneity",
    "interval_of",
    "inverse_propensity",
    "non_inferiority",
    "optimized",
    "p_value_of",
    "preference",
    "probabilistic",
    "quantile_non_inferiority",
    "quantile_sequence",
    "quantile_test",
    "rate_test",
    "reachable",
    "sample_ratio",
    "sample_ratio_p",
    "sample_ratio_paths",
    "sample_ratios",
    "sample_size",
    "simpson",
    "spent",
    "stratified",
    "team_draft",
    "time_to_decision",
    "units_for",
]
