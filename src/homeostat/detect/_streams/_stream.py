"""What stream detectors have in common: how a batch is read, and how its finding is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Json, SchemaError, Verdict
from homeostat.detect._rows import Data, Rows

__all__ = ["Batch", "stream_finding"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The finite numbers of an update, in their order, and how many were left out.

    Args:
        values: float64, (m,).
        given: Rows given.
    """

    values: NDArray[np.float64]
    given: int

    @classmethod
    def of(cls, data: Data, *, what: str = "The batch") -> Self:
        """Read one number or a batch of them.

        Raises:
            SchemaError: If it has more than one number a row, or is no number.
        """
        if isinstance(data, (float, int)):
            kept = np.array([data], np.float64)
            return cls(kept if np.isfinite(kept[0]) else kept[:0], 1)
        array = np.asarray(data) if isinstance(data, (np.generic, np.ndarray)) else data
        if isinstance(array, np.ndarray) and array.ndim == 0:
            array = array[None]
        rows = Rows.of(array, what=what)
        if rows.values.shape[1] != 1:
            raise SchemaError(
                f"{what} must have one number a row, got {rows.values.shape[1]}: follow each "
                "column by a detector of its own."
            )
        return cls(rows.values[:, 0], rows.given)

    @property
    def left_out(self) -> int:
        """Rows that are null, NaN or infinite."""
        return self.given - len(self.values)


def stream_finding(
    check: str,
    *,
    verdict: Verdict,
    said: str,
    batch: Batch,
    missing_is_normal: bool,
    statistic: float | None = None,
    threshold: float | None = None,
    effect: float | None = None,
    evidence: dict[str, Json] | None = None,
) -> Finding:
    """Make the finding of an update: left-out values are told, and warned of where new."""
    if batch.left_out:
        said += f"; {batch.left_out:,} of {batch.given:,} values are null, NaN or infinite"
        said += " and were not looked at"
        if verdict is Verdict.OK and not missing_is_normal:
            verdict = Verdict.WARN
        if not len(batch.values) and verdict is not Verdict.FAIL:
            verdict = Verdict.UNKNOWN
    return Finding(
        check=check,
        subject="stream",
        verdict=verdict,
        summary=f"{said}.",
        statistic=statistic,
        threshold=threshold,
        effect=effect,
        evidence={"n": len(batch.values), "left_out": batch.left_out, **(evidence or {})},
    )
