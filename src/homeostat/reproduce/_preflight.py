"""What makes a run hard to do again, said before anybody tries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from homeostat.core import Finding, Json, RecordError, Verdict
from homeostat.record import Record
from homeostat.reproduce._past import Past, past_of
from homeostat.reproduce._surroundings import surroundings

__all__ = ["digest_of", "preflight", "reproducibility"]

_SEEDING = re.compile(
    r"\b(?:random\.seed|manual_seed|set_seed|seed_everything|hs\.seed|homeostat\.seed|set_random_seed)"
    r"\s*\(|\brandom_state\s*=\s*\d|\b(?:default_rng|RandomState|Random)\s*\(\s*[^\s)]"
)
_UNSEEDED = re.compile(r"\b(?:default_rng|RandomState|random\.Random)\s*\(\s*\)")
_GLOBAL = re.compile(
    r"\b(?:np|numpy)\.random\.(?!default_rng|Generator|RandomState|SeedSequence)[a-z]"
)
_HIDDEN = "[hidden]"
_CHUNK_BYTES = 1 << 20


def reproducibility(record: Record, run: str) -> list[Finding]:
    """Return what makes a run unreproducible, or might; what is in order is told as well.

    Checks: ``reproduce.code`` (nothing kept, files left out, secrets hidden, written meanwhile),
    ``reproduce.command``, ``reproduce.launcher``, ``reproduce.seed``, ``reproduce.artifact``,
    ``reproduce.undeclared_input``, ``reproduce.changed_input``, ``reproduce.missing_input``,
    ``reproduce.reads`` (unknown where nobody looked), ``reproduce.network``,
    ``reproduce.package``, ``reproduce.python`` and ``reproduce.machine`` (of here and now).

    Args:
        record: Where the run is.
        run: Its id.

    Raises:
        NotFoundError: If there is no such run.
    """
    return preflight(record, past_of(record, run))


def preflight(record: Record, past: Past) -> list[Finding]:
    """Return the same of a run whose past is at hand."""
    checks = (
        _code(past),
        _command(past),
        _seed(past),
        _artifacts(record, past),
        _inputs(past),
        surroundings(past.info.environment),
    )
    return [finding for check in checks for finding in check]


def _code(past: Past) -> Iterator[Finding]:
    code = past.info.code
    if past.root is None and not past.cells:
        why = "" if code is None else f" {code.note}"
        yield _finding("code", "code", Verdict.FAIL, f"No code of the run was kept.{why}")
        return
    own = [tree for tree in (*past.trees, *past.cells) if not tree.place.startswith("editable:")]
    left_out = {f"{one.place}/{p}".strip("/"): w for one in own for p, w in one.left_out.items()}
    for path, why in list(left_out.items())[:20]:
        yield _finding("code", path, Verdict.WARN, f"{path} was not kept with the code: {why}.")
    hidden = sorted({path for tree in own for path in tree.hidden})
    if hidden:
        yield _finding(
            "code", hidden[0], Verdict.WARN,
            f"Texts that look like secrets are hidden in {_listed(hidden)}: code that needs them "
            "will not do what it did.", files=hidden,
        )  # fmt: skip
    later = () if code is None else code.changed_later
    if later:
        yield _finding(
            "code", later[0], Verdict.WARN,
            f"{_listed(later)} changed in the moment the run started, so it may have used what was "
            "there before.", files=list(later),
        )  # fmt: skip
    if not (left_out or hidden or later):
        yield _finding("code", "code", Verdict.OK, f"The code was kept whole: {_named(past)}.")


def _command(past: Past) -> Iterator[Finding]:
    called = past.invocation
    if called is None:
        yield _finding("command", "command", Verdict.FAIL, "How the run was called is not known.")
        return
    if any(_HIDDEN in argument for argument in called.arguments):
        yield _finding(
            "command", "arguments", Verdict.WARN,
            "An argument looked like a secret and was not kept: the run is called without it.",
        )  # fmt: skip
    if not past.cells and (len(called.arguments) < 2 or called.arguments[1:] == ("-",)):
        yield _finding(
            "command", "arguments", Verdict.FAIL,
            "The code was typed or came by standard input, so it was not kept: run a script.",
        )  # fmt: skip
    if called.processes > 1:
        yield _finding(
            "launcher", called.launcher or "launcher", Verdict.FAIL,
            f"The run was one of {called.processes} processes that "
            f"{called.launcher or 'a launcher'} started: one alone cannot be done again.",
        )  # fmt: skip


def _seed(past: Past) -> Iterator[Finding]:
    seeds = [seed.get("seed") for seed in past.seeds]
    config = past.info.config.get("seed")
    unseeded = _lines(past, _UNSEEDED)
    if unseeded:
        yield _finding(
            "seed", unseeded[0], Verdict.WARN,
            f"{_listed(unseeded)} makes a random generator without a seed.", lines=list(unseeded),
        )  # fmt: skip
    if seeds or config is not None:
        told = ", ".join(str(seed) for seed in (seeds or [config]))
        yield _finding("seed", "seed", Verdict.OK, f"Seeded with {told}.")
        return
    used = _generators_used(past)
    if used == []:
        yield _finding("seed", "seed", Verdict.OK, "No global random generator was used.")
        return
    lines = _lines(past, _SEEDING)
    if lines:
        yield _finding(
            "seed", lines[0], Verdict.WARN,
            f"No seed was recorded; the code seems to seed at {_listed(lines)}: call "
            "`homeostat.seed`, so that the record knows.", lines=list(lines),
        )  # fmt: skip
    elif used is None:
        yield _finding(
            "seed",
            "seed",
            Verdict.UNKNOWN,
            "No seed was recorded; whether one was needed is not known.",
        )
    else:
        yield _finding(
            "seed", used[0], Verdict.FAIL,
            f"The run drew from the random generator of {' and '.join(used)} and seeded none: "
            "call `homeostat.seed(n)` first.", generators=list(used),
        )  # fmt: skip


def _artifacts(record: Record, past: Past) -> Iterator[Finding]:
    for reference in past.info.used:
        try:
            artifact = record.artifact(reference)
            for file in artifact.files:
                artifact.path(file)
        except RecordError as error:
            yield _finding("artifact", reference, Verdict.FAIL, f"An input is gone: {error}")
        else:
            yield _finding("artifact", reference, Verdict.OK, f"{reference} is there, unchanged.")


def _inputs(past: Past) -> Iterator[Finding]:
    if past.reads is None:
        yield _finding(
            "reads", "reads", Verdict.UNKNOWN,
            "What files the run read was not observed: start it by `homeostat.init`, or call "
            "`record.observe_reads`.",
        )  # fmt: skip
        return
    for file in past.inputs:
        if file["role"] == "undeclared":
            yield _undeclared(file)
            yield from _now(file)
    if past.reads.get("hosts"):
        hosts = past.reads["hosts"]
        yield _finding(
            "network", hosts[0], Verdict.WARN,
            f"The run talked to {_listed(hosts)}: what came from there is not in the record.",
            hosts=hosts,
        )  # fmt: skip


def _undeclared(file: dict[str, Any]) -> Finding:
    path = file["path"]
    return _finding(
        "undeclared_input", path, Verdict.WARN,
        f"{path} was read and is neither a used artifact nor part of the code.", **file,
    )  # fmt: skip


def _now(file: dict[str, Any]) -> Iterator[Finding]:
    path = Path(file["path"])
    if not path.is_file():
        yield _finding(
            "missing_input", str(path), Verdict.FAIL, f"{path}, which was read, is gone."
        )
    elif file["sha256"] is not None and digest_of(path) != file["sha256"]:
        yield _finding(
            "changed_input", str(path), Verdict.FAIL,
            f"{path} is no longer what was read: it had SHA-256 {file['sha256'][:12]} and "
            f"{file['size']} bytes, now it has {path.stat().st_size} bytes.", **file,
        )  # fmt: skip


def _generators_used(past: Past) -> list[str] | None:
    """Return the generators whose state moved; None where nobody looked."""
    if past.reads is None:
        return None
    start, end = past.reads["random"]["start"], past.reads["random"]["end"]
    moved = [name for name in start if end.get(name) != start[name]]
    came = [name for name in end if name not in start and name != "torch"]
    return moved + (came if _lines(past, _GLOBAL) else [])


def _lines(past: Past, pattern: re.Pattern[str]) -> list[str]:
    """Return the places in the run's own code where a pattern stands, as ``file:line``."""
    found = []
    for path, file in past.files("").items():
        if not path.endswith(".py") or not _ran(past, path):
            continue
        for number, line in enumerate(file.content.decode("utf-8", "replace").splitlines(), 1):
            if pattern.search(line.partition("#")[0]):
                found.append(f"{path}:{number}")
    for number, cell in enumerate(past.source(), 1):
        if pattern.search(cell):
            found.append(f"cell {number}")
    return found[:50]


def _ran(past: Past, path: str) -> bool:
    """Say whether a file of the project is the script or may have been imported by it."""
    called = past.invocation
    root = past.root
    if called is None or root is None or called.script is None:
        return True
    folder = Path(called.script).parent
    return (Path(root.folder) / path).is_relative_to(folder) and "test" not in path


def _named(past: Past) -> str:
    root = past.root
    if root is None:
        return "the cells of the notebook"
    if root.commit is None:
        return f"{len(past.files(''))} files"
    code = past.info.code
    changes = " with its changes" if code is not None and code.dirty else ""
    return f"commit {root.commit[:12]}{changes}"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _finding(check: str, subject: str, verdict: Verdict, summary: str, **evidence: Json) -> Finding:
    return Finding(
        check=f"reproduce.{check}",
        subject=subject,
        verdict=verdict,
        summary=summary,
        evidence=evidence,
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
