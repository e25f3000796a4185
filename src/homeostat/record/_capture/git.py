"""Asking git, without ever writing to the user's repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["git", "git_text"]

_WAIT_S = 60.0
_QUIET = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "advice.addEmbeddedRepo=false"),
)


def git(
    folder: str | Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> bytes | None:
    """Return what git prints, or None where it fails, hangs or is not installed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            ["git", "-C", str(folder), *_QUIET, *arguments],  # noqa: S607 - the user's git, wherever it is
            capture_output=True,
            check=False,
            env=own | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **(variables or {})},
            input=stdin,
            timeout=_WAIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def git_text(
    folder: str | Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> str | None:
    """Return what :func:`git` prints as text, without the newline at its end."""
    printed = git(folder, *arguments, variables=variables)
    return None if printed is None else printed.decode("utf-8", "backslashreplace").rstrip("\n")
