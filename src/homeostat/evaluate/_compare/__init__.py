"""Comparison of models on the same rows: what is shown, what is not, and what it would take."""

from homeostat.evaluate._compare._baselines import baselines
from homeostat.evaluate._compare._compare import Compared, Comparison, compare
from homeostat.evaluate._compare._datasets import DatasetComparison, compare_datasets
from homeostat.evaluate._compare._folds import compare_folds
from homeostat.evaluate._compare._lines import ComparisonLine
from homeostat.evaluate._compare._seeds import OverSeeds, SeedComparison, compare_seeds
from homeostat.evaluate._compare._winner import Winner, best_of

__all__ = [
    "Compared",
    "Comparison",
    "ComparisonLine",
    "DatasetComparison",
    "OverSeeds",
    "SeedComparison",
    "Winner",
    "baselines",
    "best_of",
    "compare",
    "compare_datasets",
    "compare_folds",
    "compare_seeds",
]
