"""Models from the simplest baseline to boosted trees with an online head, behind one Protocol."""

from homeostat.train._baselines import Majority, PreviousPeriod, RandomGuess
from homeostat.train._boosted import Boosted
from homeostat.train._families import families, family, load
from homeostat.train._leaf_head import LeafHead
from homeostat.train._linear import Logistic
from homeostat.train._phases import PhaseResult, fit_phases
from homeostat.train._preparation import Preparation, Prepared
from homeostat.train._rule import RuleOfThumb
from homeostat.train._statistics import Impute, OneHot, Ordinal, Scale, Vocabulary
from homeostat.train._target_encode import TargetEncode
from homeostat.train._watch import Watched, ids_of, watch

__all__ = [
    "Boosted",
    "Impute",
    "LeafHead",
    "Logistic",
    "Majority",
    "OneHot",
    "Ordinal",
    "PhaseResult",
    "Preparation",
    "Prepared",
    "PreviousPeriod",
    "RandomGuess",
    "RuleOfThumb",
    "Scale",
    "TargetEncode",
    "Vocabulary",
    "Watched",
    "families",
    "family",
    "fit_phases",
    "ids_of",
    "load",
    "watch",
]
