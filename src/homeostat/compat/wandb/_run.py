"""Run: what W&B's users may also ask of a run of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from homeostat import track
from homeostat.compat.wandb._artifact import Artifact, dressed
from homeostat.compat.wandb._files import kept_files
from homeostat.compat.wandb._refused import refuse
from homeostat.core import Json, NotFoundError

__all__ = ["Run", "adopt", "attach"]


class Run(track.Run):
    """A run of ours with the further words of W&B's; made by `adopt`."""

    starting_step: int = 0

    @property
    def _attach_id(self) -> str:
        """What a worker passes to ``wandb._attach``."""
        return self.id

    def _label(self, code: str | None = None, **named: Json) -> None:
        """Note by which library's callback the run is logged."""
        label: dict[str, Json] = {"code": code, **named}
        self.say_about(label={key: value for key, value in label.items() if value is not None})

    @property
    def config_static(self) -> dict[str, Json]:
        """A copy of the config."""
        return self.config.as_dict()

    @property
    def project_url(self) -> None:
        """None: a record has a page only while `homeostat server` runs."""

    @property
    def sweep_url(self) -> None:
        """None, likewise."""

    @property
    def sync_dir(self) -> str:
        """The folder of the run's own files."""
        return self.dir

    def join(self, exit_code: int | None = None) -> None:
        """Do the same as :meth:`finish`."""
        self.finish(exit_code)

    def display(self, height: int = 420, hidden: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        """Show nothing, and say so by False: a run has no page of its own here."""
        return False

    def to_html(self, height: int = 420, hidden: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        """Return a line of HTML that names the run."""
        return self._repr_html_()

    def write_logs(self, text: str) -> None:
        """Keep a text with what the run printed."""
        self.write("console", text, "stdout")

    def mark_preempting(self) -> None:
        """Keep that the machine is about to be taken away."""
        self.event("preempting")

    def log_artifact(
        self,
        artifact_or_path: track.Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's word
        aliases: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
    ) -> Artifact:
        """Keep an artifact that this run made; see :meth:`homeostat.track.Run.log_artifact`."""
        return dressed(super().log_artifact(artifact_or_path, name, type, aliases, tags))

    def use_artifact(  # type: ignore[override]  # takes what W&B's takes
        self,
        artifact_or_name: track.Artifact | str,
        type: str | None = None,  # noqa: A002 - the field's word
        aliases: Iterable[str] | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Note that this run reads an artifact, and return it."""
        return dressed(super().use_artifact(artifact_or_name, type, aliases, use_as))

    def log_model(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        aliases: Iterable[str] | None = None,
    ) -> None:
        """Keep a file or a folder as an artifact of type ``"model"``."""
        self.log_artifact(path, name=name, type="model", aliases=aliases)

    def use_model(self, name: str) -> str:
        """Note that the run reads a model, download it, and return its file or its folder."""
        artifact = self.use_artifact(name)
        folder = Path(artifact.download())
        names = [entry.name for entry in artifact.files()]
        return str(folder / names[0] if len(names) == 1 else folder)

    def restore(
        self,
        name: str,
        run_path: str | None = None,
        replace: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
        root: str | None = None,
    ) -> IO[str] | None:
        """Write a file that a run saved to a folder, and open it; see `save`.

        Raises:
            NotFoundError: If that run saved no such file.
        """
        run = self.id if run_path is None else run_path.rpartition("/")[2]
        for file in kept_files(self.record, run):
            if file.name == name:
                return file.download(root or self.dir, replace=replace, exist_ok=True)
        raise NotFoundError(f"Run {run} saved no file `{name}`: wandb.save() keeps files.")

    def link_artifact(self, *_: object, **__: object) -> None:
        """Raise InputError: there are no registries."""
        refuse("link_artifact")

    def link_model(self, *_: object, **__: object) -> None:
        """Raise InputError: there are no registries."""
        refuse("link_model")

    def upsert_artifact(self, *_: object, **__: object) -> None:
        """Raise InputError: an artifact has one maker."""
        refuse("upsert_artifact")

    def finish_artifact(self, *_: object, **__: object) -> None:
        """Raise InputError: an artifact has one maker."""
        refuse("finish_artifact")

    def pin_config_keys(self, *_: object, **__: object) -> None:
        """Raise InputError: the page shows all of them."""
        refuse("pin_config_keys")

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return attach, (self.id, str(self.record.path.absolute()))


def adopt(run: track.Run, kind: type[Run] = Run) -> Run:
    """Return the very run, with W&B's further words.

    It is the run that `homeostat.log` speaks to as well, so it is not wrapped but made one.
    """
    if not isinstance(run, Run):
        found: Any = run
        found.__class__ = kind
        found.starting_step = run.step
    assert isinstance(run, Run)  # noqa: S101 - for the type checker
    return run


def attach(
    attach_id: str | None = None, record: str | None = None, *, run_id: str | None = None
) -> Run:
    """Join a run that another process holds; ``wandb.log`` then speaks to it."""
    return adopt(track.attach(str(attach_id or run_id), record))
