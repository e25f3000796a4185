"""A server on a record, asked as W&B's client asks it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette

from homeostat.compat.wire import wire_routes
from homeostat.core import SimulatedClock
from homeostat.record import Record

USERS = {"a" * 40: "ada", "b" * 40: "ben"}


class Http:
    """Requests to an application in this process."""

    def __init__(self, app):
        self._transport = httpx.ASGITransport(app=app)

    def request(self, method, url, **more):
        async def ask():
            client = httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1")
            async with client:
                return await client.request(method, url, **more)

        return asyncio.run(ask())

    def get(self, url, **more):
        return self.request("GET", url, **more)

    def put(self, url, **more):
        return self.request("PUT", url, **more)

    def post(self, url, **more):
        return self.request("POST", url, **more)


class Asker:
    """One user's requests to a server that can be started anew."""

    def __init__(self, folder, **settings):
        self.folder, self.settings = folder, settings
        self.clock = SimulatedClock(datetime(2026, 4, 1, tzinfo=UTC))
        self.key = "a" * 40
        self.start()

    def start(self):
        self.record = Record(self.folder, clock=self.clock, capture=False)
        routes = wire_routes(self.record, authenticate=USERS.get, clock=self.clock, **self.settings)
        self.http = Http(Starlette(routes=routes))

    def restart(self):
        self.record.close()
        self.start()

    def later(self, **delta):
        self.clock.advance(timedelta(**delta))

    def post(self, path, body, **headers):
        auth = b64encode(f"api:{self.key}".encode()).decode()
        packed = gzip.compress(json.dumps(body).encode())
        told = {"Authorization": f"Basic {auth}", "Content-Encoding": "gzip", **headers}
        return self.http.post(path, content=packed, headers=told)

    def reply(self, query, **variables):
        return self.post("/graphql", {"query": query, "variables": variables}).json()

    def gql(self, query, **variables):
        reply = self.reply(query, **variables)
        assert "errors" not in reply, reply["errors"]
        return reply["data"]

    def change(self, name, fields, /, **given):
        """Send one mutation whose input are the given fields."""
        query = f"mutation M($input: JSON!) {{ out: {name}(input: $input) {{ {fields} }} }}"
        return self.gql(query, input=given)["out"]

    def upsert(self, name="r1", project="flights", **given):
        fields = "bucket { id name displayName project { name entity { name } } } inserted"
        return self.change(
            "upsertBucket", fields, name=name, modelName=project, entityName="ada", **given
        )

    def run(self, fields, name="r1", project="flights"):
        query = f"""{{ project(name: {json.dumps(project)}, entityName: "ada") {{
          run(name: {json.dumps(name)}) {{ {fields} }} }} }}"""
        return self.gql(query)["project"]["run"]

    def stream(self, name="r1", project="flights", **body):
        return self.post(f"/files/ada/{project}/{name}/file_stream", body)

    def history(self, *rows, offset=0, name="r1"):
        lines = [json.dumps(row) for row in rows]
        files = {"wandb-history.jsonl": {"offset": offset, "content": lines}}
        return self.stream(name, files=files)

    def put_artifact(self, files, name="data", *, run="r1", aliases=("latest",), **more):
        """Make an artifact as the client does, and return its id and what was put."""
        entries, put = {}, []
        for path, content in files.items():
            md5 = b64encode(hashlib.md5(content).digest()).decode()
            entries[path] = {"digest": md5, "size": len(content)}
        digest = hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()
        made = self.change(
            "createArtifact", "artifact { id state }", entityName="ada", projectName="flights",
            artifactTypeName="dataset", artifactCollectionName=name, runName=run, digest=digest,
            aliases=[{"artifactCollectionName": name, "alias": one} for one in aliases],
            enableDigestDeduplication=True, **more,
        )["artifact"]  # fmt: skip
        if made["state"] == "COMMITTED":
            return made["id"], put
        manifest = self.change(
            "createArtifactManifest", "artifactManifest { id file { uploadUrl } }",
            artifactID=made["id"], name="wandb_manifest.json", digest="", type="FULL",
        )["artifactManifest"]  # fmt: skip
        specs = [
            {"artifactID": made["id"], "name": path, "md5": entry["digest"]}
            for path, entry in entries.items()
        ]
        asked = self.change(
            "createArtifactFiles", "files { edges { node { uploadUrl artifact { id } } } }",
            artifactFiles=specs, storageLayout="V2",
        )["files"]["edges"]  # fmt: skip
        for (path, content), edge in zip(files.items(), asked, strict=True):
            entries[path]["birthArtifactID"] = edge["node"]["artifact"]["id"]
            if edge["node"]["uploadUrl"]:
                put.append(path)
                assert self.http.put(edge["node"]["uploadUrl"], content=content).status_code == 200
        text = json.dumps({"version": 1, "storagePolicyConfig": {"storageLayout": "V2"},
                           "contents": entries})  # fmt: skip
        assert self.http.put(manifest["file"]["uploadUrl"], content=text).status_code == 200
        self.change("commitArtifact", "artifact { id digest }", artifactID=made["id"])
        return made["id"], put


@pytest.fixture
def make_server(tmp_path):
    made = []

    def make(**settings):
        made.append(Asker(tmp_path / "record", **settings))
        return made[-1]

    yield make
    for asker in made:
        asker.record.close()


@pytest.fixture
def server(make_server):
    return make_server()
