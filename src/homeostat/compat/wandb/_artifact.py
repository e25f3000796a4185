"""Artifact: what W&B's users may also ask of an artifact of ours."""

from __future__ import annotations

import json
import os
from typing import Any

from homeostat import track
from homeostat.compat.wandb._refused import refuse
from homeostat.core import NotFoundError

__all__ = ["Artifact", "dressed"]


class Artifact(track.Artifact):
    """An artifact of ours with the further words of W&B's."""

    @property
    def qualified_name(self) -> str:
        """Its name with its version: a record has no entities and projects around it."""
        return self.name

    @property
    def tags(self) -> list[str]:
        """The tags it was logged with."""
        return [str(tag) for tag in self.metadata.get("tags") or ()]

    @property
    def created_at(self) -> str:
        """When it was made."""
        return self.made.made.isoformat().replace("+00:00", "Z")

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return len(self.files())

    @property
    def state(self) -> str:
        """``"PENDING"`` until it is logged, then ``"COMMITTED"``."""
        return "PENDING" if self.is_draft() else "COMMITTED"

    def get(self, name: str) -> Any:  # noqa: ANN401 - media of any kind
        """Return the image, table or other value that was added under a name.

        Raises:
            NotFoundError: If none was.
        """
        from homeostat.media import from_row  # noqa: PLC0415 - Polars and Pillow

        files = {entry.name for entry in self.made.entries}
        found = [file for file in files if file.startswith(f"{name}.") and file.endswith(".json")]
        if not found:
            raise NotFoundError(f"{self.name} has no value `{name}`: use get_path() for a file.")
        row = json.loads(self.read(min(found, key=len)))
        return from_row(row, lambda sha256: self.read(f"media/{sha256}"))

    def checkout(self, root: str | os.PathLike[str] | None = None) -> str:
        """Do the same as `download`."""
        return self.download(root)

    def logged_by(self) -> Any:  # noqa: ANN401 - a run as the Api shows it
        """Return the run that made it."""
        from homeostat.compat.wandb._api import Api  # noqa: PLC0415 - Polars

        return Api().run(self.made.run)

    def used_by(self) -> list[Any]:
        """Return the runs that read it."""
        from homeostat.compat.wandb._api import Api  # noqa: PLC0415 - Polars

        api = Api()
        return [api.run(node.id) for node in self.made.used_by()]

    def save(self, project: str | None = None, settings: object = None) -> None:  # noqa: ARG002 - as W&B has it
        """Log it by the run that is open."""
        track.log_artifact(self)

    def link(self, *_: object, **__: object) -> None:
        """Raise InputError: there are no registries."""
        refuse("link_artifact")


def dressed(artifact: track.Artifact) -> Artifact:
    """Return the very artifact, with W&B's further words."""
    if not isinstance(artifact, Artifact):
        found: Any = artifact
        found.__class__ = Artifact
    assert isinstance(artifact, Artifact)  # noqa: S101 - for the type checker
    return artifact
