"""The command line: a thin face over what a notebook can do."""

from homeostat.cli import _again, _tracking
from homeostat.cli._commands import cli, main

__all__ = ["cli", "main"]

_again.add_to(cli)
_tracking.add_to(cli)
