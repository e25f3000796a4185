"""Frames and versions of one record that come to another."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from homeostat.record._ledger import Ledger

if TYPE_CHECKING:
    from homeostat.record._index.arrival import Numbered
    from homeostat.record._log.frame import Frame

__all__ = ["Exchange"]


class Exchange:
    """What a record does for another that takes from it or gives to it."""

    _ledger: Ledger

    def logs(self, run: str) -> tuple[str, ...]:
        """Return the names of the log files that hold anything of a run, by its whole id."""
        from homeostat.record import _whereabouts  # noqa: PLC0415 - not for one that logs

        return _whereabouts.logs_of(self._ledger.index, run)

    def admit(self, frames: Iterable[Frame]) -> AbstractContextManager[None]:
        """Number the versions in frames of another record, which are written in the block."""
        from homeostat.record._index import arrival as _arrival  # noqa: PLC0415 - not for one that logs

        return _arrival.admit(self._ledger, frames)

    def adopt(self, numbers: Iterable[Numbered]) -> None:
        """Call versions as another record does; what has these numbers here gets others."""
        from homeostat.record._index import arrival as _arrival  # noqa: PLC0415 - not for one that logs

        _arrival.adopt(self._ledger, numbers)

    def numbers(self, artifacts: Iterable[str]) -> list[Numbered]:
        """Return what versions, by their ids, are called here and were called by their makers."""
        from homeostat.record._index import arrival as _arrival  # noqa: PLC0415 - not for one that logs

        return _arrival.numbers_of(self._ledger.index, artifacts)
