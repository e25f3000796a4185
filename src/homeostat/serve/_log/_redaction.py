"""Redaction: what is private is hashed or left out before it reaches the log."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import orjson
import polars as pl

from homeostat.core import ColumnType, Role, Schema, StorageError
from homeostat.serve._log._settings import LogSettings

__all__ = ["Redaction", "Rules"]

_SECRET = "redaction.key"  # noqa: S105 - the name of a file
_SECRET_BYTES = 32
_DIGEST_BYTES = 16


class Rules:
    """What is hidden of the rows of one version.

    Args:
        hashed: Names of features and fields of the request that are hashed, with their types.
        dropped: Those that are left out.
        secret: Of the hash.
    """

    def __init__(self, hashed: Mapping[str, str], dropped: Iterable[str], secret: bytes) -> None:
        self.hashed = dict(hashed)
        self.dropped = frozenset(dropped)
        self._secret = secret

    def row(self, row: Mapping[str, object]) -> Mapping[str, object]:
        """Return a row without what is hidden."""
        if not self.hashed and not self.dropped:
            return row
        return {
            name: self.digest(value, self.hashed[name]) if name in self.hashed else value
            for name, value in row.items()
            if name not in self.dropped
        }

    def frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows without what is hidden."""
        for name, type_ in self.hashed.items():
            if name in frame.columns:
                found = frame[name].unique()
                digests = [self.digest(value, type_) for value in found.to_list()]
                hidden = pl.Series(digests, dtype=pl.String)
                frame = frame.with_columns(
                    pl.col(name).replace_strict(found, hidden, return_dtype=pl.String)
                )
        return frame.drop(self.dropped, strict=False) if self.dropped else frame

    def digest(self, value: object, type_: str = "") -> str | None:
        """Return the digest that stands for a value; None for none."""
        if value is None:
            return None
        if type_ == ColumnType.FLOAT and isinstance(value, (int, float)):
            value = float(value)
        said = value.encode() if isinstance(value, str) else orjson.dumps(value, default=str)
        return blake2b(said, key=self._secret, digest_size=_DIGEST_BYTES).hexdigest()


class Redaction:
    """Compiles the settings of a log into the rules of each version.

    The hash is BLAKE2b keyed with a secret that stands beside the log (``redaction.key``, only
    for its owner): equal values stay equal over processes and versions, short ones cannot be
    looked up without it, and with its removal none can.

    Args:
        settings: Of the log.
        folder: Of the log.
    """

    def __init__(self, settings: LogSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._key: bytes | None = None

    def rules(self, schema: Schema) -> Rules:
        """Return what is hidden of rows of a schema."""
        how = dict.fromkeys(schema.having(Role.PRIVATE), self._settings.private)
        how |= self._settings.redact  # type: ignore[arg-type]  # which may also be "keep"
        types = {column.name: column.type.value for column in schema.columns}
        hashed = {name: types.get(name, "") for name, what in how.items() if what == "hash"}
        dropped = [name for name, what in how.items() if what == "drop"]
        return Rules(hashed, dropped, self._secret() if hashed else b"")

    def key(self, key: str) -> str:
        """Return the key of who asked, as it is kept."""
        if self._settings.keys == "plain":
            return key
        return str(Rules({}, (), self._secret()).digest(key))

    def _secret(self) -> bytes:
        if self._key is None:
            try:
                self._key = _shared_secret(self._folder / _SECRET)
            except OSError as error:
                raise StorageError(
                    f"The secret of hashed fields in {self._folder} cannot be had: "
                    f"{error.strerror or error}. Make the folder writable."
                ) from error
        return self._key


def _shared_secret(path: Path) -> bytes:
    """Return the secret in a file, which the first who asks makes whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, os.urandom(_SECRET_BYTES))
            os.fsync(file)
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.close(file)
            draft.unlink()
    return path.read_bytes()
