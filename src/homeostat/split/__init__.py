"""Splits and leakage: what is learned from, what is judged on, and what must not be seen."""

from homeostat.split._by_time import TimeSplit, by_time
from homeostat.split._check import check_split
from homeostat.split._contributions import contributions
from homeostat.split._known_at import check_known_at
from homeostat.split._random import random_split
from homeostat.split._scan import scan_leaks
from homeostat.split._splits import Splits

__all__ = [
    "Splits",
    "TimeSplit",
    "by_time",
    "check_known_at",
    "check_split",
    "contributions",
    "random_split",
    "scan_leaks",
]
