"""Evidence of change, accumulated over windows for each thing that is watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from homeostat.core import Finding
from homeostat.stats import EDetector, p_to_e

__all__ = ["Evidence", "Key", "key_of", "spans_of"]

Key = tuple[str, str]


def key_of(finding: Finding) -> Key:
    """Return what a finding is about: its check and its subject."""
    return finding.check, finding.subject


def spans_of(finding: Finding) -> int:
    """Return how many of the shortest windows the finding's window is long."""
    spans = finding.evidence.get("spans", 1)
    return spans if isinstance(spans, int) else 1


@dataclass(slots=True)
class Evidence:
    """The evidence that one thing has changed, in windows of one length.

    Half of it is for a change that lasts, half for one that is over in a window. Where
    neighbouring windows say the same (weather), e-values are drawn to the power of 1 over how
    many do, before they are multiplied: as much evidence as that many windows hold together, no
    more.

    For a watch without end, the first half is a Shiryaev-Roberts sum and the second the last
    window's e-value: on average at most the number of windows so far. For a `lifetime` both are
    averaged over when the change came, with weight 1/(k (k + 1)) for window k: an e-process, at
    most 1 on average at any time (Ramdas et al. 2023, Game-theoretic statistics, section 7), in
    which a change that comes late costs its weight and not all that was lost before it.

    Args:
        lifetime: Whether the evidence is of a budget for a lifetime.
        detector: Of changes that last; it also tells since when.
        alone: The last window's e-value.
        lasting: For a lifetime: average over the windows that a lasting change began in.
        single: The same for a change of one window only.
        since: When the change began, as far as can be told.
        harm: By how much the sure part of its effect has exceeded the margin, on average since
            then; None where effects are not known.
    """

    lifetime: bool = False
    detector: EDetector = field(default_factory=EDetector)
    alone: float = 0.0
    lasting: float = 0.0
    single: float = 0.0
    steps: int = 0
    since: datetime | None = None
    harm: float | None = None

    def update(self, at: datetime, finding: Finding | None) -> None:
        """Take a window's finding; None where the check had nothing to say."""
        p_value = 1.0 if finding is None or finding.p_value is None else finding.p_value
        alike = None if finding is None else finding.evidence.get("dependence")
        self.alone = float(p_to_e(p_value))
        power = 1 / max(alike, 1.0) if isinstance(alike, (int, float)) else 1.0
        self.detector.update(self.alone**power)
        self._average(self.alone**power)
        if self.since is None or self.detector.since == self.detector.steps:
            self.since, self.harm = at, None
        self._weigh(finding)

    def _average(self, e: float) -> None:
        self.steps += 1
        weight = 1 / (self.steps * (self.steps + 1))
        self.lasting = min((self.lasting + weight) * e, 1e300)
        self.single = min(self.single + weight * self.alone, 1e300)

    def _weigh(self, finding: Finding | None) -> None:
        low, margin = (finding.evidence.get(n) if finding else 0 for n in ("effect_low", "margin"))
        if isinstance(low, (int, float)) and isinstance(margin, (int, float)):
            steps = self.detector.steps - self.detector.since
            self.harm = ((self.harm or 0.0) * steps + low - margin) / (steps + 1)

    def reset(self) -> None:
        """Start anew."""
        self.detector.reset()
        self.alone = self.lasting = self.single = 0.0
        self.steps, self.since, self.harm = 0, None, None

    @property
    def value(self) -> float:
        """The evidence: to be compared with the number of windows, or of a lifetime with 1."""
        if self.lifetime:
            return (self.lasting + self.single) / 2 + 1 / (self.steps + 1)
        return (self.detector.value + self.alone) / 2
