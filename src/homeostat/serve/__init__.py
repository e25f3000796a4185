"""From a package to answers: packages, rollout, routes, server, prediction log, feedback."""

from homeostat.serve._client import Client, Prediction
from homeostat.serve._guard import NoWorse, no_worse
from homeostat.serve._joined import Joined, joined, read_predictions
from homeostat.serve._package import PackagedModel, pack, unpack
from homeostat.serve._progress import Progress
from homeostat.serve._rollout import Rollout, Stage, Step
from homeostat.serve._route import Plan, assign, direct, plan_of
from homeostat.serve._serve import serve, serving
from homeostat.serve._served_by import predictions_of, served_by
from homeostat.serve._sla import Limit, Sla, sla

__all__ = [
    "Client",
    "Joined",
    "Limit",
    "NoWorse",
    "PackagedModel",
    "Plan",
    "Prediction",
    "Progress",
    "Rollout",
    "Sla",
    "Stage",
    "Step",
    "assign",
    "direct",
    "joined",
    "no_worse",
    "pack",
    "plan_of",
    "predictions_of",
    "read_predictions",
    "serve",
    "served_by",
    "serving",
    "sla",
    "unpack",
]
