"""Relearning: from a champion and what has become known to a challenger."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from homeostat.adapt import update
from homeostat.core import Cost, Updatable, measure
from homeostat.loop._history import History
from homeostat.loop._version import Version

if TYPE_CHECKING:
    from homeostat.loop._declaration import Retrain, System

__all__ = ["Relearning"]
