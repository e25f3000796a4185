"""Detect: two-sample tests, distances and stream detectors, one interface."""

from homeostat.detect._detector import Detector, OnlineDetector
from homeostat.detect._kernel._aggregated import AggregatedMMD
from homeostat.detect._kernel._comparison import KernelTest
from homeostat.detect._kernel._context import ContextMMD
from homeostat.detect._kernel._fourier import FourierMMD
from homeostat.detect._kernel._learned import LearnedMMD
from homeostat.detect._kernel._lsdd import LSDD
from homeostat.detect._kernel._mmd import MMD
from homeostat.detect._kernel._online import OnlineCvM, OnlineLSDD, OnlineMMD
from homeostat.detect._model._black_box import BlackBoxShift
from homeostat.detect._model._classifier import Classifier
from homeostat.detect._model._difference import Difference
from homeostat.detect._model._domain import Domain
from homeostat.detect._model._outputs import mc_dropout
from homeostat.detect._model._spot import SpotTheDiff
from homeostat.detect._model._uncertainty import ClassifierUncertainty, RegressorUncertainty
from homeostat.detect._reduce._convolution import RandomConvolutions
from homeostat.detect._reduce._encoder import Chain, Encoder
from homeostat.detect._reduce._linear import PCA, RandomProjection
from homeostat.detect._reduce._reducer import Reducer
from homeostat.detect._reduce._series import SeriesFeatures, series_windows
from homeostat.detect._reduce._text import TextEmbedding, WordCounts
from homeostat.detect._rows import Data, Rows
from homeostat.detect._statistics._compare import (
    StatisticChange,
    StatisticsComparison,
    compare_statistics,
)
from homeostat.detect._statistics._estimates import Estimate
from homeostat.detect._streams._error_rate import ErrorRate
from homeostat.detect._streams._river import ADWIN, DDM, EDDM, KSWIN, PageHinkley
from homeostat.detect._streams._sliding_ks import SlidingKS
from homeostat.detect._univariate._distance import Distance
from homeostat.detect._univariate._tabular import Tabular
from homeostat.detect._univariate._tests import (
    ChiSquared,
    CramerVonMises,
    FisherExact,
    KolmogorovSmirnov,
)

__all__ = [
    "ADWIN",
    "DDM",
    "EDDM",
    "KSWIN",
    "LSDD",
    "MMD",
    "PCA",
    "AggregatedMMD",
    "BlackBoxShift",
    "Chain",
    "ChiSquared",
    "Classifier",
    "ClassifierUncertainty",
    "ContextMMD",
    "CramerVonMises",
    "Data",
    "Detector",
    "Difference",
    "Distance",
    "Domain",
    "Encoder",
    "ErrorRate",
    "Estimate",
    "FisherExact",
    "FourierMMD",
    "KernelTest",
    "KolmogorovSmirnov",
    "LearnedMMD",
    "OnlineCvM",
    "OnlineDetector",
    "OnlineLSDD",
    "OnlineMMD",
    "PageHinkley",
    "RandomConvolutions",
    "RandomProjection",
    "Reducer",
    "RegressorUncertainty",
    "Rows",
    "SeriesFeatures",
    "SlidingKS",
    "SpotTheDiff",
    "StatisticChange",
    "StatisticsComparison",
    "Tabular",
    "TextEmbedding",
    "WordCounts",
    "compare_statistics",
    "mc_dropout",
    "series_windows",
]
