"""The findings of a run of pytest, as a run in a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homeostat.core import Finding
from homeostat.record import Record

__all__ = ["to_record"]


def to_record(path: str, held: Sequence[tuple[str, dict[str, Any]]], *, failed: bool) -> str:
    """Write findings to the record in a folder, as one run of kind ``test``, and return its id.

    Args:
        path: The folder; made where there is none.
        held: The id of the test and the finding as JSON, each.
        failed: Whether the run of pytest failed.
    """
    findings = []
    for nodeid, found in held:
        evidence = {**found["evidence"], "pytest": nodeid}
        findings.append(Finding.from_json({**found, "evidence": evidence}))
    with Record(path) as record:
        run = record.start_run("test", "pytest")
        run.find_all(findings)
        run.finish("failed" if failed else "finished")
        return run.id
