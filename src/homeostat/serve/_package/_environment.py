"""Environment: the Python and the packages that a model was packed with, and what differs here."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from homeostat.core import Finding, Json, Verdict

__all__ = ["environment", "judge_environment"]

_OURS = ("homeostat", "numpy", "polars")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def environment(libraries: Iterable[str]) -> dict[str, Json]:
    """Return the Python, and the versions of some distributions and of all they require.

    Optional requirements are left out; a distribution that is not installed is, too.
    """
    packages: dict[str, Json] = dict(sorted(_versions((*_OURS, *libraries))))
    return {"python": platform.python_version(), "packages": packages}


def _versions(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    waiting, seen = list(names), set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        yield name, found.version
        if name not in _OURS:
            required = (r for r in found.requires or () if "extra ==" not in r)
            waiting += [match[0] for one in required if (match := _NAME.match(one))]


def judge_environment(packed: Mapping[str, Any], libraries: Iterable[str]) -> Finding:
    """Say whether this environment is the one that a model was packed in.

    Fails where a library of the model's own is another major version or missing, warns where any
    version differs; unknown where the package does not say.
    """
    before: Mapping[str, str] = packed.get("packages", {})
    if not before:
        return Finding(
            check="package.environment",
            subject="environment",
            verdict=Verdict.UNKNOWN,
            summary="The package does not say which versions it was packed with.",
        )
    now = dict(_versions(before))
    changed: dict[str, Json] = {
        name: [version, now.get(name)]
        for name, version in before.items()
        if now.get(name) != version
    }
    if packed["python"] != platform.python_version():
        changed["python"] = [packed["python"], platform.python_version()]
    broken = [n for n in libraries if n in changed and _major(before[n]) != _major(now.get(n))]
    listed = ", ".join(f"{name} {_shown(pair)}" for name, pair in sorted(changed.items()))
    verdict = Verdict.FAIL if broken else Verdict.WARN if changed else Verdict.OK
    return Finding(
        check="package.environment",
        subject="environment",
        verdict=verdict,
        statistic=float(len(changed)),
        threshold=0.0,
        summary=f"{len(changed)} of {len(before)} packages differ from when the model was packed: "
        f"{listed}."
        if changed
        else f"All {len(before)} packages are those the model was packed with.",
        evidence={"changed": changed},
    )


def _major(version: str | None) -> str | None:
    return None if version is None else version.partition(".")[0]


def _shown(pair: Any) -> str:  # noqa: ANN401 - a pair of versions
    return f"{pair[0]} -> {pair[1] or 'missing'}"
