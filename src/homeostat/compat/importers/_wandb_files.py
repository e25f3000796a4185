"""Files that a W&B run's log refers to: media in its folder, and artifacts that wait to be sent."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from homeostat.compat.importers._foreign import Content, Problems
from homeostat.compat.importers._wandb_record import Message, told
from homeostat.compat.importers._wire import WireError

__all__ = ["json_object", "staged", "with_contents"]


def with_contents(value: object, folder: Path, problems: Problems, seen: set[Path]) -> object:
    """Return a value with what it refers to in a run's folder of files as contents."""
    if isinstance(value, list):
        return [with_contents(inner, folder, problems, seen) for inner in value]
    if not isinstance(value, Mapping):
        return value
    rest = {
        name: with_contents(inner, folder, problems, seen)
        for name, inner in value.items()
        if name != "path"
    }
    place = value.get("path")
    if not isinstance(place, str) or "_type" not in value:
        return rest | ({"path": place} if "path" in value else {})
    path = folder / place
    if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
        seen.add(path)
        return Content(path, rest)
    problems.add(folder.parent.name, "a media file is missing")
    return rest | {"path": place}


def staged(entry: Message) -> Path | None:
    """Return a file of an artifact where W&B had put it, if it still is what it was."""
    place = told(entry, 6)
    path = Path(place)
    if not place or not path.is_file():
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
    return path if base64.b64encode(digest).decode() == told(entry, 2) else None


def json_object(text: str) -> dict[str, object]:
    """Return metadata; raises WireError if they are no JSON."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise WireError("metadata are no JSON") from error
    return found if isinstance(found, dict) else {"metadata": found}
