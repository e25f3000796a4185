"""Leakage: what a model must not have seen, by rule and by search, and what it was worth."""

from homeostat.leakage._audit import audit_leaks
from homeostat.leakage._check import check_split
from homeostat.leakage._contributions import contributions, sudden_gains
from homeostat.leakage._fitted import check_fitted
from homeostat.leakage._groups import find_groups
from homeostat.leakage._inflation import Inflation
from homeostat.leakage._known_at import check_known_at
from homeostat.leakage._lab import KINDS, LEAKS, clean_table, plant_leak
from homeostat.leakage._preparation import check_preparation
from homeostat.leakage._report import describe_leaks
from homeostat.leakage._scan import scan_leaks
from homeostat.leakage._sites import check_sites

__all__ = [
    "KINDS",
    "LEAKS",
    "Inflation",
    "audit_leaks",
    "check_fitted",
    "check_known_at",
    "check_preparation",
    "check_sites",
    "check_split",
    "clean_table",
    "contributions",
    "describe_leaks",
    "find_groups",
    "plant_leak",
    "scan_leaks",
    "sudden_gains",
]
