"""Sampling with known chances, resampling of training rows, and what class imbalance asks for."""

from homeostat.sample._advice import Advice, Measure, MethodResult
from homeostat.sample._advisor import advise
from homeostat.sample._class_weights import class_weights, effective_number, row_weights
from homeostat.sample._focal import FocalLoss
from homeostat.sample._importance import (
    ImportanceEstimate,
    importance_estimate,
    importance_sample,
)
from homeostat.sample._prior import CorrectedModel, PriorCorrection
from homeostat.sample._resample import Resampled, resample
from homeostat.sample._reservoir import Reservoir
from homeostat.sample._sample import Estimate, Sample
from homeostat.sample._simple import bernoulli_sample, simple_sample, weighted_sample
from homeostat.sample._smote import Smote
from homeostat.sample._steps import Imblearn, RandomOver, RandomUnder, Tomek
from homeostat.sample._strata import allocate, stratified_sample
from homeostat.sample._tomek import TomekLinks, tomek_links
from homeostat.sample._training import SplitLike
from homeostat.sample._work import Step
from homeostat.stats import CostMatrix

__all__ = [
    "Advice",
    "CorrectedModel",
    "CostMatrix",
    "Estimate",
    "FocalLoss",
    "Imblearn",
    "ImportanceEstimate",
    "Measure",
    "MethodResult",
    "PriorCorrection",
    "RandomOver",
    "RandomUnder",
    "Resampled",
    "Reservoir",
    "Sample",
    "Smote",
    "SplitLike",
    "Step",
    "Tomek",
    "TomekLinks",
    "advise",
    "allocate",
    "bernoulli_sample",
    "class_weights",
    "effective_number",
    "importance_estimate",
    "importance_sample",
    "resample",
    "row_weights",
    "simple_sample",
    "stratified_sample",
    "tomek_links",
    "weighted_sample",
]
