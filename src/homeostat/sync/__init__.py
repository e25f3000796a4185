"""Records that travel: to a server, from it, and who may."""

from __future__ import annotations

from homeostat.sync._accounts import Accounts, Role, User
from homeostat.sync._follower import Follower
from homeostat.sync._gate import LOCAL, Gate, Rates, user_of
from homeostat.sync._push import SyncReport, pull, push
from homeostat.sync._serve import sync_routes

__all__ = [
    "LOCAL",
    "Accounts",
    "Follower",
    "Gate",
    "Rates",
    "Role",
    "SyncReport",
    "User",
    "pull",
    "push",
    "sync_routes",
    "user_of",
]
