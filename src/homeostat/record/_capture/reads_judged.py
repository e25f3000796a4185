"""What the files that a run read are: its code, what it said it uses, or undeclared inputs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import source_from_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeostat.core import Finding, HomeostatError, Json, Verdict
from homeostat.record._capture.capture import Code
from homeostat.record._capture.hide import is_secret_name
from homeostat.record._capture.modules import cells_tree, is_tool, keep_late
from homeostat.record._capture.snapshot import tree_paths
from homeostat.record._index.tables import Kind

if TYPE_CHECKING:
    from homeostat.record._capture.reads import Seen
    from homeostat.record._ledger import Ledger

__all__ = ["Observed", "judge_reads"]

_SYSTEM = ("/bin/", "/dev/", "/etc/", "/lib/", "/lib64/", "/proc/", "/run/", "/sys/", "/usr/")
_MAX_FILES = 10_000
_MAX_FINDINGS = 20
_HASH_BUDGET_BYTES = 4 << 30
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a run by its end.

    Args:
        seen: Files that were opened for reading.
        written: Files that were opened for writing first.
        hosts: Hosts beyond this machine that were asked for.
        random: Digest of each global random generator as the run started, and as it ended.
        cells: Cells of a notebook that were executed.
    """

    seen: Sequence[Seen]
    written: frozenset[str]
    hosts: Sequence[str]
    random: tuple[Mapping[str, str], Mapping[str, str]]
    cells: Sequence[str]


def judge_reads(ledger: Ledger, run: str, observed: Observed) -> None:
    """Write what a run read, and a finding for each input that it did not declare."""
    now = ledger.clock.time_ns()
    try:
        payload = _judged(ledger, run, observed)
    except Exception as problem:  # noqa: BLE001 - it may not end what is being recorded
        payload, findings = {"failed": f"{type(problem).__name__}: {problem}"}, []
    else:
        findings = [one.to_json() for one in _findings(payload["files"], observed.hosts)]
    with suppress(HomeostatError):  # a record that cannot be written has said so before
        ledger.write(Kind.EVENT, run, {"kind": "reads", "at": now, "payload": payload})
        if findings:
            ledger.write(Kind.FINDINGS, run, {"at": now, "findings": findings})


def _judged(ledger: Ledger, run: str, observed: Observed) -> dict[str, Any]:
    code = _code(ledger, run)
    opened = {path: one for path, one in _opened(observed) if not _no_input(path, ledger)}
    for one in _named(ledger, run, code):
        if one.path not in observed.written:
            opened.setdefault(one.path, one)
    inside = _in_trees(ledger, code)
    outside = {path: one for path, one in opened.items() if path not in inside}
    late = [path for path in outside if path.endswith(".py")]
    inputs = [one for path, one in outside.items() if not path.endswith(".py")]
    start, end = observed.random
    return {
        "files": _described(inputs[:_MAX_FILES], _artifacts(ledger, run)),
        "hosts": list(observed.hosts),
        "random": {"start": dict(start), "end": dict(end)},
        "cells": [tree.to_json() for tree in cells_tree(ledger.blobs, observed.cells)],
        "late": keep_late(ledger.blobs, () if code is None else code.trees, late),
    }


def _opened(observed: Observed) -> Iterator[tuple[str, Seen]]:
    for one in observed.seen:
        path = one.path
        if path.endswith(".pyc"):
            with suppress(ValueError):
                path = source_from_cache(path)
        if one.size >= 0:
            yield path, one


def _no_input(path: str, ledger: Ledger) -> bool:
    """Say whether a file is Python's, the system's, git's, or the record's."""
    place = Path(path)
    return (
        path.startswith(_SYSTEM)
        or is_tool(place)
        or ".git" in place.parts
        or place.is_relative_to(ledger.folder.resolve())
    )


