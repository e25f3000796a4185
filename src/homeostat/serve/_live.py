"""Live: the route in force, and the follower that makes a new one when the record says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from homeostat.core import NotFoundError, ServerError
from homeostat.record import Artifact, Record
from homeostat.serve._deployed import Deployed, Prepare
from homeostat.serve._package import unpack
from homeostat.serve._route import CHAMPION, Plan, plan_of, position

__all__ = ["Follower", "Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """Which versions answer whom; immutable, so a request sees one route from end to end.

    Args:
        champion: Answers whoever the challenger does not.
        challenger: Answers its share; None where nothing is tried.
        share: Share of keys the challenger answers.
        mirror: Whether the arm that did not answer is scored as well.
        salt: Names the trial for the assignment.
    """

    champion: Deployed
    challenger: Deployed | None = None
    share: float = 0.0
    mirror: bool = True
    salt: str = ""

    def arm(self, key: str) -> tuple[str, Deployed]:
        """Return which arm answers a key, and its version."""
        if self.challenger and self.share and position(key, self.salt) < self.share:
            return "challenger", self.challenger
        return "champion", self.champion

    def other(self, arm: str) -> Deployed | None:
        """Return the version that is scored beside an arm's answer, if any is."""
        if not self.mirror or self.challenger is None:
            return None
        return self.challenger if arm == "champion" else self.champion

    @property
    def alike(self) -> bool:
        """Whether both arms take the same features, so that a row of one serves the other."""
        other = self.challenger
        return other is None or (
            other.features == self.champion.features and other.prepare is self.champion.prepare
        )

    def own(self, deployed: Deployed, payload: Any) -> Any:  # noqa: ANN401 - what a client sent
        """Return a request without the features that only the other arm takes."""
        if self.alike or not isinstance(payload, dict):
            return payload
        both = {*self.champion.features, *(self.challenger or self.champion).features}
        foreign = both.difference(deployed.features)
        return {name: value for name, value in payload.items() if name not in foreign}

    @property
    def arms(self) -> list[tuple[str, str]]:
        """The versions in force, with their arms."""
        challenger = [(self.challenger.version, "challenger")] if self.challenger else []
        return [(self.champion.version, "champion"), *challenger]


class Follower:
    """Makes the route that the record asks for: the alias "production" and the model's plan.

    Args:
        record: Where the model is kept.
        name: Of the model.
        prepare: See `Deployed`.
    """

    def __init__(self, record: Record, name: str, *, prepare: Prepare | None = None) -> None:
        self._record = record
        self._name = name
        self._prepare = prepare
        self._cursor = ""
        self._asked: tuple[str, Plan] | None = None
        self._ready: dict[str, Deployed] = {}

    def look(self, *, force: bool = False) -> Route | None:
        """Return the route to take from now on, or None where nothing has changed.

        Args:
            force: Try again even what failed before.

        Raises:
            ServerError: If the record has no model of that name in production.
            CorruptionError: If a package is damaged; what is live stays live.
        """
        cursor = self._record.cursor()
        if cursor == self._cursor and not force:
            return None
        champion, plan = self._champion(), plan_of(self._record, self._name)
        self._cursor = cursor
        if (asked := (champion.id, plan)) == self._asked and not force:
            return None
        self._asked = asked
        challenger = None if plan.challenger is None else self._record.artifact(plan.challenger)
        if challenger is not None and challenger.id == champion.id:
            challenger = None
        wanted = [champion, challenger] if challenger else [champion]
        self._ready = {one.id: self._ready.get(one.id) or self._deploy(one) for one in wanted}
        return Route(
            self._ready[champion.id],
            self._ready[challenger.id] if challenger else None,
            plan.share,
            plan.mirror,
            plan.salt or (challenger.reference if challenger else ""),
        )

    def _champion(self) -> Artifact:
        try:
            return self._record.artifact(f"{self._name}:{CHAMPION}")
        except NotFoundError as error:
            raise ServerError(
                f"The record has no model `{self._name}` in production: release one, or point "
                f"the alias at it with `record.alias(model, {CHAMPION!r})`. {error}"
            ) from error

    def _deploy(self, artifact: Artifact) -> Deployed:
        package = unpack({name: artifact.read(name) for name in artifact.files})
        return Deployed(artifact.reference, package, self._prepare)
