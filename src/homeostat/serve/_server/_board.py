"""Board: a small page on which the workers of a service see each other."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

__all__ = ["Board", "Seat"]

_CELLS = 4  # of a seat: process id, route in force, open connections, whether it serves
_PID, _ROUTE, _CONNECTIONS, _SERVING = range(_CELLS)


class Board:
    """A seat for each worker, in a file that all of them map.

    Args:
        path: The file; made by the supervisor.
        seats: How many there are; None opens a board that is there.
    """

    def __init__(self, path: Path, seats: int | None = None) -> None:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_TRUNC if seats else 0)
        file = os.open(path, flags, 0o600)
        try:
            if seats:
                os.posix_fallocate(file, 0, seats * _CELLS * 8)
            self._map = mmap.mmap(file, 0)
        finally:
            os.close(file)
        self.path, self.cells = path, memoryview(self._map).cast("q")

    def __len__(self) -> int:
        return len(self.cells) // _CELLS

    def seat(self, number: int) -> Seat:
        """Return a worker's seat."""
        return Seat(self, number)

    def clear(self, number: int) -> None:
        """Empty the seat of a worker that is dead."""
        for cell in range(number * _CELLS, (number + 1) * _CELLS):
            self.cells[cell] = 0

    def routes(self) -> list[int]:
        """Return the routes in force at the workers that answer, be it the last requests."""
        cells = self.cells
        starts = range(0, len(cells), _CELLS)
        return [cells[at + _ROUTE] for at in starts if cells[at + _PID]]

    def fewest(self) -> int:
        """Return the connections of the worker that serves the fewest; 0 of none."""
        cells = self.cells
        starts = range(0, len(cells), _CELLS)
        return min((cells[at + _CONNECTIONS] for at in starts if cells[at + _SERVING]), default=0)


class Seat:
    """Where one worker says what it does."""

    def __init__(self, board: Board, number: int) -> None:
        self.board, self._at = board, number * _CELLS

    def sit(self, pid: int) -> None:
        """Say who sits here, from before it serves until it answers no more; 0 is nobody."""
        self.board.cells[self._at + _PID] = pid

    def serve(self, *, serving: bool) -> None:
        """Say whether it takes connections."""
        self.board.cells[self._at + _SERVING] = int(serving)

    def take(self, route: int) -> None:
        """Say which route is in force here."""
        self.board.cells[self._at + _ROUTE] = route

    def count(self, connections: int) -> None:
        """Say how many connections are open."""
        self.board.cells[self._at + _CONNECTIONS] = connections

    @property
    def agreed(self) -> bool:
        """Whether every worker that answers has the route of this one in force."""
        own = self.board.cells[self._at + _ROUTE]
        return all(route == own for route in self.board.routes())
