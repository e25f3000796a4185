"""Where MLflow put files: artifacts of runs, models and versions of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from homeostat.compat.importers._foreign import Made, Problems

__all__ = ["MlflowModel", "content", "find_folder"]

_ROOTS = ("mlruns", "mlartifacts")


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """A model that a run logged, or a version of a registered one.

    Args:
        name: What it is called.
        uri: Where its files are.
        marks: What its place must contain, to be taken for this model's.
        metadata: What MLflow says of it.
        aliases: Names that point to it.
    """

    name: str
    uri: str
    marks: str
    metadata: Mapping[str, object] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    def made(self, store: Path, problems: Problems) -> Iterator[Made]:
        """Give the model with its files, if they are here."""
        where = f"model {self.name}"
        folder = find_folder(self.uri, self.marks, store, where, problems)
        files = content(folder) if folder is not None else {}
        if files:
            yield Made(self.name, "model", files, self.metadata, self.aliases)
        elif folder is not None:
            problems.add(where, "has no files")

    def told(self) -> list[object]:
        """Return all that can change, for a digest."""
        return [self.name, self.uri, sorted(self.metadata.items()), self.aliases]


def find_folder(uri: str, marks: str, store: Path, where: str, problems: Problems) -> Path | None:
    """Return the folder that an artifact URI names, as far as it is on this machine.

    A store that was moved is found by the part of the path that MLflow itself gave. What does not
    end so is refused: a store from elsewhere must not name folders of this machine.

    Args:
        uri: MLflow's URI.
        marks: Path that must be in it, such as ``"<run id>/artifacts"``.
        store: The folder of the store.
        where: What it is of, for problems.
        problems: Where to count what is elsewhere, or missing.
    """
    if not uri:
        return None
    parts = urlsplit(uri)
    if parts.scheme not in {"", "file", "mlflow-artifacts"}:
        problems.add(where, f"files at {parts.scheme}://{parts.netloc} were left where they are")
        return None
    path = PurePosixPath(unquote(parts.path) if parts.scheme else uri)
    if f"/{marks}/" not in f"/{path}/" or ".." in path.parts:
        problems.add(where, f"files at a place that is not MLflow's own (`{uri}`) were left")
        return None
    for place in _places(path, parts.scheme, store):
        if place.is_dir():
            return place
    return None


def _places(path: PurePosixPath, scheme: str, store: Path) -> Iterator[Path]:
    if path.is_absolute() and scheme != "mlflow-artifacts":
        yield Path(path)
    inside = path.relative_to("/") if path.is_absolute() else path
    for start, part in enumerate(inside.parts):
        if part in _ROOTS:
            yield store.joinpath(*inside.parts[start:])
            yield store.joinpath(*inside.parts[start + 1 :])
    yield store / inside
    for root in _ROOTS:
        yield store / root / inside


def content(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by relative name; links that lead out of it are left out."""
    inside = folder.resolve()
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(inside)
    }
