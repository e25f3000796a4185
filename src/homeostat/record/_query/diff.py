"""What differs between two runs: config, summary, packages, environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homeostat.core import Json
from homeostat.record._run_info import RunInfo

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Difference", "RunDiff", "compare"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs differ.

    Args:
        part: ``"config"``, ``"summary"``, ``"about"``, ``"packages"``, ``"environment"``,
            ``"code"``, ``"command"`` or ``"used"``.
        key: Of what in it; keys within keys are joined by dots.
        left: What the one run has; None if nothing.
        right: What the other has.
    """

    part: str
    key: str
    left: Json
    right: Json

    def __str__(self) -> str:
        return f"{self.part}.{self.key}: {_shown(self.left)} -> {_shown(self.right)}"


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What differs between two runs.

    Args:
        left: Id of the one run.
        right: Id of the other.
        differences: By part and key.
        same: How many things are alike, by part.
    """

    left: str
    right: str
    differences: tuple[Difference, ...]
    same: Mapping[str, int]

    def part(self, name: str) -> dict[str, tuple[Json, Json]]:
        """Return what differs in one part, by key."""
        return {one.key: (one.left, one.right) for one in self.differences if one.part == name}

    def frame(self) -> pl.DataFrame:
        """Return the differences as a frame: part, key, left, right (JSON)."""
        import polars as pl  # noqa: PLC0415 - only where a frame is wanted

        rows = [
            (one.part, one.key, json.dumps(one.left), json.dumps(one.right))
            for one in self.differences
        ]
        schema = dict.fromkeys(("part", "key", "left", "right"), pl.String())
        return pl.DataFrame(rows, schema=schema, orient="row")

    def __str__(self) -> str:
        lines = [str(one) for one in self.differences] or ["nothing differs"]
        return "\n".join([f"{self.left} -> {self.right}", *(f"  {line}" for line in lines)])


def compare(left: RunInfo, right: RunInfo) -> RunDiff:
    """Compare two runs."""
    found: list[Difference] = []
    same: dict[str, int] = {}
    ours, theirs = _parts(left), _parts(right)
    for part in ours:
        one, other = dict(_leaves(ours[part])), dict(_leaves(theirs[part]))
        same[part] = 0
        for key in sorted(one.keys() | other.keys()):
            if key in one and key in other and _alike(one[key], other[key]):
                same[part] += 1
            else:
                found.append(Difference(part, key, one.get(key), other.get(key)))
    return RunDiff(left.id, right.id, tuple(found), same)


def _parts(run: RunInfo) -> dict[str, Mapping[str, Json]]:
    environment = dict(run.environment.to_json()) if run.environment else {}
    packages = environment.pop("packages", {})
    code = {"commit": run.code.commit, "dirty": run.code.dirty} if run.code else {}
    used: dict[str, Json] = {}
    for reference in run.used:
        name, _, version = reference.rpartition(":")
        used[name] = f"{used[name]}, {version}" if name in used else version
    return {
        "config": run.config,
        "summary": run.summary,
        "about": run.about,
        "packages": packages if isinstance(packages, dict) else {},
        "environment": environment,
        "code": code,
        "command": {"line": " ".join(run.command)},
        "used": used,
    }


def _leaves(document: Mapping[str, Json], path: str = "") -> Iterator[tuple[str, Json]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _alike(one: Json, other: Json) -> bool:
    if type(one) is not type(other) and not {type(one), type(other)} <= {int, float}:
        return False
    return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN is as NaN


def _shown(value: Json) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)
