"""What a model's features are worth: gains, Shapley values, ablation, in one table."""

from homeostat.importance._ablation import Ablation, Effect, permutation, retrained
from homeostat.importance._agreement import kendall_w, top_share
from homeostat.importance._ebm import ExplainableBoosting
from homeostat.importance._explanation import Explanation
from homeostat.importance._gains import gains
from homeostat.importance._groups import correlated_groups
from homeostat.importance._read import TreeModel, read_trees
from homeostat.importance._shap import shap
from homeostat.importance._table import ImportanceTable, importance_table
from homeostat.importance._trees import Trees

__all__ = [
    "Ablation",
    "Effect",
    "ExplainableBoosting",
    "Explanation",
    "ImportanceTable",
    "TreeModel",
    "Trees",
    "correlated_groups",
    "gains",
    "importance_table",
    "kendall_w",
    "permutation",
    "read_trees",
    "retrained",
    "shap",
    "top_share",
]
