"""An interpreter with the packages that a run had."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from homeostat.core import Finding, Verdict
from homeostat.record import Environment, capture_environment
from homeostat.reproduce._surroundings import differing_packages, surroundings

__all__ = ["Interpreter", "current", "recorded"]

_TOOLS = {"pip", "setuptools", "wheel"}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python to run with.

    Args:
        executable: Its path; None where it could not be made.
        findings: How it differs from what the run had.
        made: Whether it was made for the run: then nothing of here may come before its packages.
    """

    executable: Path | None
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    made: bool = False


def current(then: Environment | None) -> Interpreter:
    """Return the running interpreter."""
    return Interpreter(Path(sys.executable), tuple(surroundings(then)))


def recorded(then: Environment | None, folder: Path, timeout_s: float) -> Interpreter:
    """Return an interpreter with the recorded packages; made in a folder, if need be.

    What the running interpreter has in the same version is taken from it; only what differs is
    installed, over it, in a virtual environment. So packages that the run had not may be there.

    Args:
        then: What the run ran on.
        folder: Where to make the environment.
        timeout_s: How long installing may take.
    """
    now = capture_environment()
    if then is None:
        return current(then)
    if then.python.split(".")[:2] != now.python.split(".")[:2]:
        wanted = ".".join(then.python.split(".")[:2])
        summary = f"The run had Python {then.python}, here is {now.python}: call this by {wanted}."
        return Interpreter(None, (_finding("python", "python", summary),))
    wanted_packages = list(_wanted(then, now))
    if not wanted_packages:
        return current(then)
    executable = folder / "bin" / "python"
    problem = _made(folder, executable, wanted_packages, timeout_s)
    if problem:
        return Interpreter(None, (_finding("package", "packages", problem),))
    return Interpreter(executable, tuple(_left(then, now)), made=True)


def _wanted(then: Environment, now: Environment) -> Iterator[str]:
    """Yield what pip must install."""
    for name, (was, _) in differing_packages(then, now).items():
        if was is not None and name not in then.editable and name.lower() not in _TOOLS:
            origin = then.origins.get(name)
            yield f"{name} @ {origin}" if origin else f"{name}=={was}"


def _left(then: Environment, now: Environment) -> Iterator[Finding]:
    """Yield what still differs once the packages are installed."""
    extra = [name for name, (was, _) in differing_packages(then, now).items() if was is None]
    if extra:
        summary = f"The run had no {', '.join(extra[:5])}; it is there now, and may be imported."
        yield Finding(
            check="reproduce.package", subject=extra[0], verdict=Verdict.WARN, summary=summary
        )
    for finding in surroundings(then, now):
        if finding.check == "reproduce.machine":
            yield finding


def _made(folder: Path, executable: Path, packages: list[str], timeout_s: float) -> str:
    """Make the environment; return what went wrong, "" if nothing did."""
    steps = (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, "-m", "pip", "--python", str(executable), "install", "--no-deps",
         "--quiet", "--disable-pip-version-check", *packages],
    )  # fmt: skip
    for step in steps:
        try:
            done = subprocess.run(  # noqa: S603 - our own arguments, no shell
                step, capture_output=True, text=True, check=False, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            return f"Installing {', '.join(packages)} took longer than {timeout_s:g} s."
        if done.returncode:
            said = " ".join(done.stderr.strip().splitlines()[-3:])
            return f"{', '.join(packages)} cannot be installed: {said}"
    below = Path(sysconfig.get_path("purelib"))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = folder / "lib" / version / "site-packages"
    line = f"import site; site.addsitedir({str(below)!r})\n"  # its .pth files count as well
    (site / "zz_same_packages.pth").write_text(line)
    return ""


def _finding(check: str, subject: str, summary: str) -> Finding:
    return Finding(
        check=f"reproduce.{check}", subject=subject, verdict=Verdict.FAIL, summary=summary
    )
