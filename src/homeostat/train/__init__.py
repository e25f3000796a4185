"""Models from the simplest baseline to boosted trees with an online head, behind one Protocol."""

from homeostat.train._baselines import Majority, PreviousPeriod, RandomGuess
from homeostat.train._boosted import Boosted
from homeostat.train._families import families, family, load
from homeostat.train._leaf_head import LeafHead
from homeostat.train._linear import Logistic
from homeostat.train._phases import PhaseResult, fit_phases
from homeostat.train._rule import RuleOfThumb

__all__ = [
    "Boosted",
    "LeafHead",
    "Logistic",
    "Majority",
    "PhaseResult",
    "PreviousPeriod",
    "RandomGuess",
    "RuleOfThumb",
    "families",
    "family",
    "fit_phases",
    "load",
]
