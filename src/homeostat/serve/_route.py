"""Routes: which model answers whom. A key stays with its arm, and a ramp only adds keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, Json, NotFoundError

if TYPE_CHECKING:
    from homeostat.record import Artifact, Record, Run

__all__ = ["CHAMPION", "Plan", "assign", "direct", "must_be_model", "plan_of", "position"]

CHAMPION = "production"  # the alias under which the record keeps the model that is live
_FILE = "plan.json"
_SCALE = 2.0**-64


def position(key: str, salt: str) -> float:
    """Return where a key stands in [0, 1): uniform, the same on every machine, for ever.

    It is the first 8 bytes of BLAKE2b over the salt, a zero byte and the key, read as a
    big-endian fraction.

    Example:
        >>> round(position("user-1", "v1/v2"), 6)
        0.166246
    """
    digest = blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * _SCALE


def assign(keys: Iterable[str], share: float, *, salt: str) -> NDArray[np.bool_]:
    """Say which keys go to the challenger.

    Assignments nest: those at 5 % are among those at 25 %, so a ramp moves nobody back. About
    1 microsecond a key.

    Args:
        keys: n texts that identify who asks, such as users.
        share: Share of keys that go to the challenger, in [0, 1].
        salt: Names the trial; another salt draws other keys.

    Returns:
        Shape (n,), True where the challenger answers.

    Example:
        >>> users = [f"user-{i}" for i in range(10_000)]
        >>> few, more = (assign(users, share, salt="v1/v2") for share in (0.05, 0.25))
        >>> int(few.sum()), bool((more | ~few).all())
        (500, True)
    """
    if not 0 <= share <= 1:
        raise InputError(f"A share lies in [0, 1], got {share}.")
    return np.fromiter((position(key, salt) < share for key in keys), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which challenger is tried beside the champion, and how.

    Args:
        challenger: Reference of a model in the record, such as ``"delay:v4"``; None for none.
        share: Share of keys that it answers; 0 is a shadow.
        mirror: Whether the arm that did not answer is scored as well, after the answer.
        salt: Names the trial for the assignment; "" is the challenger's reference.

    Raises:
        InputError: If the share is outside [0, 1].
    """

    challenger: str | None = None
    share: float = 0.0
    mirror: bool = True
    salt: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"A challenger's share lies in [0, 1], got {self.share}.")

    def to_json(self) -> dict[str, Json]:
        """Return the plan as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a plan; raises InputError if it is none."""
        try:
            return cls(**data)
        except TypeError as error:
            raise InputError(
                f"A plan has challenger, share, mirror and salt, got {dict(data)!r}."
            ) from error


def direct(run: Run, name: str, plan: Plan) -> Artifact:
    """Tell the servers of a model which challenger to try; each follows within its poll.

    Args:
        run: The run that decides so.
        name: Of the model.
        plan: What to try; ``Plan()`` ends a trial.

    Raises:
        NotFoundError: If the record has no such challenger.
        InputError: If the challenger is no model.
    """
    if plan.challenger is not None:
        must_be_model(run.use(plan.challenger))
    files = {_FILE: json.dumps(plan.to_json(), sort_keys=True).encode()}
    return run.make(_plan_name(name), "plan", files, aliases=("live",))


def must_be_model(artifact: Artifact) -> None:
    """Raise InputError unless an artifact is a model."""
    if artifact.type != "model":
        raise InputError(f"`{artifact.reference}` must be a model, it is a {artifact.type}.")


def plan_of(record: Record, name: str) -> Plan:
    """Return the plan that is live for a model; ``Plan()`` where none was ever made."""
    try:
        artifact = record.artifact(f"{_plan_name(name)}:live")
    except NotFoundError:
        return Plan()
    return Plan.from_json(json.loads(artifact.read(_FILE)))


def _plan_name(name: str) -> str:
    return f"{name}.plan"
