"""Reading every file of an artifact again."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from homeostat.core import CorruptionError, Finding, NotFoundError, RecordError, Verdict

if TYPE_CHECKING:
    from homeostat.record._artifact.artifact import Artifact

__all__ = ["check_artifact"]

_THREADS = 8


def check_artifact(artifact: Artifact, *, references: bool) -> list[Finding]:
    """Return a failure for each file that is not what it was, and how many are."""
    names = [one.name for one in artifact.entries if references or one.reference is None]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda name: _check(artifact, name), names))
    failures = [one for one in found if one is not None]
    good = len(names) - len(failures)
    counted = Finding(
        check="record.content",
        subject=artifact.reference,
        verdict=Verdict.OK,
        summary=f"{good} of {len(names)} files of {artifact.reference} are what was made.",
        statistic=float(good),
    )
    return [*failures, counted]


def _check(artifact: Artifact, name: str) -> Finding | None:
    try:
        deque(artifact.chunks(name), maxlen=0)
    except RecordError as error:
        known = isinstance(error, (CorruptionError, NotFoundError))
        return Finding(
            check="record.content",
            subject=f"{artifact.reference}/{name}",
            verdict=Verdict.FAIL if known else Verdict.UNKNOWN,
            summary=f"Content of {artifact.reference}/{name} "
            f"{'is lost' if known else 'could not be read'}. {error}",
            evidence={"file": name},
        )
    return None
