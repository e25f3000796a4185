"""What a client raises beside `NotFoundError`; each is one of ours from `homeostat.core`.

InputError
└── RefusedError        the server refuses the request: status, fields
ServerError
├── UnavailableError    it cannot be reached, is too busy, or fails: status, attempts
└── DeadlineError       the time is over (also a TimeoutError)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from homeostat.core import InputError, ServerError

__all__ = ["DeadlineError", "RefusedError", "UnavailableError"]


class RefusedError(InputError):
    """The server refuses a request; sending it again does not help.

    Args:
        message: The server's sentence.
        status: HTTP status, 4xx.
        fields: What is wrong with which field: ``row``, ``field``, ``value``, ``rule``,
            ``message`` each; empty where it is not about fields.
    """

    def __init__(
        self, message: str, *, status: int, fields: Sequence[Mapping[str, object]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields = tuple(fields)


class UnavailableError(ServerError):
    """The server cannot be reached, is too busy, or fails.

    Args:
        message: What happened, and how often it was tried.
        status: HTTP status of the last answer; None where none came.
        attempts: How often the request was sent.
    """

    def __init__(self, message: str, *, status: int | None, attempts: int) -> None:
        super().__init__(message)
        self.status = status
        self.attempts = attempts


class DeadlineError(ServerError, TimeoutError):
    """The time that a call was given is over."""
