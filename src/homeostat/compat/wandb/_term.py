"""``wandb.errors.term``: lines on the error stream."""

from __future__ import annotations

import sys

__all__ = ["termerror", "termlog", "termsetup", "termwarn"]

_said: set[str] = set()


def termlog(
    string: str = "",
    newline: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    repeat: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    prefix: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:
    """Print a line; with ``repeat=False`` of one text only once.

    Example:
        >>> from contextlib import redirect_stderr
        >>> with redirect_stderr(sys.stdout):
        ...     termlog("ready", repeat=False)
        ...     termlog("ready", repeat=False)
        wandb: ready
    """
    _print("", string, newline=newline, repeat=repeat, prefix=prefix)


def termwarn(
    string: str,
    newline: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    repeat: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    prefix: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:
    """Print a warning."""
    _print("WARNING ", string, newline=newline, repeat=repeat, prefix=prefix)


def termerror(
    string: str,
    newline: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    repeat: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
    prefix: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
) -> None:
    """Print an error."""
    _print("ERROR ", string, newline=newline, repeat=repeat, prefix=prefix)


def termsetup(settings: object = None, logger: object = None) -> None:
    """Do nothing: there is nothing to set up."""


def _print(mark: str, text: str, *, newline: bool, repeat: bool, prefix: bool) -> None:
    if not repeat:
        if text in _said:
            return
        _said.add(text)
    start = "wandb: " if prefix else ""
    lines = "\n".join(f"{start}{mark}{line}" for line in text.split("\n"))
    sys.stderr.write(lines + ("\n" if newline else ""))
