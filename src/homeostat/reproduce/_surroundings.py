"""How the interpreter, packages and machine of a run differ from those of here and now."""

from __future__ import annotations

from collections.abc import Iterator

from homeostat.core import Finding, Verdict
from homeostat.record import Environment, capture_environment

__all__ = ["differing_packages", "surroundings"]

_MAX_FINDINGS = 20


def surroundings(then: Environment | None, now: Environment | None = None) -> Iterator[Finding]:
    """Yield a finding for each difference that may change results.

    Args:
        then: What the run ran on; None where it was not captured.
        now: What it would run on; this process's, unless told.
    """
    if then is None:
        yield _finding(
            "python", "environment", Verdict.UNKNOWN, "What the run ran on is not known."
        )
        return
    now = now or capture_environment()
    if then.python != now.python:
        same = then.python.split(".")[:2] == now.python.split(".")[:2]
        summary = f"The run had Python {then.python}, here is {now.python}."
        yield _finding("python", "python", Verdict.WARN if same else Verdict.FAIL, summary)
    differing = differing_packages(then, now)
    for name, (was, is_) in list(differing.items())[:_MAX_FINDINGS]:
        yield _finding(
            "package",
            name,
            Verdict.WARN,
            f"{name} was {was or 'absent'}, here it is {is_ or 'absent'}.",
        )
    if len(differing) > _MAX_FINDINGS:
        rest = len(differing) - _MAX_FINDINGS
        yield _finding("package", "packages", Verdict.WARN, f"{rest} more packages differ.")
    if not differing:
        yield _finding("package", "packages", Verdict.OK, "Every package has the recorded version.")
    yield from _machine(then, now)


def differing_packages(
    then: Environment, now: Environment
) -> dict[str, tuple[str | None, str | None]]:
    """Return the versions then and now of each package that differs; None is absent.

    Names are compared as pip does (PEP 503).
    """
    was = {_normal(name): (name, version) for name, version in then.packages.items()}
    is_ = {_normal(name): (name, version) for name, version in now.packages.items()}
    found: dict[str, tuple[str | None, str | None]] = {}
    for key in sorted(was.keys() | is_.keys()):
        name, before = was.get(key, (is_.get(key, ("", ""))[0], None))
        after = is_[key][1] if key in is_ else None
        if before != after:
            found[name] = before, after
    return found


def _machine(then: Environment, now: Environment) -> Iterator[Finding]:
    pairs = {
        "processor": (then.cpu, now.cpu),
        "instructions": (" ".join(then.cpu_flags), " ".join(now.cpu_flags)),
        "graphics cards": ("; ".join(then.gpus), "; ".join(now.gpus)),
        "C library": (then.libc, now.libc),
        "usable processors": (str(then.usable_cpus), str(now.usable_cpus)),
    }
    known = bool(then.build)  # old captures lack most of it
    for name, (was, is_) in pairs.items():
        if was != is_ and (known or was):
            summary = f"The {name} differ: {_short(was)} then, {_short(is_)} here."
            yield _finding("machine", name, Verdict.WARN, summary)


def _short(text: str) -> str:
    return text if 0 < len(text) <= 80 else (f"{text[:77]}..." if text else "none")


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _finding(check: str, subject: str, verdict: Verdict, summary: str) -> Finding:
    return Finding(check=f"reproduce.{check}", subject=subject, verdict=verdict, summary=summary)
