"""From a package to answers: packages, rollout, router, server, prediction log, feedback."""

from homeostat.serve._guard import NoWorse, no_worse
from homeostat.serve._package import PackagedModel, pack, unpack
from homeostat.serve._rollout import Progress, Rollout, Stage, Step
from homeostat.serve._sla import Limit, Sla, sla

__all__ = [
    "Limit",
    "NoWorse",
    "PackagedModel",
    "Progress",
    "Rollout",
    "Sla",
    "Stage",
    "Step",
    "no_worse",
    "pack",
    "sla",
    "unpack",
]
