"""Logging and using artifacts: each function is a method of `Run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import InputError
from homeostat.track._artifact import Artifact
from homeostat.track._refuge import REFUSED

if TYPE_CHECKING:
    from homeostat.record import Artifact as Made
    from homeostat.track._run import Run

__all__ = ["log_artifact", "log_code", "use_artifact"]

_LEFT_OUT = {"__pycache__", "node_modules", "site-packages", "wandb"}


def log_artifact(
    run: Run,
    artifact_or_path: Artifact | str | os.PathLike[str],
    name: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's word
    aliases: Iterable[str] | None = None,
    tags: Iterable[str] | None = None,
) -> Artifact:
    """Keep an artifact that this run made; all of it is in the record when the call returns.

    The same content under the same name makes no new version.

    Args:
        run: The run.
        artifact_or_path: The artifact, or a file, a folder or a reference to make one of.
        name: Of the artifact, for a path; may carry an alias: ``"flights:best"``.
        type: Of the artifact, for a path.
        aliases: Names that point to this version from now on; ``"latest"`` is understood.
        tags: Kept in the metadata as ``tags``.

    Raises:
        InputError: If the artifact, or the path, is of no use.
    """
    artifact = _as_artifact(run, artifact_or_path, name, type)
    if tags and artifact.is_draft():
        artifact.metadata["tags"] = list(tags)
    wanted = [alias for alias in aliases or () if alias != "latest"]
    if name and ":" in name and name.partition(":")[2] != "latest":
        wanted.append(name.partition(":")[2])
    if run.disabled:
        return artifact
    try:
        run.make(artifact, wanted)
    except REFUSED as error:
        if run.settings.strict:
            raise
        artifact.fail(error)
        run.warn(f"artifact {artifact.name} could not be kept: {error}", about=artifact.name)
    return artifact


def use_artifact(
    run: Run,
    artifact_or_name: Artifact | Made | str,
    type: str | None = None,  # noqa: A002 - the field's word
    aliases: Iterable[str] | None = None,  # noqa: ARG001 - as W&B has it
    use_as: str | None = None,  # noqa: ARG001 - as W&B has it
) -> Artifact:
    """Note that this run reads an artifact, and return it.

    Args:
        run: The run.
        artifact_or_name: ``"name:v3"``, ``"name:alias"``, ``"name"`` or an artifact; one that is
            not logged yet is logged first. A path such as ``"entity/project/name:v3"`` is read
            by its last part.
        type: What it must be; None is anything.
        aliases: Nothing: kept for those who pass it.
        use_as: Nothing: kept for those who pass it.

    Raises:
        NotFoundError: If the record has none of that name.
        InputError: If it is of another type.
    """
    if isinstance(artifact_or_name, Artifact) and artifact_or_name.is_draft():
        log_artifact(run, artifact_or_name)
    if run.disabled:
        if isinstance(artifact_or_name, Artifact):
            return artifact_or_name
        return Artifact(_plain_name(str(artifact_or_name).partition(":")[0]), type or "unspecified")
    found = run.use(_reference(artifact_or_name))
    if type is not None and found.type != type:
        raise InputError(f"{found.reference} is a {found.type}, not a {type}.")
    return Artifact.of(found)


def log_code(
    run: Run,
    root: str | os.PathLike[str] | None = ".",
    name: str | None = None,
    include_fn: Callable[..., bool] | None = None,
    exclude_fn: Callable[..., bool] | None = None,
) -> Artifact | None:
    """Keep source files as an artifact of type ``"code"``.

    Args:
        run: The run.
        root: The folder they are in.
        name: Of the artifact; from the project's and the program's name unless told.
        include_fn: Takes a path (and the root, if it takes two) and says whether to keep it; all
            Python files unless told.
        exclude_fn: Likewise, what to leave out.

    Returns:
        The artifact, or None where there was no file to keep.
    """
    folder = Path(root or ".").absolute()
    include = _of_two(include_fn or (lambda path: path.endswith(".py")))
    exclude = _of_two(exclude_fn or (lambda path: False))  # noqa: ARG005 - leaves nothing out
    program = Path(sys.argv[0]).name or "notebook"
    artifact = Artifact(_plain_name(name or f"source-{run.project}-{program}"), "code")
    found = False
    for path in _sources(folder):
        shown = str(path)
        if include(shown, str(folder)) and not exclude(shown, str(folder)):
            artifact.add_file(path, str(path.relative_to(folder)))
            found = True
    return log_artifact(run, artifact) if found else None


def _as_artifact(
    run: Run,
    given: Artifact | str | os.PathLike[str],
    name: str | None,
    type_: str | None,
) -> Artifact:
    if isinstance(given, Artifact):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise InputError(f"An artifact to log is an Artifact or a path, got {given!r}.")
    path = Path(given)
    named = (name or "").partition(":")[0] or f"run-{run.id}-{path.name}"
    artifact = Artifact(_plain_name(named), type_ or "unspecified")
    if path.is_dir():
        artifact.add_dir(path)
    elif path.is_file():
        artifact.add_file(path)
    elif "://" in str(given):
        artifact.add_reference(str(given))
    else:
        raise InputError(f"An artifact's path must be a file or a folder, {path} is neither.")
    return artifact


def _reference(given: Artifact | Made | str) -> Made | str:
    if isinstance(given, Artifact):
        return given.made
    return given.rpartition("/")[2] if isinstance(given, str) else given


def _plain_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)


def _of_two(choose: Callable[..., bool]) -> Callable[[str, str], bool]:
    """Call a choice with the path alone, unless it takes the root too."""
    import inspect  # noqa: PLC0415 - slow to load, and for those who choose only

    try:
        both = len(inspect.signature(choose).parameters) >= 2
    except (TypeError, ValueError):
        both = False
    return choose if both else lambda path, root: choose(path)  # noqa: ARG005 - it asks for one


def _sources(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _LEFT_OUT and not name.startswith(".")
        )
        yield from (Path(parent) / name for name in sorted(files))
