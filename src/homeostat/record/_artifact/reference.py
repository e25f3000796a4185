"""Reference: a file of an artifact that is kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from homeostat.core import CorruptionError, InputError, Json

__all__ = ["Reference"]

_DIGEST = re.compile("[0-9a-f]{64}")
_SCHEME = re.compile("[a-zA-Z][a-zA-Z0-9+.-]*://.")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a file is kept elsewhere, and what it held when it was referred to.

    Args:
        uri: Its address: ``file://``, ``http(s)://``, ``s3://``, ``gs://`` or any other that
            fsspec opens.
        digest: SHA-256 of its content, in hex; empty where it was not read.
        size: Its bytes; None where that is not known.
        etag: What the store that keeps it says of its content, such as an HTTP or S3 ETag.

    Raises:
        InputError: If the address, the digest or the size can be none.

    Example:
        >>> Reference("s3://bucket/train.csv", etag="9b2cf535f27731c974343645a3985328", size=12)
        Reference(s3://bucket/train.csv, 12 bytes, ETag 9b2cf535f27731c974343645a3985328)
    """

    uri: str
    digest: str = ""
    size: int | None = None
    etag: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.uri, str) or not _SCHEME.match(self.uri):
            raise InputError(
                f"A reference needs an address such as 's3://bucket/file', got {self.uri!r}."
            )
        if self.digest and not _DIGEST.fullmatch(self.digest):
            raise InputError(f"A digest is a SHA-256 in 64 hex digits, got {self.digest!r}.")
        if self.size is not None and (type(self.size) is not int or self.size < 0):
            raise InputError(f"A size is a number of bytes, got {self.size!r}.")

    @property
    def identity(self) -> str:
        """What tells this content from another at the same address, as well as is known."""
        return self.digest or self.etag

    def must_be(self, *, digest: str = "", etag: str = "", size: int | None = None) -> None:
        """Refuse a target that is not what it was.

        Raises:
            CorruptionError: If what is kept of it and what was found differ; names both.
        """
        for what, kept, found in (
            ("SHA-256", self.digest, digest),
            ("ETag", self.etag, etag),
            ("size", self.size, size),
        ):
            if kept not in {"", None} and found not in {"", None} and kept != found:
                raise CorruptionError(
                    f"The target {self.uri} must have {what} {kept}, it has {found}: restore it, "
                    "or make a new version of the artifact that refers to it."
                )

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return {"uri": self.uri, "sha256": self.digest, "size": self.size, "etag": self.etag}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(data["uri"], data["sha256"] or "", data["size"], data["etag"] or "")

    def __repr__(self) -> str:
        size = [] if self.size is None else [f"{self.size} bytes"]
        known = [f"SHA-256 {self.digest}"] if self.digest else []
        etag = [f"ETag {self.etag}"] if self.etag else []
        return f"Reference({', '.join([self.uri, *size, *known, *etag])})"
