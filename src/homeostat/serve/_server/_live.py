"""Live: the route in force, and the follower that makes a new one when the record says so."""

from __future__ import annotations

import json
from hashlib import blake2b

from homeostat.core import NotFoundError, ServerError
from homeostat.record import Artifact, Record
from homeostat.serve._http._deployed import Deployed, Prepare
from homeostat.serve._package import unpack
from homeostat.serve._router._direct import CHAMPION, plan_of
from homeostat.serve._router._plan import Plan
from homeostat.serve._router._route import Route

__all__ = ["Follower", "Route"]


class Follower:
    """Makes the route that the record asks for: the alias "production" and the model's plan.

    Args:
        record: Where the model is kept.
        name: Of the model.
        prepare: See `Deployed`.

    Attributes:
        size_bytes: Of all packages that were read.
    """

    def __init__(self, record: Record, name: str, *, prepare: Prepare | None = None) -> None:
        self._record = record
        self.name = name
        self._prepare = prepare
        self._cursor = ""
        self._asked: tuple[str, Plan] | None = None
        self._in_force: tuple[str, Plan] | None = None
        self.size_bytes = 0
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
        champion, plan = self._champion(), plan_of(self._record, self.name)
        self._cursor = cursor
        if (asked := (champion.id, plan)) == self._asked and not force:
            return None
        self._asked = asked
        named = {name: arm.model for name, arm in plan.arms.items()}
        arms = {
            name: champion if model is None else self._record.artifact(model)
            for name, model in named.items()
        }
        if "challenger" in arms and arms["challenger"].id == champion.id:
            plan, arms = Plan(), {"champion": champion}
        wanted = {one.id: one for one in (champion, *arms.values())}
        self._ready = {
            id_: self._ready.get(id_) or self._deploy(one) for id_, one in wanted.items()
        }
        deployed = {name: self._ready[one.id] for name, one in arms.items()}
        self._in_force = asked
        return Route(self._ready[champion.id], plan, deployed)

    @property
    def mark(self) -> int:
        """A number that is equal where two followers have made the same route, else not."""
        if self._in_force is None:
            return 0
        champion, plan = self._in_force
        asked = json.dumps([champion, plan.to_json()], sort_keys=True, default=str).encode()
        return int.from_bytes(blake2b(asked, digest_size=7).digest(), "big")

    def _champion(self) -> Artifact:
        try:
            return self._record.artifact(f"{self.name}:{CHAMPION}")
        except NotFoundError as error:
            raise ServerError(
                f"The record has no model `{self.name}` in production: release one, or point "
                f"the alias at it with `record.alias(model, {CHAMPION!r})`. {error}"
            ) from error

    def _deploy(self, artifact: Artifact) -> Deployed:
        files = {name: artifact.read(name) for name in artifact.files}
        self.size_bytes += sum(map(len, files.values()))
        return Deployed(artifact.reference, unpack(files), self._prepare)
