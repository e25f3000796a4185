"""Versions that were numbered elsewhere: no two contents of one name keep the same number.

Who makes a version offline cannot know which numbers others give out meanwhile. So whoever
takes in the frames of another record first writes down, as NUMBER frames, what the contents
in them are called here. A NUMBER of a later turn replaces an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from homeostat.core import Json
from homeostat.record._index.index import Index
from homeostat.record._index.tables import Kind
from homeostat.record._ledger import Ledger
from homeostat.record._lock import alone
from homeostat.record._log.frame import Frame

__all__ = ["Numbered", "admit", "adopt", "numbers_of"]

_UNDECIDED = -1  # the turn of a number that a MAKE frame gave


class Numbered(NamedTuple):
    """What a content is called.

    Args:
        artifact: Its id.
        name: Its name.
        version: Its number.
        declared: The number that its maker gave it.
    """

    artifact: str
    name: str
    version: int
    declared: int


class _Claim(NamedTuple):
    name: str
    version: int
    turn: int


@contextmanager
def admit(ledger: Ledger, frames: Iterable[Frame]) -> Iterator[None]:
    """Number what arrives in frames of another record, which are to be written in the block.

    What is here keeps its number: of two contents with one number the one that arrives gets the
    next that is free, and a content that is here already stays what it is called here. If the
    process dies before the frames are written, a number is left over; that harms nothing.
    """
    claims = _claims(frames)
    if not claims:
        yield
        return
    with alone(ledger.folder / "record.lock"):
        ledger.index.refresh()
        for artifact, claim in claims.items():
            known = _known(ledger.index, artifact)
            if known is not None and known.version != claim.version:
                turn = max(known.turn, claim.turn) + 1
                _write(ledger, artifact, _Claim(known.name, known.version, turn))
            elif known is None and _holders(ledger.index, artifact, claim):
                taken = max(other.version for other in claims.values() if other.name == claim.name)
                number = max(_last(ledger.index, claim.name), taken) + 1
                _write(ledger, artifact, _Claim(claim.name, number, claim.turn + 1))
            ledger.index.refresh()
        yield


def adopt(ledger: Ledger, numbers: Iterable[Numbered]) -> None:
    """Call contents as another record does, before its frames arrive; our own make room."""
    wanted = list(numbers)
    with alone(ledger.folder / "record.lock"):
        ledger.index.refresh()
        taken = max((one.version for one in wanted), default=-1)
        for artifact, name, version, declared in wanted:
            claim = _Claim(name, version, _UNDECIDED)
            for holder in _holders(ledger.index, artifact, claim):
                moved = _known(ledger.index, holder) or claim
                number = max(_last(ledger.index, name), taken) + 1
                _write(ledger, holder, _Claim(name, number, moved.turn + 1))
                ledger.index.refresh()
            known = _known(ledger.index, artifact)
            if version != (declared if known is None else known.version):
                turn = _UNDECIDED if known is None else known.turn
                _write(ledger, artifact, _Claim(name, version, turn + 1))
                ledger.index.refresh()


def numbers_of(index: Index, artifacts: Iterable[str]) -> list[Numbered]:
    """Return what contents are called here, and what their makers called them."""
    return [
        Numbered(*row)
        for artifact in artifacts
        for row in index.query(
            "SELECT m.artifact, m.name, v.version, m.version FROM made m JOIN makings v "
            "ON v.log = m.log AND v.offset = m.offset WHERE m.artifact = ? "
            "ORDER BY m.time, m.log, m.offset LIMIT 1",
            (artifact,),
        )
    ]


def _claims(frames: Iterable[Frame]) -> dict[str, _Claim]:
    """Return what frames call contents; of a content the number of the last turn."""
    claims: dict[str, _Claim] = {}
    for frame in frames:
        if frame.kind not in {Kind.MAKE, Kind.NUMBER}:
            continue
        # A frame that cannot be understood is noted as damage when it is read.
        with suppress(ValueError, LookupError, TypeError):
            said = json.loads(frame.payload)
            turn = int(said["turn"]) if frame.kind == Kind.NUMBER else _UNDECIDED
            claim = _Claim(str(said["name"]), int(said["version"]), turn)
            before = claims.get(str(said["artifact"]))
            if before is None or before.turn < turn:
                claims[str(said["artifact"])] = claim
    return claims


def _known(index: Index, artifact: str) -> _Claim | None:
    """Return what a content is called here; None where it was never heard of."""
    for row in index.rows(
        "SELECT name, version, turn FROM numbered WHERE artifact = ?", (artifact,)
    ):
        return _Claim(*row)
    for name, version in index.rows(
        "SELECT name, version FROM made WHERE artifact = ? ORDER BY time, log, offset LIMIT 1",
        (artifact,),
    ):
        return _Claim(name, version, _UNDECIDED)
    return None


def _holders(index: Index, artifact: str, claim: _Claim) -> list[str]:
    """Return the other contents that have a number here."""
    values = {"name": claim.name, "version": claim.version, "artifact": artifact}
    rows = index.rows(
        "SELECT artifact FROM makings WHERE name = :name AND version = :version "
        "AND artifact <> :artifact UNION SELECT artifact FROM numbered WHERE name = :name "
        "AND version = :version AND artifact <> :artifact ORDER BY 1",
        values,
    )
    return [holder for (holder,) in rows]


def _last(index: Index, name: str) -> int:
    """Return the last number of a name that was ever given out."""
    [(last,)] = index.rows(
        "SELECT max(version) FROM (SELECT version FROM made WHERE name = :name "
        "UNION SELECT version FROM numbers WHERE name = :name) n",
        {"name": name},
    )
    return -1 if last is None else int(last)


def _write(ledger: Ledger, artifact: str, claim: _Claim) -> None:
    said: dict[str, Json] = {"artifact": artifact, **claim._asdict()}
    ledger.write(Kind.NUMBER, None, said)
