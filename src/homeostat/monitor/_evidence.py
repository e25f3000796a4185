"""Evidence of change, accumulated over windows for each thing that is watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from homeostat.core import Finding
from homeostat.stats import EDetector, p_to_e

__all__ = ["Evidence", "Key", "key_of"]

Key = tuple[str, str]


def key_of(finding: Finding) -> Key:
    """Return what a finding is about: its check and its subject."""
    return finding.check, finding.subject


@dataclass(slots=True)
class Evidence:
    """The evidence that one thing has changed.

    Half of it is a Shiryaev-Roberts sum of the windows' e-values, half the last window's own:
    a change that lasts and one that is over in a window are both seen. Where neighbouring windows
    say the same (weather), e-values are drawn to the power of 1 over how many do, before they
    are multiplied: as much evidence as that many windows hold together, no more.

    Args:
        detector: Of changes that last.
        alone: The last window's e-value.
        since: When the change began, as far as can be told.
        harm: By how much the sure part of its effect has exceeded the margin, on average since
            then; None where effects are not known.
    """

    detector: EDetector = field(default_factory=EDetector)
    alone: float = 0.0
    since: datetime | None = None
    harm: float | None = None

    def update(self, at: datetime, finding: Finding | None) -> None:
        """Take a window's finding; None where the check had nothing to say."""
        p_value = 1.0 if finding is None or finding.p_value is None else finding.p_value
        alike = None if finding is None else finding.evidence.get("dependence")
        self.alone = float(p_to_e(p_value))
        power = 1 / max(alike, 1.0) if isinstance(alike, (int, float)) else 1.0
        self.detector.update(self.alone**power)
        if self.since is None or self.detector.since == self.detector.steps:
            self.since, self.harm = at, None
        self._weigh(finding)

    def _weigh(self, finding: Finding | None) -> None:
        low, margin = (finding.evidence.get(n) if finding else 0 for n in ("effect_low", "margin"))
        if isinstance(low, (int, float)) and isinstance(margin, (int, float)):
            steps = self.detector.steps - self.detector.since
            self.harm = ((self.harm or 0.0) * steps + low - margin) / (steps + 1)

    def reset(self) -> None:
        """Start anew."""
        self.detector.reset()
        self.alone, self.since, self.harm = 0.0, None, None

    @property
    def value(self) -> float:
        """The evidence: on average at most the number of windows while nothing changes."""
        return (self.detector.value + self.alone) / 2
