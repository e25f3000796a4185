"""Gradients that explode, vanish or are no numbers, told as findings, each once."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import TYPE_CHECKING

from homeostat.core import Finding, Verdict

if TYPE_CHECKING:
    from homeostat.track._tensor import Seen

__all__ = ["Ailments"]

_EXPLODED = 100.0
_SEEN_BEFORE = 5
_VANISHED = 1e-8
_TIMES = 3


class Ailments:
    """What ails the gradients of one model.

    A gradient explodes when its norm is 100 times the median of its looks before (at least five,
    at most fifty); it vanishes when the root of its mean square is below 1e-8 three looks
    running; and no look may see NaN or infinity. Rules of thumb, not tests: a warning is a place
    to look at.
    """

    def __init__(self) -> None:
        self._norms: dict[str, deque[float]] = {}
        self._small: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()
        self._new: list[Finding] = []

    def new(self) -> list[Finding]:
        """Return what was found since this was last asked."""
        found, self._new = self._new, []
        return found

    def see_gradient(self, name: str, seen: Seen) -> None:
        """Look at one parameter's gradient."""
        if seen.odd:
            self._tell_odd("gradients.finite", "gradient", name, seen)
            return
        small = self._small[name] = self._small.get(name, 0) + 1 if seen.scale < _VANISHED else 0
        if small >= _TIMES:
            self._tell(
                "gradients.vanishing",
                name,
                f"The gradient of {name} has all but vanished: its root mean square is "
                f"{seen.scale:.2g}, below {_VANISHED:g} {small} looks running.",
                seen.scale,
                _VANISHED,
            )
        self._see_norm(name, seen.norm)

    def see_parameter(self, name: str, seen: Seen) -> None:
        """Look at one parameter."""
        if seen.odd:
            self._tell_odd("parameters.finite", "parameter", name, seen)

    def see_total(self, name: str, norm: float) -> None:
        """Look at the norm of all gradients together."""
        self._see_norm(name, norm)

    def _see_norm(self, name: str, norm: float) -> None:
        before = self._norms.setdefault(name, deque(maxlen=50))
        usual = median(before) if len(before) >= _SEEN_BEFORE else math.inf
        if usual > 0 and norm > _EXPLODED * usual:
            self._tell(
                "gradients.exploding",
                name,
                f"The gradient of {name} explodes: its norm is {norm:.3g}, "
                f"{norm / usual:.0f} times its median of {usual:.3g} before.",
                norm,
                _EXPLODED * usual,
            )
        before.append(norm)

    def _tell_odd(self, check: str, what: str, name: str, seen: Seen) -> None:
        self._tell(
            check,
            name,
            f"{seen.odd} of {seen.count} numbers of the {what} {name} are NaN or infinite.",
            float(seen.odd),
            0.0,
            Verdict.FAIL,
        )

    def _tell(
        self,
        check: str,
        name: str,
        summary: str,
        statistic: float,
        threshold: float,
        verdict: Verdict = Verdict.WARN,
    ) -> None:
        if (check, name) not in self._told and math.isfinite(statistic):
            self._told.add((check, name))
            self._new.append(
                Finding(
                    check=f"training.{check}",
                    subject=name,
                    verdict=verdict,
                    summary=summary,
                    statistic=statistic,
                    threshold=threshold,
                )
            )
