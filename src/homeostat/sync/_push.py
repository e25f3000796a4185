"""From a record to a server, and back."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from homeostat.core import CorruptionError, InputError, NotFoundError
from homeostat.record import Blob, BlobStore, Numbered, Record, sealed_path
from homeostat.sync._intake import Intake
from homeostat.sync._remote import RefusalError, Remote
from homeostat.sync._shelf import ConflictError, DamageError, GapError, Shelf
from homeostat.sync._ship import Shipper

__all__ = ["SyncReport", "pull", "push"]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What was sent or fetched; all zero where both sides had it already.

    Args:
        logs: How many logs grew.
        log_bytes: By how much.
        blobs: How many contents were new.
        blob_bytes: Their size.
        refused: One sentence for each log that the other side does not take.
    """

    logs: int
    log_bytes: int
    blobs: int
    blob_bytes: int
    refused: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{self.logs} logs grew by {self.log_bytes:,} bytes"
        said += f", {self.blobs} contents of {self.blob_bytes:,} bytes were new"
        return said + (f", {len(self.refused)} logs were refused" if self.refused else "")


def push(
    record: Record | Path | str,
    url: str,
    *,
    token: str | None = None,
    since: datetime | None = None,
) -> SyncReport:
    """Send to a server what it lacks of a record; sending again changes nothing.

    It may be stopped at any moment: what was sent is there, and the next call goes on with the
    rest. Others may write the record and send it meanwhile.

    Args:
        record: The record, or its folder.
        url: Of the server, such as ``"http://127.0.0.1:8080"``.
        token: Of a user who may write; ``HOMEOSTAT_TOKEN`` unless told.
        since: Leave out logs that were last written before; None sends all.

    Raises:
        NotFoundError: If there is no record.
        ServerError: If the server cannot be reached, or does not let us in.
    """
    refused: list[str] = []
    with _opened(record) as opened, Remote(url, token=token) as remote:
        shipper, known = Shipper(opened.path, remote), remote.sizes()
        for name, size in sorted(Shelf(opened.path / "logs").sizes().items()):
            if size <= known.get(name, -1) or _is_older(opened.path / "logs" / name, since):
                continue
            try:
                shipper.ship(name, known.get(name, 0))
            except RefusalError as refusal:
                refused.append(str(refusal))
    tally = shipper.tally
    return SyncReport(
        len(tally.logs), tally.log_bytes, tally.blobs, tally.blob_bytes, tuple(refused)
    )


def pull(
    record: Record | Path | str, url: str, *, runs: Iterable[str], token: str | None = None
) -> SyncReport:
    """Fetch runs from a server, with the contents they used and made, into a record.

    Logs are fetched whole, so other runs that the same process wrote come along, without their
    contents.

    Args:
        record: The record, or its folder; made if absent.
        url: Of the server.
        runs: Ids of runs.
        token: Of a user; ``HOMEOSTAT_TOKEN`` unless told.

    Raises:
        NotFoundError: If the server has no such run.
        ServerError: If the server cannot be reached, or does not let us in.
        StorageError: If the disk refuses.
    """
    if isinstance(runs, str):
        raise InputError(f"Runs are several ids, got the text {runs!r}: pass a list.")
    opened = record if isinstance(record, Record) else Record(record)
    with _closing(record, opened), Remote(url, token=token) as remote:
        fetcher = _Fetcher(opened, remote)
        for run in runs:
            fetcher.fetch(run)
    return fetcher.report()


class _Fetcher:
    """Fetches the parts of runs."""

    def __init__(self, record: Record, remote: Remote) -> None:
        self._remote = remote
        self._blobs = BlobStore(record.path / "blobs")
        self._record = record
        self._shelf = Shelf(record.path / "logs", admit=record.admit)
        self._grown: dict[str, int] = {}
        self._new: dict[str, int] = {}
        self._refused: list[str] = []

    def fetch(self, run: str) -> None:
        parts = self._remote.parts(run)
        held = {
            blob.sha256 for blob in self._blobs.hold([Blob(*i) for i in parts["blobs"].items()])
        }
        for digest, size in parts["blobs"].items():
            if digest not in held:
                self._fetch_content(digest)
                self._new[digest] = size
        self._record.adopt(Numbered(*number) for number in parts["numbers"])
        for name in parts["logs"]:
            try:
                self._fetch_log(name)
            except (ConflictError, DamageError) as error:
                self._refused.append(str(error))

    def report(self) -> SyncReport:
        logs, blobs = self._grown, self._new
        return SyncReport(
            len(logs), sum(logs.values()), len(blobs), sum(blobs.values()), tuple(self._refused)
        )

    def _fetch_content(self, digest: str) -> None:
        with Intake(self._blobs, digest) as intake:
            for piece in self._remote.content(digest):
                intake.write(piece)
            try:
                intake.keep()
            except CorruptionError as error:
                raise NotFoundError(f"{self._remote.url} has lost a content: {error}") from error

    def _fetch_log(self, name: str) -> None:
        at = before = self._shelf.size(name)
        while data := self._remote.read(name, at):
            try:
                at = self._shelf.append(name, at, data, damaged=True)
            except GapError as gap:
                at = gap.size
        if at > before:
            self._grown[name] = self._grown.get(name, 0) + at - before


def _opened(record: Record | Path | str) -> AbstractContextManager[Record]:
    return nullcontext(record) if isinstance(record, Record) else Record.open(record)


def _closing(given: object, opened: Record) -> AbstractContextManager[object]:
    return nullcontext() if given is opened else opened


def _is_older(log: Path, since: datetime | None) -> bool:
    if since is None:
        return False
    if since.tzinfo is None:
        raise InputError(f"`since` needs a time zone, got {since!r}.")
    place = log if log.exists() else sealed_path(log)
    return place.stat().st_mtime < since.timestamp()
