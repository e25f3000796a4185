"""How a prediction log is kept: what it outlives, how much of it is kept, and what is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from homeostat.core import InputError, Json

__all__ = ["DURABILITY", "LogSettings"]

DURABILITY = {
    "process": "outlives kill -9: written before the answer is given",
    "machine": "outlives the machine: on the disk before the answer is given",
    "none": "a kill loses the answers of the last tenth of a second",
}
_HOW = {"hash", "drop", "keep"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How the prediction log of a server is kept.

    Args:
        durability: What an acknowledged prediction outlives. ``"process"``: the server's end,
            also by ``kill -9``; one plain write before the answer. ``"machine"``: a power cut
            too; answers wait, at most ``hold_s`` or until ``hold_most`` wait, for one fdatasync
            of them all. ``"none"``: nothing; answers are written ten times a second.
        sample: Share of predictions whose features (and request) are kept, in [0, 1]. Ids, arms
            and answers are always kept. The rows kept carry 1 / ``sample`` as their weight.
        redact: By name of a feature or a field of the request: ``"hash"``, ``"drop"``, or
            ``"keep"`` in spite of its role.
        private: What becomes of columns whose role is ``private``: ``"hash"`` or ``"drop"``.
        keys: Whether the keys of who asks are kept as they are (``"plain"``) or hashed.
        segment_bytes: A file is closed, to be sealed, at this size, and at each full hour.
        hold_s: See ``durability``; in seconds.
        hold_most: See ``durability``.

    Raises:
        InputError: If a setting is none of these.

    Example:
        >>> LogSettings(durability="machine", redact={"email": "hash"}).to_json()["durability"]
        'machine'
    """

    durability: Literal["process", "machine", "none"] = "process"
    sample: float = 1.0
    redact: Mapping[str, Literal["hash", "drop", "keep"]] = field(default_factory=dict)
    private: Literal["hash", "drop"] = "hash"
    keys: Literal["plain", "hash"] = "plain"
    segment_bytes: int = 64 << 20
    hold_s: float = 0.002
    hold_most: int = 256

    def __post_init__(self) -> None:
        if self.durability not in DURABILITY:
            raise InputError(
                f"A log's durability is one of {', '.join(DURABILITY)}, got {self.durability!r}."
            )
        if not 0 <= self.sample <= 1:
            raise InputError(f"The share of features to keep lies in [0, 1], got {self.sample}.")
        for name, how in self.redact.items():
            if how not in _HOW:
                raise InputError(f"`{name}` is redacted by 'hash', 'drop' or 'keep', got {how!r}.")
        if self.private not in {"hash", "drop"} or self.keys not in {"plain", "hash"}:
            raise InputError(
                "Private columns are 'hash' or 'drop' and keys 'plain' or 'hash', got "
                f"{self.private!r} and {self.keys!r}."
            )
        if self.segment_bytes < 1 or self.hold_most < 1 or self.hold_s < 0:
            raise InputError(
                "A segment has bytes and a group answers, and neither waits less than no time, "
                f"got {self.segment_bytes}, {self.hold_most} and {self.hold_s} s."
            )

    def to_json(self) -> dict[str, Json]:
        """Return what each file of the log says of how it is kept."""
        return {
            "durability": self.durability,
            "sample": self.sample,
            "redact": dict(self.redact),
            "private": self.private,
            "keys": self.keys,
        }