def _named(ledger: Ledger, run: str, code: Code | None) -> Iterator[Seen]:
    """Yield the files that arguments and config name: native readers open those unseen."""
    from homeostat.record._capture.reads import Seen  # noqa: PLC0415 - it is what calls this

    called = None if code is None else code.invocation
    rows = ledger.index.query("SELECT config, command, time FROM starts WHERE run = ?", (run,))
    for config, command, started in rows:
        for text in _texts([json.loads(config), json.loads(command)[1:]]):
            path = Path(called.folder if called else ".") / text
            with suppress(OSError, ValueError):
                one = Seen.at(str(path.absolute()))
                if one.size >= 0 and one.changed_ns < started and not _no_input(one.path, ledger):
                    yield one


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) < 1024 and "\0" not in value:
            yield value.rpartition("=")[2]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def _in_trees(ledger: Ledger, code: Code | None) -> set[str]:
    """Return the paths of all files that are kept as code."""
    found: set[str] = set()
    for tree in () if code is None else code.trees:
        if tree.folder:
            found.update(f"{tree.folder}/{path}" for path in tree_paths(ledger.blobs, tree))
    return found


def _code(ledger: Ledger, run: str) -> Code | None:
    rows = ledger.index.query("SELECT code FROM captures WHERE run = ?", (run,))
    return Code.from_json(json.loads(ledger.blobs.get(rows[0][0]))) if rows else None


def _artifacts(ledger: Ledger, run: str) -> dict[str, tuple[str, str]]:
    """Return, for the digest of each file of a used or made artifact, which it is and its name."""
    found: dict[str, tuple[str, str]] = {}
    for role, table in (("made", "made"), ("declared", "used")):
        for name, version, files in ledger.index.rows(
            f"SELECT v.name, v.version, v.files FROM {table} t JOIN versions v "  # noqa: S608 - our own names
            "ON v.artifact = t.artifact WHERE t.run = ?",
            (run,),
        ):
            for part in json.loads(files).values():
                found[part["sha256"]] = role, f"{name}:v{version}"
    return found


def _described(
    seen: Sequence[Seen], artifacts: Mapping[str, tuple[str, str]]
) -> list[dict[str, Json]]:
    files: list[dict[str, Json]] = []
    budget = _HASH_BUDGET_BYTES
    for one in sorted(seen, key=lambda one: one.path):
        secret = is_secret_name(one.path)
        digest = None if secret or one.size > budget else _digest(one.path)
        budget -= one.size if digest else 0
        role, artifact = artifacts.get(digest or "", ("undeclared", None))
        if role == "made":
            continue
        changed = type(one).at(one.path) != one
        files.append(
            {"path": one.path, "size": one.size, "sha256": digest, "role": role,
             "artifact": artifact, "changed": changed, "secret": secret}
        )  # fmt: skip
    return files


def _digest(path: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def _findings(files: Iterable[Mapping[str, Json]], hosts: Sequence[str]) -> list[Finding]:
    undeclared = [file for file in files if file["role"] == "undeclared"]
    found = [_undeclared(file) for file in undeclared[:_MAX_FINDINGS]]
    rest = [str(file["path"]) for file in undeclared[_MAX_FINDINGS:]]
    if rest:
        found.append(
            Finding(
                check="reproduce.undeclared_input",
                subject=os.path.commonpath(rest),
                verdict=Verdict.WARN,
                summary=f"{len(rest)} more files were read that are neither used artifacts nor "
                "code.",
                evidence={"files": rest[:1000]},
            )
        )
    if hosts:
        found.append(
            Finding(
                check="reproduce.network",
                subject=hosts[0],
                verdict=Verdict.WARN,
                summary=f"The run talked to {', '.join(hosts[:5])}: what came from there is not "
                "in the record.",
                evidence={"hosts": list(hosts)},
            )
        )
    return found


def _undeclared(file: Mapping[str, Json]) -> Finding:
    changed = " It changed after it was read." if file["changed"] else ""
    return Finding(
        check="reproduce.undeclared_input",
        subject=str(file["path"]),
        verdict=Verdict.WARN,
        summary=f"{file['path']} was read and is neither a used artifact nor part of the code: "
        f"make it an artifact and `use` it.{changed}",
        evidence=dict(file),
    )
