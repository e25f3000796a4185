"""Writing an artifact's files to a folder, each verified before it gets its name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from homeostat.core import InputError, StorageError
from homeostat.record._artifact.draft_file import draft_file
from homeostat.record._artifact.names import place_in

if TYPE_CHECKING:
    from homeostat.record._artifact.artifact import Artifact

__all__ = ["download", "fetch"]


def download(
    artifact: Artifact, root: str | Path | None, *, path_prefix: str, parallel: int
) -> Path:
    """Write the files whose name starts with ``path_prefix``; see `Artifact.download`."""
    if type(parallel) is not int or parallel < 1:
        raise InputError(f"At least one file is written at once, got parallel={parallel!r}.")
    folder = _folder(artifact, root)
    names = [one.name for one in artifact.entries if one.name.startswith(path_prefix)]
    if not names:
        raise InputError(f"{artifact.reference} has no file whose name starts {path_prefix!r}.")
    places = [place_in(folder, name) for name in names]  # all are looked at before one is written
    with ThreadPoolExecutor(parallel) as pool:
        for _ in pool.map(_write, [artifact] * len(names), names, places):
            pass
    return folder


def fetch(artifact: Artifact, filename: str, root: str | Path | None) -> Path:
    """Write one file; see `Artifact.get_path`."""
    place = place_in(_folder(artifact, root), filename)
    _write(artifact, filename, place)
    return place


def _folder(artifact: Artifact, root: str | Path | None) -> Path:
    return Path("artifacts", quote(artifact.reference, safe=" :")) if root is None else Path(root)


def _write(artifact: Artifact, name: str, place: Path) -> None:
    reference = artifact.references.get(name)
    digest = reference.digest if reference else artifact.files[name]
    try:
        if digest and place.is_file() and artifact.blobs.digest(place) == digest:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft_file(place, artifact.chunks(name)) as draft:
            draft.replace(place)
    except OSError as error:
        raise StorageError(
            f"The file {place} cannot be written: {error.strerror or error}. Free the disk, or "
            "name another folder."
        ) from error
