"""The command line: a thin face over what a notebook can do."""

from homeostat.cli._commands import cli, main

__all__ = ["cli", "main"]
