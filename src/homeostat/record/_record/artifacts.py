"""The artifacts of a record: their versions, their contents and their lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.record._artifact.blobs import Blob
from homeostat.record._ledger import Ledger
from homeostat.record._run import Run

if TYPE_CHECKING:
    import polars as pl

    from homeostat.record._artifact.artifact import Artifact
    from homeostat.record._artifact.collect import Collected
    from homeostat.record._artifact.lineage import Lineage

__all__ = ["Artifacts"]


class Artifacts:
    """What a record can do with artifacts."""

    _ledger: Ledger

    def artifacts(self, type: str | None = None, name: str | None = None) -> pl.DataFrame:  # noqa: A002 - the field's word
        """Return versions of artifacts, by name and version; an argument not None must match.

        Returns:
            Columns name, type, version, id, made, run (its first maker), aliases, files,
            size_bytes, metadata (JSON).
        """
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

        return _query.artifacts(self._ledger.index, {"type": type, "name": name})

    def artifact(self, reference: str) -> Artifact:
        """Return one artifact.

        Args:
            reference: ``"name"`` (its latest version), ``"name:v3"``, ``"name:alias"``, or an id.

        Raises:
            NotFoundError: If there is none; the nearest name is suggested.
        """
        return self._ledger.artifact(reference)

    def alias(self, artifact: Artifact | str, alias: str, run: Run | None = None) -> None:
        """Have an alias point to an artifact from now on; the move is an event of kind "alias".

        Args:
            artifact: The artifact, or a reference to it.
            alias: Such as ``"production"``.
            run: The run that decided so.
        """
        found = self._ledger.artifact(artifact)
        self._ledger.alias(run.id if run else None, found, alias)

    def drop_alias(self, name: str, alias: str, run: Run | None = None) -> None:
        """Have an alias of the artifacts called ``name`` point to nothing from now on."""
        from homeostat.record._artifact import make as _artifact_make  # noqa: PLC0415 - not for one that logs

        _artifact_make.drop_alias(self._ledger, run.id if run else None, name, alias)

    def amend(
        self,
        artifact: Artifact | str,
        *,
        description: str | None = None,
        metadata: Mapping[str, object] | None = None,
        ttl: timedelta | None = None,
        run: Run | None = None,
    ) -> Artifact:
        """Change what is said of a version; its content stays. None leaves a part as it is.

        Args:
            artifact: The version, or a reference to it.
            description: What it is, in words.
            metadata: All that is to be said of it from now on; JSON.
            ttl: How long after it was made it may be collected if no alias points to it.
            run: The run that decided so.
        """
        from homeostat.record._artifact import make as _artifact_make  # noqa: PLC0415 - not for one that logs

        change = _artifact_make.Change(description, metadata, ttl)
        return _artifact_make.amend(
            self._ledger, run.id if run else None, self._ledger.artifact(artifact), change
        )

    def delete_artifact(
        self, artifact: Artifact | str, *, aliases: bool = False, run: Run | None = None
    ) -> None:
        """Delete a version: nothing finds it from now on; its lineage still names it.

        Its number is never given to another content; made again, the same content has it again.
        Its content goes by :meth:`collect`.

        Args:
            artifact: The version, or a reference to it.
            aliases: Whether to delete it even if aliases point to it; they go with it.
            run: The run that decided so.

        Raises:
            RecordError: If aliases point to it, unless told that they are to go.
        """
        from homeostat.record._artifact import make as _artifact_make  # noqa: PLC0415 - not for one that logs

        found = self._ledger.artifact(artifact)
        _artifact_make.delete(self._ledger, run.id if run else None, found, aliases=aliases)

    def hold(self, blobs: Sequence[Blob]) -> set[Blob]:
        """Return those of these contents that are here and good, and keep them from collection.

        They are safe for the grace period of :meth:`collect`, as if they had been put just now.
        """
        return self._ledger.blobs.hold(blobs)

    def collect(self, *, dry_run: bool = False, grace: str | timedelta = "1h") -> Collected:
        """Throw away contents that nothing names, and drafts of processes that died.

        A content is kept for as long as a version that is neither deleted nor expired, a
        capture, a row or any other event names it. A version whose time to live is over and to
        which no alias but ``latest`` points is deleted. Others may write meanwhile.

        Args:
            dry_run: Only say what would go.
            grace: How long a content is kept that was put and is not named yet, such as ``"1h"``.

        Returns:
            What was freed; printed, it says so.
        """
        from homeostat.record._artifact import collect as _collect  # noqa: PLC0415 - not for one that logs

        return _collect.collect(self._ledger, dry_run=dry_run, grace=grace)

    def lineage(self, id: str) -> Lineage:  # noqa: A002 - the field's word
        """Return where something came from and what came of it.

        Args:
            id: A run's id, a finding's id, or a reference to an artifact. A finding or a metric
                comes from its run.

        Raises:
            NotFoundError: If there is none.
        """
        from homeostat.record import _run_info  # noqa: PLC0415 - not for one that logs
        from homeostat.record._artifact import lineage as _lineage  # noqa: PLC0415 - not for one that logs

        return _lineage.trace(self._ledger.index, _run_info.owner(self._ledger, id))

    def read(self, sha256: str) -> bytes:
        """Return a content, verified; raises NotFoundError, or CorruptionError if it went bad."""
        return self._ledger.blobs.get(sha256)

    def blob(self, sha256: str) -> Path:
        """Return the read-only file that holds a content, verified; raises as :meth:`read`."""
        return self._ledger.blobs.path(sha256)
