"""Which logs and contents make up a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from homeostat.core import Json, NotFoundError
from homeostat.record import Record, log_sizes, read_log

__all__ = ["digests_in", "named_by", "parts_of"]

_DIGITS = bytes(ord("d") if byte in b"0123456789abcdef" else ord(" ") for byte in range(256))
_DIGEST = b"d" * 64
_JSON_BYTES = 64 << 20


def digests_in(data: bytes) -> set[str]:
    """Return what could be names of contents in some bytes of a log."""
    marked = data.translate(_DIGITS)  # far quicker than an expression where most is no text
    found, at = set(), marked.find(_DIGEST)
    while at >= 0:
        end = marked.find(b" ", at)
        end = len(marked) if end < 0 else end
        if end - at == len(_DIGEST):
            found.add(data[at:end].decode())
        at = marked.find(_DIGEST, end)
    return found


def named_by(folder: Path, digests: Iterable[str]) -> dict[str, int]:
    """Return the contents of a store among some digests, and those that these name in turn.

    Args:
        folder: The content store.
        digests: What could be names of contents.

    Returns:
        Size in bytes by digest. A content names others if it is JSON.
    """
    found: dict[str, int] = {}
    rest = list(digests)
    while rest:
        digest = rest.pop()
        place = folder / digest[:2] / digest[2:]
        if digest in found or not place.is_file():
            continue
        found[digest] = place.stat().st_size
        rest += digests_in(_json(place))
    return found


def parts_of(record: Record, run: str) -> dict[str, Json]:
    """Return the names and sizes of a run's logs and contents, those of what it used included.

    Raises:
        NotFoundError: If the record has no such run.
    """
    found = record.run(run)
    logs = dict.fromkeys(record.logs(found.id))
    digests: set[str] = set()
    for name in logs:
        digests |= set(_of_run(record.path / "logs" / name, found.id))
    for artifact in (record.artifact(reference) for reference in found.used):
        logs |= dict.fromkeys(record.logs(artifact.run))
        digests |= {artifact.id, *artifact.files.values()}
    sizes = log_sizes(record.path / "logs")
    contents = named_by(record.path / "blobs", digests)
    return {
        "run": found.id,
        "logs": {name: sizes[name] for name in sorted(logs) if name in sizes},
        "blobs": dict(sorted(contents.items())),
        "numbers": [[*number] for number in record.numbers(sorted(digests))],
    }


def _of_run(log: Path, run: str) -> Iterator[str]:
    """Yield what the frames of one run name."""
    mark = b'"run":' + json.dumps(run, ensure_ascii=False).encode()
    try:
        for frame in read_log(log):
            if mark in frame.payload:
                yield from digests_in(frame.payload)
    except NotFoundError:
        return


def _json(place: Path) -> bytes:
    """Return a content if it looks like JSON and is of a size that a list of names may have."""
    if place.stat().st_size > _JSON_BYTES:
        return b""
    with place.open("rb") as file:
        start = file.read(1)
        return start + file.read() if start in {b"{", b"["} else b""
