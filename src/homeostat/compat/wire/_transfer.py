"""Putting and getting the contents of files."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from homeostat.compat.wire._artifacts import note_content, short, stored
from homeostat.compat.wire._door import Ask, Door
from homeostat.compat.wire._files import files_of, keep_file
from homeostat.compat.wire._manifest import contents_of, entry_blob
from homeostat.compat.wire._signed import Signer
from homeostat.core import InputError, NotFoundError, StorageError
from homeostat.record import Blob

__all__ = ["Transfer"]


class Transfer:
    """The endpoints that contents go through.

    Args:
        door: The state.
        signer: Reads what an address allows.
        most_bytes: The largest file that may be put.
    """

    def __init__(self, door: Door, signer: Signer, most_bytes: int) -> None:
        self._door, self._signer, self._most = door, signer, most_bytes
        self._drafts = door.record.path / "wandb-drafts"

    async def put(self, request: Request) -> Response:
        """Take in a file whose address says whose it is."""
        facts = self._signer.read(request.path_params["token"])
        if facts["do"] != "put":
            raise InputError("This address is one to read from.")
        self._check(int(request.headers.get("content-length") or 0))
        draft, md5 = await self._received(request)
        try:
            await run_in_threadpool(self._keep, facts, draft, md5)
        finally:
            _discard(draft)
        return JSONResponse({})

    async def get(self, request: Request) -> Response:
        """Return the content that an address says may be read."""
        facts = self._signer.read(request.path_params["token"])
        if facts["do"] != "get":
            raise InputError("This address is one to write to.")
        digest = str(facts.get("sha256") or await run_in_threadpool(self._digest_of, facts))
        return await self._sent(digest, str(facts["name"]))

    async def run_file(self, request: Request, _: Ask) -> Response:
        """Return a file of a run by its path."""
        names = request.path_params

        def found() -> str:
            with self._door.lock:
                run = self._door.run(names["entity"], names["project"], names["run"])
                facts = files_of(run).get(names["path"]) if run is not None else None
            if facts is None:
                raise NotFoundError(f"There is no file {names['path']!r} of that run here.")
            return str(facts["sha256"])

        return await self._sent(await run_in_threadpool(found), names["path"])

    async def artifact_file(self, request: Request, ask: Ask) -> Response:
        """Return a file of an artifact by the address that clients put together themselves.

        It ends in .../id of the artifact that first had it/MD5 in hex/name.
        """
        parts = request.path_params["path"].split("/")

        def found() -> str:
            entity = parts[1] if len(parts) > 3 else parts[0]
            for one in parts:
                if len(one) == 32 and set(one) <= set("0123456789abcdef"):
                    with self._door.lock:
                        blob = stored(self._door, entity or ask.user, one)
                    if blob is not None:
                        return blob.sha256
            raise NotFoundError("There is no such file of an artifact here.")

        return await self._sent(await run_in_threadpool(found), parts[-1])

    def _digest_of(self, facts: Mapping[str, Any]) -> str:
        with self._door.lock:
            artifact = self._door.shelf.get("artifacts", facts["artifact"])
            entry = contents_of(self._door, facts["artifact"]).get(facts["name"])
            blob = entry and artifact and entry_blob(self._door, artifact["entity"], entry)
        if not blob:
            raise NotFoundError(f"There is no file {facts['name']!r} of that artifact here.")
        return blob.sha256

    async def _received(self, request: Request) -> tuple[Path, bytes]:
        """Write what is sent to a file, and return it with its MD5."""
        draft, digest, size = self._draft(), hashlib.md5(usedforsecurity=False), 0
        try:
            with draft.open("wb") as file:
                async for part in request.stream():
                    size += len(part)
                    self._check(size)
                    digest.update(part)
                    await run_in_threadpool(file.write, part)
        except OSError as error:
            _discard(draft)
            raise StorageError(f"The file could not be kept: {error}.") from error
        except BaseException:
            _discard(draft)
            raise
        return draft, digest.digest()

    def _draft(self) -> Path:
        try:
            self._drafts.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._drafts)
        except OSError as error:
            raise StorageError(f"The record's folder cannot be written: {error}.") from error
        os.close(handle)
        return Path(name)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise InputError(f"A file may have {self._most} bytes, this one has more.")

    def _keep(self, facts: Mapping[str, Any], draft: Path, md5: bytes) -> None:
        with self._door.lock:
            journal = self._door.shelf.journal
        blob = journal.put(draft)
        with self._door.lock:
            match facts:
                case {"run": [entity, project, name]}:
                    run = self._door.run(entity, project, name)
                    if run is None:
                        raise NotFoundError(f"There is no run {name!r} to keep a file of.")
                    keep_file(run, facts["name"], blob, base64.b64encode(md5).decode())
                case {"manifest": manifest}:
                    self._note_manifest(manifest, blob)
                case {"entity": entity, "md5": wanted}:
                    if md5.hex() != wanted:
                        raise InputError(f"The file must have MD5 {wanted}, it has {md5.hex()}.")
                    note_content(self._door, entity, wanted, blob)

    def _note_manifest(self, manifest: str, blob: Blob) -> None:
        self._door.shelf.put("manifests", manifest, **short(blob))

    async def _sent(self, digest: str, name: str) -> Response:
        path = await run_in_threadpool(self._door.record.blob, digest)
        return FileResponse(path, filename=name.rsplit("/", 1)[-1])


def _discard(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink()
