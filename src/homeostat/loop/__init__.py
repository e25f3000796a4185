"""The loop: the declaration of a system, and what runs, keeps and replays it."""

from homeostat.loop._best_practices import BestPractices, best_practices
from homeostat.loop._card import card, keep_card
from homeostat.loop._declaration import Gate, Outcome, Retrain, System, Watch
from homeostat.loop._feature_use import feature_users, served_as_trained
from homeostat.loop._freshness import freshness
from homeostat.loop._history import History
from homeostat.loop._label_queue import ask_for_labels, wanted_labels
from homeostat.loop._live import live
from homeostat.loop._release import Release
from homeostat.loop._replay import Replay, replay
from homeostat.loop._run import run
from homeostat.loop._skew import Skew
from homeostat.loop._weigh import Weigh

__all__ = [
    "BestPractices",
    "Gate",
    "History",
    "Outcome",
    "Release",
    "Replay",
    "Retrain",
    "Skew",
    "System",
    "Watch",
    "Weigh",
    "ask_for_labels",
    "best_practices",
    "card",
    "feature_users",
    "freshness",
    "keep_card",
    "live",
    "replay",
    "run",
    "served_as_trained",
    "wanted_labels",
]
