"""What code ran, how it was called, and on what: enough to do it again, and no secrets."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from homeostat.core import Json

__all__ = ["Code", "Environment", "capture_code", "capture_environment", "command"]

_GIT_WAIT_S = 20.0
_MAX_PATCH_BYTES = 8 << 20
_ALLOWED = (
    "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL", "LOCAL_RANK", "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS",
    "PYTHONHASHSEED", "RANK", "RAYON_NUM_THREADS", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "TZ",
    "WORLD_SIZE",
)  # fmt: skip
"""The only environment variables that are ever kept."""
_SECRET_FILES = ("**/.env*", "**/*.pem", "**/*.key", "**/id_rsa*", "**/*secret*", "**/*credential*")
_TELLTALE = r"(?:api[_-]?key|token|secret|passw(?:or)?d|credential)[\w.-]{0,40}"
_SECRET_ARGUMENT = re.compile(rf"(?i)^(-*[\w.-]*{_TELLTALE})(=.*)?$", re.DOTALL)
_SECRET_TEXT = re.compile(
    rf"""(?ix)
    (?P<quoted> {_TELLTALE} ["']? \s{{0,9}} [:=] \s{{0,9}} ["'] ) [^"'\n]{{6,}} (?=["'])
    | (?P<shell> (?-i: API_KEY|TOKEN|SECRET|PASSWORD) [A-Z_]{{0,40}} = ) [^\s"']{{6,}}
    | (?P<url> ://[^/\s:@]{{0,99}} : ) [^/\s@]+ (?=@)
    | \b AKIA[0-9A-Z]{{16}}
    | \b gh[pousr]_\w{{20,}}
    | \b sk-[\w-]{{20,}}
    | \b xox[abprs]-[\w-]{{10,}}
    """
)
_HIDDEN = "[hidden]"


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run.

    Args:
        commit: The git commit that was checked out; None outside git, or before the first one.
        branch: Its branch; None where the commit is detached.
        dirty: Whether tracked files differed from the commit, or there were untracked ones.
        patch: What to apply to the commit, from `git diff`; what looks like a secret is hidden.
        untracked: Files that git did not know and does not ignore; only their names are kept.
        note: What is missing here, and why; empty where nothing is.
    """

    commit: str | None
    branch: str | None
    dirty: bool
    patch: str = field(repr=False)
    untracked: tuple[str, ...] = field(repr=False)
    note: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(**{**data, "untracked": tuple(data["untracked"])})


@dataclass(frozen=True, slots=True)
class Environment:
    """What a run ran on.

    Args:
        python: Version of Python.
        executable: Path of its interpreter.
        platform: Operating system and machine, in words.
        host: Name of the machine.
        cpus: Processors of the machine.
        usable_cpus: Processors this process may use.
        variables: Environment variables of a short list of harmless ones (threads, seeds, time
            zone, ranks); no other is ever kept.
        packages: Version of each installed distribution, by name.
    """

    python: str
    executable: str
    platform: str
    host: str
    cpus: int
    usable_cpus: int
    variables: Mapping[str, str]
    packages: Mapping[str, str] = field(repr=False)

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(**data)


def capture_code(folder: str | Path = ".") -> Code:
    """Return commit, branch, uncommitted changes and untracked names of a git work tree.

    Args:
        folder: A folder in the work tree; the current one unless told.

    Example:
        >>> capture_code("/").commit is None
        True
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        return Code(None, None, dirty=False, patch="", untracked=(), note="There is no git here.")
    root = top.strip()
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    branch = _git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    hidden = [f":(exclude,glob,icase){pattern}" for pattern in _SECRET_FILES]
    patch = _git(root, "diff", "--binary", "--no-ext-diff", "HEAD", "--", ".", *hidden) or ""
    status = _git(root, "status", "--porcelain", "-z", "--untracked-files=all") or ""
    entries = [entry for entry in status.split("\0") if entry]
    untracked = tuple(sorted(entry[3:] for entry in entries if entry.startswith("?? ")))
    note = ""
    if len(patch.encode()) > _MAX_PATCH_BYTES:
        patch, note = "", f"The patch is left out: it exceeds {_MAX_PATCH_BYTES >> 20} MiB."
    patch, hidden_count = _SECRET_TEXT.subn(_hide, patch)
    if hidden_count:
        note = f"The patch lacks {hidden_count} texts that look like secrets."
    return Code(
        commit=commit.strip() if commit else None,
        branch=branch.strip() if branch else None,
        dirty=bool(entries),
        patch=patch,
        untracked=untracked,
        note=note,
    )


def capture_environment() -> Environment:
    """Return Python, packages, host, processors, and a few harmless environment variables.

    Example:
        >>> "homeostat" in capture_environment().packages
        True
    """
    return Environment(
        python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(),
        host=socket.gethostname(),
        cpus=os.cpu_count() or 1,
        usable_cpus=len(os.sched_getaffinity(0)),
        variables={name: os.environ[name] for name in _ALLOWED if name in os.environ},
        packages=dict(sorted(_packages(metadata.distributions()))),
    )


def command(arguments: Iterable[str]) -> list[str]:
    """Return a command line with the values of arguments that are named as secrets hidden.

    Example:
        >>> command(["train.py", "--api-key=abc", "--password", "xyz", "--rows", "5"])
        ['train.py', '--api-key=[hidden]', '--password', '[hidden]', '--rows', '5']
    """
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        named = _SECRET_ARGUMENT.match(argument)
        if hide_next and not argument.startswith("-"):
            shown.append(_HIDDEN)
            hide_next = False
            continue
        if named and named[2] is not None:
            shown.append(f"{named[1]}={_HIDDEN}")
        else:
            shown.append(_SECRET_TEXT.sub(_hide, argument))
        hide_next = named is not None and named[2] is None and argument.startswith("-")
    return shown


def _hide(match: re.Match[str]) -> str:
    return f"{match['quoted'] or match['shell'] or match['url'] or ''}{_HIDDEN}"


def _packages(found: Iterable[metadata.Distribution]) -> Iterable[tuple[str, str]]:
    for distribution in found:
        name = distribution.metadata["Name"]
        if name:
            yield name, distribution.version


def _git(folder: str | Path, *arguments: str) -> str | None:
    """Return what git prints, or None where it fails, hangs or is not installed."""
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git, wherever it is
            capture_output=True,
            check=False,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            timeout=_GIT_WAIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "backslashreplace") if done.returncode == 0 else None
