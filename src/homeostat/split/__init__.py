"""Splits: what is learned from, and what is judged on."""

from homeostat.split._by_time import TimeSplit, by_time
from homeostat.split._close_rows import close_rows
from homeostat.split._copies import Copies
from homeostat.split._exact_copies import exact_copies
from homeostat.split._folds import Fold, Folds
from homeostat.split._k_fold import k_fold
from homeostat.split._random import random_split
from homeostat.split._similar_texts import similar_texts
from homeostat.split._splits import Splits
from homeostat.split._time_folds import time_folds

__all__ = [
    "Copies",
    "Fold",
    "Folds",
    "Splits",
    "TimeSplit",
    "by_time",
    "close_rows",
    "exact_copies",
    "k_fold",
    "random_split",
    "similar_texts",
    "time_folds",
]
