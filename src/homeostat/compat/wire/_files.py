"""Files of runs: contents of the record, named in events of the run."""

from __future__ import annotations

import fnmatch
import json
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._names import to_global
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._values import instant_text
from homeostat.record import Blob

__all__ = ["FileView", "files_of", "keep_file", "remove_file", "wanted"]

_KIND = "file"


def files_of(run: WireRun) -> dict[str, Mapping[str, Any]]:
    """Return what is known of a run's files, by name."""
    if run.files is None:
        run.files = {}
        for payload in run.record.events(kind=_KIND, run=run.id)["payload"]:
            _apply(run.files, json.loads(payload))
    return run.files


def keep_file(run: WireRun, name: str, blob: Blob, md5: str) -> None:
    """Note that a run has a file."""
    facts = {"name": name, "sha256": blob.sha256, "size": blob.size, "md5": md5}
    _note(run, {**facts, "updated": run.clock.time_ns() / 1e9})


def remove_file(run: WireRun, name: str) -> None:
    """Note that a run has a file no more."""
    _note(run, {"name": name, "sha256": None})


def wanted(
    run: WireRun, names: Sequence[str | None] | None, pattern: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield files by name; one asked for by its name is there even if it has no content yet."""
    known = files_of(run)
    if names:
        yield from ((name, known.get(name, {})) for name in names if name)
        return
    glob = (pattern or "*").replace("%", "*")
    yield from ((name, known[name]) for name in sorted(known) if fnmatch.fnmatchcase(name, glob))


class FileView:
    """A run's file, as clients see it."""

    def __init__(self, ask: Ask, run: WireRun, name: str, facts: Mapping[str, Any]) -> None:
        self._ask, self._run, self._facts = ask, run, facts
        self.name = self.display_name = name
        self.id = to_global("File", run.entity, run.project, run.name, name)
        self.size_bytes = facts.get("size", 0)
        self.md5 = self.digest = facts.get("md5")
        self.mimetype = mimetypes.guess_type(name)[0]
        self.updated_at = instant_text(facts.get("updated"))
        self.storage_path = f"{run.entity}/{run.project}/{run.name}/{name}"
        self.upload_headers: list[str] = []

    def upload_url(self) -> str:
        """Return where its content may be put."""
        run = [self._run.entity, self._run.project, self._run.name]
        return str(self._ask.sign(self.name, do="put", run=run, name=self.name))

    def direct_url(self) -> str | None:
        """Return where its content can be had without a key."""
        digest = self._facts.get("sha256")
        return digest and self._ask.sign(self.name, do="get", sha256=digest, name=self.name)

    def url(self, upload: bool | None = None) -> str | None:  # noqa: FBT001 - a GraphQL argument
        """Return where its content can be had, or put."""
        return self.upload_url() if upload else self.direct_url()


def _note(run: WireRun, facts: dict[str, Any]) -> None:
    known = files_of(run)
    with run.writing() as writer:
        writer.event(_KIND, facts)
    _apply(known, facts)


def _apply(files: dict[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    if facts.get("sha256") is None:
        files.pop(facts["name"], None)
    else:
        files[facts["name"]] = facts
