"""Files that a run keeps: what ``wandb.save`` kept, read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from homeostat.core import InputError
from homeostat.record import Record

__all__ = ["File", "kept_files"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a run.

    Args:
        name: What it was saved as.
        size: Its bytes.
        sha256: Of its content.
        record: Where it is.
    """

    name: str
    size: int
    sha256: str
    record: Record

    def download(
        self,
        root: str | os.PathLike[str] = ".",
        replace: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
        exist_ok: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
    ) -> IO[str]:
        """Write it below a folder, and return it opened.

        Raises:
            InputError: If it is there already and may be neither kept nor replaced, or its name
                leads out of the folder.
        """
        folder = Path(root).resolve()
        path = (folder / self.name).resolve()
        if not path.is_relative_to(folder):
            raise InputError(f"A file must stay in {folder}, got the name {self.name!r}.")
        if path.exists() and not replace:
            if not exist_ok:
                raise InputError(f"{path} is there already: pass replace=True or exist_ok=True.")
            return path.open()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.record.read(self.sha256))
        return path.open()


def kept_files(record: Record, run: str, names: Iterable[str] | None = None) -> list[File]:
    """Return the files a run saved, the newest of each name, by name."""
    wanted = None if names is None else set(names)
    found: dict[str, File] = {}
    for text in record.events("file", run)["payload"]:
        said = json.loads(text)
        if wanted is None or said["name"] in wanted:
            found[said["name"]] = File(said["name"], said["size"], said["sha256"], record)
    return [found[name] for name in sorted(found)]
