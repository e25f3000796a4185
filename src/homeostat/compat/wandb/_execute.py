"""Running a person's script, unmodified."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from homeostat.compat.wandb._install import install

__all__ = ["execute"]


def execute(script: Path, arguments: Sequence[str], *, as_wandb: bool) -> None:
    """Run a script as ``python script arguments`` would, in this process.

    Its exit code and its errors are those of this process.

    Args:
        script: The file.
        arguments: What it finds in ``sys.argv[1:]``.
        as_wandb: Whether ``import wandb`` in it, and in what it imports, is our own face.
    """
    if as_wandb:
        install()
    # How a run says it was called, so that it can be called so again from another place.
    face = ["-m", "homeostat", "exec", "--as-wandb"] if as_wandb else []
    sys.orig_argv = [sys.executable, *face, str(script), *arguments]
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.parent.resolve())
    runpy.run_path(str(script), run_name="__main__")
