"""What one round of the loop released, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from homeostat.core import Finding, Json, Schema
from homeostat.record import Artifact, Record
from homeostat.serve import PackagedModel, unpack

__all__ = ["ANSWERS", "CHAMPION", "Release", "open_record", "package_of"]

ANSWERS = "answers.npz"
CHAMPION = "production"  # the alias that servers follow


@dataclass(frozen=True, slots=True)
class Release:
    """What one round of the loop released.

    Args:
        system: Name of the system.
        run_id: The round in the record.
        model: The packaged model, as an artifact.
        baseline: The best of the simpler models, as a package: what the model must replace.
        schema: Of the features, as a request must have them.
        trained_until: No later row was trained on.
        phases: Each model with its loss and how it differs from the one before.
        findings: Everything the round judged.
        cached: Whether no stage had to be run again.
    """

    system: str
    run_id: str
    model: Artifact
    baseline: Artifact
    schema: Schema
    trained_until: datetime
    phases: tuple[Mapping[str, Json], ...]
    findings: tuple[Finding, ...]
    cached: bool

    def describe(self) -> str:
        """Return a few lines for a terminal."""
        phases = [
            f"  phase {phase['phase']}  {phase['name']:<20} log loss {phase['logloss']:.4f}"
            f"  AUC {phase['auc']:.3f}  {phase['words']}"
            for phase in self.phases
        ]
        return "\n".join([f"{self.system}: released {self.model.reference}", *phases])


def open_record(record: Record | Path | str) -> Record:
    """Return a record, given itself or its folder."""
    return record if isinstance(record, Record) else Record(record)


def package_of(artifact: Artifact) -> PackagedModel:
    """Read the model of an artifact back, every byte checked."""
    return unpack({name: artifact.read(name) for name in artifact.files if name != ANSWERS})
