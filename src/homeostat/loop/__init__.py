"""The loop: the declaration of a system, and what runs, keeps and replays it."""

from homeostat.loop._declaration import Gate, Outcome, Retrain, System, Watch
from homeostat.loop._freshness import freshness
from homeostat.loop._history import History
from homeostat.loop._live import live
from homeostat.loop._replay import Replay, replay
from homeostat.loop._run import Release, run

__all__ = [
    "Gate",
    "History",
    "Outcome",
    "Release",
    "Replay",
    "Retrain",
    "System",
    "Watch",
    "freshness",
    "live",
    "replay",
    "run",
]
