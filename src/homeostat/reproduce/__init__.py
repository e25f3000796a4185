"""Doing a run again, saying whether the numbers came out the same, and filling the checklist."""

from homeostat.reproduce._checklist import Checklist, Item, State, checklist
from homeostat.reproduce._code_diff import CodeComparison, compare_code
from homeostat.reproduce._compare import Comparison, Difference, compare
from homeostat.reproduce._preflight import reproducibility
from homeostat.reproduce._reproduce import Reproduction, reproduce
from homeostat.reproduce._spread import Group, Spread

__all__ = [
    "Checklist",
    "CodeComparison",
    "Comparison",
    "Difference",
    "Group",
    "Item",
    "Reproduction",
    "Spread",
    "State",
    "checklist",
    "compare",
    "compare_code",
    "reproduce",
    "reproducibility",
]
