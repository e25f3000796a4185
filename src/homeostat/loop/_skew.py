"""Skew: whether what is served looks like what was trained on, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Self

import polars as pl

from homeostat.core import Finding, InputError, Role, Schema, Verdict
from homeostat.data import Profile, SchemaSkew, SkewLimits, Threshold

__all__ = ["Seen", "Skew", "TrainedOn"]

_BROKEN = ("skew.type", "skew.feature_removed", "skew.label")
_PARTS = 8  # of the training rows, from which it is learned how much features vary


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How each window is held against the rows that the release was trained on.

    What is off either gates or warns. What gates fails: it is told as a page, the trial under
    way is halted and nothing is learned while it lasts. What warns is kept once, when it begins.

    Args:
        gate: Shell patterns of what gates: of a check, such as ``"skew.type"``, or of a check on
            a subject, such as ``"skew.distribution on price"``. An empty list only warns.
        thresholds: By feature: how far its distribution may be off.
        limits: When a skew is told, for features without a threshold.

    Raises:
        InputError: If a pattern is of no check of `homeostat.data.skew`.
    """

    gate: Sequence[str] = _BROKEN
    thresholds: Mapping[str, float | Threshold] = field(default_factory=dict)
    limits: SkewLimits = field(default_factory=SkewLimits)

    def __post_init__(self) -> None:
        if isinstance(self.gate, str) or any(not one.startswith("skew.") for one in self.gate):
            raise InputError(
                "What gates is a list of patterns such as 'skew.type' or "
                f"'skew.distribution on price', got {self.gate!r}."
            )

    def gates(self, finding: Finding) -> bool:
        """Say whether a finding that fails gates."""
        told = finding.check, f"{finding.check} on {finding.subject}"
        return finding.verdict is Verdict.FAIL and any(
            fnmatchcase(one, pattern) for pattern in self.gate for one in told
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What one window's skew comes to.

    Args:
        gating: What fails and gates.
        warning: What is off and only warns; never more than a warning.
    """

    gating: tuple[Finding, ...] = ()
    warning: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The rows that the release was trained on, as far as windows are held against them.

    Args:
        skew: What gates and what warns.
        features: Of the features.
        label: Of the label; None where there is none.
    """

    skew: Skew
    features: SchemaSkew
    label: SchemaSkew | None

    @classmethod
    def of(
        cls, skew: Skew, features: pl.DataFrame, schema: Schema, label: pl.Series, *, seed: int = 0
    ) -> Self:
        """Learn from the training rows, in the order of time.

        Args:
            skew: What gates and what warns.
            features: Their features.
            schema: Of the features.
            label: Their labels, all known.
            seed: Of simulations.
        """
        known = skew.thresholds
        whole = SchemaSkew.of(
            _parts(features, schema),
            schema=schema,
            thresholds={name: one for name, one in known.items() if name != label.name},
            limits=skew.limits,
            seed=seed,
        )
        frame = label.cast(pl.String).to_frame()  # classes, be they numbers
        labels = SchemaSkew.of(
            _parts(frame),
            thresholds={name: one for name, one in known.items() if name == label.name},
            limits=skew.limits,
            seed=seed,
        )
        return cls(skew, whole, replace(labels, label=label.name))

    def judge(self, window: Profile) -> Seen:
        """Judge the features of a window."""
        return self._told(self.features.judge(window)) if window.rows else Seen()

    def judge_label(self, label: pl.Series | None) -> Seen:
        """Judge the labels of a window that have come by now."""
        if self.label is None or label is None or not len(label):
            return Seen()
        classes = label.cast(pl.String).alias(str(self.label.label))
        return self._told(self.label.judge(classes.to_frame()))

    def _told(self, found: Iterable[Finding]) -> Seen:
        bad = [one for one in found if one.verdict in {Verdict.FAIL, Verdict.WARN}]
        gating = tuple(one for one in bad if self.skew.gates(one))
        return Seen(
            gating,
            tuple(replace(one, verdict=Verdict.WARN) for one in bad if one not in gating),
        )


def _parts(frame: pl.DataFrame, schema: Schema | None = None) -> list[Profile]:
    size = max(1, -(-frame.height // _PARTS))
    return [Profile.of(part, schema) for part in frame.iter_slices(size)]


def label_name(schema: Schema) -> str | None:
    """Return the schema's column of labels, if it has one."""
    names = schema.having(Role.LABEL)
    return names[0] if names else None
