"""The command line: a thin face over what a notebook can do."""

from homeostat.cli import _again, _data, _operate, _serving, _tracking
from homeostat.cli._commands import cli, main, system_named

__all__ = ["cli", "main"]

_again.add_to(cli)
_data.add_to(cli, system_named)
_operate.add_to(cli)
_serving.add_to(cli)
_tracking.add_to(cli)
