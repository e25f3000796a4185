"""From a package to answers: packages, rollout, routes, server, prediction log, feedback."""

from homeostat.observe import Sla, sla
from homeostat.serve._client import (
    AsyncClient,
    Backoff,
    Client,
    DeadlineError,
    Inference,
    Prediction,
    RefusedError,
    UnavailableError,
)
from homeostat.serve._log._failures import read_failures
from homeostat.serve._log._joined import Joined, joined
from homeostat.serve._log._maturity import LabelMaturity
from homeostat.serve._log._read import read_predictions, scan_predictions
from homeostat.serve._log._seal import Sealed, seal_predictions
from homeostat.serve._log._served_by import predictions_of, served_by
from homeostat.serve._log._settings import LogSettings
from homeostat.serve._log._status import log_files
from homeostat.serve._offline._predict_file import Predicted, predict_file
from homeostat.serve._package import (
    PackagedModel,
    PackageInfo,
    check_package,
    pack,
    package_info,
    unpack,
)
from homeostat.serve._rollout._by_hand import (
    rollout_pause,
    rollout_promote,
    rollout_resume,
    rollout_rollback,
    rollout_start,
    rollout_status,
)
from homeostat.serve._rollout._controller import audit, decide, recompute, rollout_watch
from homeostat.serve._rollout._guard import (
    NoMoreErrors,
    NoSlower,
    NotLower,
    NoWorse,
    no_more_errors,
    no_slower,
    no_worse,
    not_lower,
)
from homeostat.serve._rollout._progress import Progress
from homeostat.serve._rollout._rollout import Canary, Rollout, Stage, Step
from homeostat.serve._rollout._standing import Decision, Reading, Standing
from homeostat.serve._router._arms import Arm, Audience, Layer
from homeostat.serve._router._bandit import learn, learn_from_log
from homeostat.serve._router._direct import direct, plan_of, plans_of
from homeostat.serve._router._hash import assign, position
from homeostat.serve._router._plan import Plan
from homeostat.serve._router._preferred import preferred
from homeostat.serve._router._replay import replay_plan
from homeostat.serve._server._serve import serve, serving

__all__ = [
    "Arm",
    "AsyncClient",
    "Audience",
    "Backoff",
    "Canary",
    "Client",
    "DeadlineError",
    "Decision",
    "Inference",
    "Joined",
    "LabelMaturity",
    "Layer",
    "LogSettings",
    "NoMoreErrors",
    "NoSlower",
    "NoWorse",
    "NotLower",
    "PackageInfo",
    "PackagedModel",
    "Plan",
    "Predicted",
    "Prediction",
    "Progress",
    "Reading",
    "RefusedError",
    "Rollout",
    "Sealed",
    "Sla",
    "Stage",
    "Standing",
    "Step",
    "UnavailableError",
    "assign",
    "audit",
    "check_package",
    "decide",
    "direct",
    "joined",
    "learn",
    "learn_from_log",
    "log_files",
    "no_more_errors",
    "no_slower",
    "no_worse",
    "not_lower",
    "pack",
    "package_info",
    "plan_of",
    "plans_of",
    "position",
    "predict_file",
    "predictions_of",
    "preferred",
    "read_failures",
    "read_predictions",
    "recompute",
    "replay_plan",
    "rollout_pause",
    "rollout_promote",
    "rollout_resume",
    "rollout_rollback",
    "rollout_start",
    "rollout_status",
    "rollout_watch",
    "scan_predictions",
    "seal_predictions",
    "serve",
    "served_by",
    "serving",
    "sla",
    "unpack",
]
