"""What a forked child must not share with its parent is renewed in the child."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["Renewable", "renew_after_fork"]


class Renewable(Protocol):
    """Holds something (a file, a lock, a connection) that belongs to one process."""

    def renew(self) -> None:
        """Forget what belongs to the parent; called in the child, before anything else runs."""


_held: WeakSet[Renewable] = WeakSet()


def renew_after_fork(holder: Renewable) -> None:
    """Have ``holder.renew()`` called in each child that is forked while the holder lives."""
    _held.add(holder)


def _renew_all() -> None:
    for holder in list(_held):
        holder.renew()


os.register_at_fork(after_in_child=_renew_all)
