"""What a forked child must not share with its parent is renewed in the child."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Protocol
from weakref import WeakSet

__all__ = ["Renewable", "renew_after_fork", "unbroken"]


class Renewable(Protocol):
    """Holds something (a file, a lock, a connection) that belongs to one process."""

    def renew(self) -> None:
        """Forget what belongs to the parent; called in the child, before anything else runs."""


_whole = threading.RLock()
_held: WeakSet[Renewable] = WeakSet()


def renew_after_fork(holder: Renewable) -> None:
    """Have ``holder.renew()`` called in each child that is forked while the holder lives."""
    _held.add(holder)


def _renew_all() -> None:
    for holder in list(_held):
        holder.renew()


def unbroken() -> AbstractContextManager[object]:
    """Return what is held while something happens that no fork may cut in two.

    A module that a thread is importing would stay half imported in a forked child for good.
    """
    return _whole


def _after() -> None:
    _whole.release()


def _after_in_child() -> None:
    _whole.release()
    _renew_all()


os.register_at_fork(before=_whole.acquire, after_in_parent=_after, after_in_child=_after_in_child)
