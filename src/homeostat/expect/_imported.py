"""What came of reading another tool's suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeostat.core import Finding, SchemaError, Verdict
from homeostat.expect._suite import Suite

__all__ = ["Imported", "refusal"]

_TOLD = 10


@dataclass(frozen=True, slots=True)
class Imported:
    """A suite read from another tool, and what of it could not be read.

    Args:
        suite: What could.
        refused: A finding, verdict unknown, on each thing that could not, with the reason.
    """

    suite: Suite
    refused: tuple[Finding, ...] = ()

    def whole(self, *, partial: bool) -> Imported:
        """Return this, or refuse it where something is lacking and no part was asked for.

        Raises:
            SchemaError: If so, with each thing that could not be read.
        """
        if partial or not self.refused:
            return self
        told = [f"- {one.summary}" for one in self.refused[:_TOLD]]
        if more := len(self.refused) - _TOLD:
            told += [f"- and {more} more"] if more > 0 else []
        raise SchemaError(
            f"{len(self.refused)} of {len(self.refused) + len(self.suite)} checks cannot be read; "
            "pass `partial=True` for the others, with these as findings:\n" + "\n".join(told)
        )


def refusal(subject: str, why: str, of: Sequence[str] = ()) -> Finding:
    """Return the finding on something that could not be read."""
    return Finding(
        check="expect.import",
        subject=subject,
        verdict=Verdict.UNKNOWN,
        summary=f"`{subject}` was not imported: {why}{'' if why[-1:] in {'.', '?'} else '.'}",
        evidence={"arguments": list(of)},
    )
