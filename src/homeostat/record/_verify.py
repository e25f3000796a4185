"""Checking a record against itself, and making its index anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from homeostat.core import CorruptionError, Finding, NotFoundError, Verdict, measure
from homeostat.record._index.index import Index
from homeostat.record._ledger import Ledger
from homeostat.record._log.read_log import Damage

__all__ = ["RebuildReport", "rebuild", "verify"]


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild of the index read.

    Args:
        logs: How many logs.
        frames: How many frames in them.
        damage: What could not be read; ends torn by a killed process are no loss.
        changed: Whether the index said something else before. It should not.
        seconds: How long it took.
    """

    logs: int
    frames: int
    damage: tuple[Damage, ...]
    changed: bool
    seconds: float


def rebuild(index: Index) -> RebuildReport:
    """Make the index anew from the logs."""
    with measure() as cost:
        index.refresh()
        before = index.digest()
        frames = index.rebuild()
    return RebuildReport(
        logs=index.rows("SELECT count(*) FROM logs")[0][0],
        frames=frames,
        damage=tuple(_damage(index)),
        changed=index.digest() != before,
        seconds=cost.wall_s,
    )


def verify(ledger: Ledger) -> list[Finding]:
    """Read every log and content again, and compare the index with what the logs say."""
    anew = Index(ledger.folder / "logs", None)
    try:
        ledger.index.refresh()
        anew.refresh()
        return [*_check_logs(anew), *_check_blobs(ledger), _check_index(ledger.index, anew)]
    finally:
        anew.close()


def _damage(index: Index) -> list[Damage]:
    known = index.rows("SELECT log, offset, length, reason FROM damage ORDER BY 1, 2")
    return [*(Damage(*row) for row in known), *index.torn()]


def _check_logs(index: Index) -> Iterator[Finding]:
    damage = _damage(index)
    yield from (_damaged(item) for item in damage)
    if not damage:
        count = index.rows("SELECT count(*) FROM logs")[0][0]
        yield Finding(
            check="record.log",
            subject="logs",
            verdict=Verdict.OK,
            summary=f"All frames of {count} logs are intact.",
            statistic=float(count),
        )


def _damaged(item: Damage) -> Finding:
    torn = item.reason == "torn"
    means = (
        "its process was killed while writing; nothing whose call returned is lost"
        if torn
        else "what stood there is lost; restore the file from a copy"
    )
    return Finding(
        check="record.log",
        subject=item.log,
        verdict=Verdict.WARN if torn else Verdict.FAIL,
        summary=f"{item}: {means}.",
        statistic=float(item.length),
        evidence={"offset": item.offset, "length": item.length, "reason": item.reason},
    )


def _check_blobs(ledger: Ledger) -> Iterator[Finding]:
    good = 0
    for digest, owner in sorted(_owners(ledger.index).items()):
        try:
            ledger.blobs.path(digest)
            good += 1
        except (CorruptionError, NotFoundError) as error:
            yield Finding(
                check="record.content",
                subject=owner,
                verdict=Verdict.FAIL,
                summary=f"Content of {owner} is lost. {error}",
                evidence={"sha256": digest},
            )
    yield Finding(
        check="record.content",
        subject="blobs",
        verdict=Verdict.OK,
        summary=f"{good} contents match their digests.",
        statistic=float(good),
    )


def _owners(index: Index) -> dict[str, str]:
    owners: dict[str, str] = {}
    for run, code, environment in index.rows("SELECT run, code, environment FROM captures"):
        owners |= {code: f"code of run {run}", environment: f"environment of run {run}"}
    for name, version, files in index.rows("SELECT name, version, files FROM versions"):
        for file, part in json.loads(files).items():
            owners[part["sha256"]] = f"{name}:v{version}/{file}"
    return owners


def _check_index(index: Index, anew: Index) -> Finding:
    same = anew.digest() == index.digest()
    return Finding(
        check="record.index",
        subject="index",
        verdict=Verdict.OK if same else Verdict.FAIL,
        summary="The index says what the logs say."
        if same
        else "The index differs from the logs: restore logs that are damaged, then run "
        "`homeostat record rebuild`.",
    )
