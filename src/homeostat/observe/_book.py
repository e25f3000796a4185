"""Book: where this process counts: which page, and where in it each series is."""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import RealClock, StorageError
from homeostat.observe._bucket import bucket_of
from homeostat.observe._page import Kind, Page, Series

if TYPE_CHECKING:
    from homeostat.observe._shelf import Shelf
    from homeostat.observe._state import State

__all__ = [
    "FOLDER",
    "REFUSED",
    "Key",
    "add",
    "book",
    "fail",
    "key_of",
    "put",
    "sample",
    "share",
    "unshare",
]

FOLDER = "HOMEOSTAT_OBSERVE"
REFUSED = Series(Kind.COUNT, "observe_refused")
_MOST = {Kind.COUNT: 10_000, Kind.GAUGE: 10_000, Kind.TIMES: 500}
_OVERFLOW = (("overflow", "true"),)
_INF = float("inf")
_TOO_MANY = 1 << 53
_clock = RealClock()
_now = RealClock.time_ns

Key = str | tuple[str, tuple[tuple[str, object], ...]]


class Book:
    """The page of this process, made when something is first counted.

    Attributes:
        lock: Held by whoever reads a cell to write it. Reentrant: a signal's handler or a
            finalizer that counts in the midst of a count does not wait for itself.
        start_ns: Since when it counts.
        counts: Where the cells of each count begin, by name and labels as they were given.
        gauges: The same of gauges.
        times: The same of timers and histograms.
        ints: The cells of the page, as whole numbers.
        floats: The same cells, as floats.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.shelf: Shelf | None = None
        self.alone = False
        self.start_ns = _clock.time_ns()
        self._begin()

    def _begin(self) -> None:
        self.page: Page | None = None
        self.counts: dict[Key, int] = {}
        self.gauges: dict[Key, int] = {}
        self.times: dict[Key, int] = {}
        self.series: dict[Series, int] = {}
        self.labelled: Counter[tuple[Kind, str]] = Counter()

    def find(self, kind: Kind, key: Key, unit: str = "", over: str = "") -> int | None:
        """Return where a series' cells begin, which it is given now if it has none; held lock.

        The label sets of one name are limited, and so is the page: what is beyond shares one
        series with the label ``overflow``; None if there is no place for that either.
        """
        name, given = (key, ()) if isinstance(key, str) else key
        labels = tuple(sorted((label, str(value)) for label, value in given))
        known = {Kind.COUNT: self.counts, Kind.GAUGE: self.gauges, Kind.TIMES: self.times}[kind]
        if (
            Series(kind, name, labels, unit, over) not in self.series
            and labels
            and self.labelled[kind, name] >= _MOST[kind]
        ):
            labels = _OVERFLOW
        series = Series(kind, name, labels, unit, over)
        at = self.series.get(series)
        if at is None:
            at = self._allot(series)
        if at is not None and labels is not _OVERFLOW:  # keys without end are not kept either
            known[key] = at
        return at

    def _allot(self, series: Series) -> int | None:
        page = self.page or self._open()
        try:
            at = self.series[series] = page.allot(series)
        except (OverflowError, OSError):
            return None
        self.labelled[series.kind, series.name] += 1
        return at

    def _open(self) -> Page:
        """Begin a page: on the shelf that the environment names, or in memory of its own."""
        if self.shelf is None and os.environ.get(FOLDER) and not self.alone:
            self._join(Path(os.environ[FOLDER]))
        page = self._new_page()
        self._use(page)
        self.series[REFUSED] = page.allot(REFUSED)
        return page

    def _use(self, page: Page) -> None:
        self.page, self.ints, self.floats = page, page.ints, page.floats

    def _join(self, folder: Path) -> None:
        from homeostat.observe._shelf import Shelf  # noqa: PLC0415 - it loads NumPy

        try:
            self.shelf = Shelf(folder)
        except StorageError as error:  # user code goes on, and counts on
            self._stay_alone(str(error))

    def _new_page(self) -> Page:
        if self.shelf is not None:
            try:
                return self.shelf.page(start_ns=self.start_ns)
            except OSError as error:
                self._stay_alone(f"{self.shelf.folder}: {error.strerror}.")
        return Page(process=os.getpid(), start_ns=self.start_ns)

    def _stay_alone(self, reason: str) -> None:
        self.shelf, self.alone = None, True
        text = f"This process counts for itself, and others do not see it. {reason}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)

    def refuse(self) -> None:
        """Note that something could not be counted."""
        with self.lock:
            page = self.page or self._open()
            page.ints[self.series[REFUSED]] += 1

    def look(self) -> tuple[State, int]:
        """Return what was counted, and since when in ns, by this process or all on the shelf."""
        from homeostat.observe._state import read_state  # noqa: PLC0415 - it loads NumPy

        with self.lock:
            if self.page is None:
                self._open()
            shelf, page = self.shelf, self.page
            if shelf is None:
                assert page is not None  # noqa: S101 - made two lines above
                return read_state(page.content()), self.start_ns
        return shelf.read()

    def share(self, folder: Path | None) -> None:
        """Count in a folder, or in memory of its own, from now on; what was counted goes along."""
        from homeostat.observe._shelf import Shelf  # noqa: PLC0415 - it loads NumPy
        from homeostat.observe._state import read_state, write  # noqa: PLC0415 - likewise

        shelf = None if folder is None else Shelf(folder)
        with self.lock:
            if self.shelf is not None and self.shelf.folder == folder:
                return
            before = read_state(self.page.content()) if self.page else {}
            old, keys = self.page, self.labelled
            self.shelf, self.alone = shelf, shelf is None
            self._begin()
            self.labelled = keys
            page = self._new_page()
            self._use(page)
            self.series = write(page, {REFUSED: 0} | before)
            if old is not None:
                old.close()

    def renew(self) -> None:
        """Count from nothing in a forked child; its parent keeps what it counted."""
        self.lock = threading.RLock()
        page, self.start_ns = self.page, _clock.time_ns()
        self._begin()
        if page is not None:
            page.close()


book = Book()


def share(folder: str | os.PathLike[str] | None = None) -> Path:
    """Have this process and those it starts from now on count together.

    Each counts in a page of its own in the folder; whoever looks sees the sum. Processes that
    are not children of this one join by the environment variable ``HOMEOSTAT_OBSERVE``. A forked
    child counts from nothing, so that nothing is counted twice.

    Args:
        folder: On a disk of this machine, one for each service; a new temporary one unless told.

    Returns:
        The folder, which is also in ``HOMEOSTAT_OBSERVE`` of this process now.

    Raises:
        StorageError: If it cannot be written.

    Example:
        >>> import os
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     str(share(folder)) == os.environ["HOMEOSTAT_OBSERVE"]
        ...     unshare()
        True
    """
    path = Path(folder or tempfile.mkdtemp(prefix="homeostat-observe-")).absolute()
    book.share(path)
    os.environ[FOLDER] = str(path)
    return path


def unshare() -> None:
    """Have this process count for itself again; what it counted goes along."""
    book.share(None)
    os.environ.pop(FOLDER, None)


def key_of(name: str, labels: Mapping[str, object]) -> Key:
    """Return what a series is looked up by; the order of its labels is put right at a miss."""
    return (name, tuple(labels.items())) if labels else name


def add(key: Key, more: int) -> int:
    """Add to a count, and return what it is by now in this process."""
    with book.lock:
        at = book.counts.get(key)
        if at is None:
            at = book.find(Kind.COUNT, key)
        if at is None or not 0 <= more < _TOO_MANY:
            book.refuse()
            return 0
        cells = book.ints
        cells[at] = now = cells[at] + more
        return now


def put(key: Key, value: float, *, over: str, step: bool = False) -> None:
    """Set a gauge, or move it by a step."""
    with book.lock:
        at = book.gauges.get(key)
        if at is None:
            at = book.find(Kind.GAUGE, key, over=over)
        if at is None or not -_INF < value < _INF:
            book.refuse()
            return
        cells = book.floats
        cells[at] = cells[at] + value if step else value
        book.ints[at + 1] = _now()


def sample(key: Key, value: float, unit: str) -> None:
    """Add a value to a distribution; one that is NaN, infinite or negative is refused there."""
    good = 0 <= value < _INF
    bucket = bucket_of(value) if good else 0
    with book.lock:
        at = book.times.get(key)
        if at is None and (at := book.find(Kind.TIMES, key, unit)) is None:
            book.refuse()
            return
        ints, floats = book.ints, book.floats
        if not good:
            ints[at + 1] += 1
            return
        floats[at + 2] += value
        if value < floats[at + 3]:  # noqa: PLR1730 - `min` takes as long as all of the rest
            floats[at + 3] = value
        if value > floats[at + 4]:  # noqa: PLR1730 - likewise
            floats[at + 4] = value
        ints[at + 5 + bucket] += 1


def fail(key: Key) -> None:
    """Note that a timed block failed."""
    with book.lock:
        at = book.times.get(key)
        if at is None and (at := book.find(Kind.TIMES, key, "seconds")) is None:
            book.refuse()
            return
        book.ints[at] += 1


def _before_fork() -> None:
    book.lock.acquire()


def _after_in_parent() -> None:
    book.lock.release()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_in_parent, after_in_child=book.renew
)
