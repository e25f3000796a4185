"""Artifacts of W&B's client are artifacts of the record: versions, aliases, links, contents."""

import base64
import json

import pytest

from homeostat.core import NotFoundError

FILES = {"a.txt": b"alpha", "dir/b.txt": b"beta"}
LATEST = """query Q($name: String!) { project(name: "flights", entityName: "ada") {
  artifactCollectionMembership(name: $name) { versionIndex aliases { alias }
    artifact { id state size fileCount digest aliases { alias }
      createdBy { __typename ... on Run { name } }
      files { edges { node { name directUrl } } } currentManifest { file { directUrl } } } } } }"""


def latest(server, name):
    return server.gql(LATEST, name=name)["project"]["artifactCollectionMembership"]


def begin(server, digest="d", **more):
    """Begin a version as the client does, and return its id."""
    place = {"entityName": "ada", "projectName": "flights"}
    kind = {"artifactTypeName": "dataset", "artifactCollectionName": "data", "digest": digest}
    return server.change("createArtifact", "artifact { id }", **place, **kind, **more)["artifact"]


def begin_manifest(server, artifact, **more):
    """Begin its manifest, and return where to put it."""
    fields = "artifactManifest { file { uploadUrl } }"
    made = server.change("createArtifactManifest", fields, artifactID=artifact["id"], **more)
    return made["artifactManifest"]["file"]["uploadUrl"]


def test_a_version_is_an_artifact_of_the_record_made_by_its_run(server):
    server.upsert()
    server.put_artifact(FILES, metadata='{"rows": 2}')
    kept = server.record.artifact("ada/flights/data")
    assert kept.read("a.txt") == b"alpha"
    assert kept.read("dir/b.txt") == b"beta"
    assert kept.metadata == {"rows": 2}
    assert kept.run == "r1"
    assert "wandb_manifest.json" in kept.files


def test_files_can_be_had_one_by_one_after_a_restart(server):
    server.upsert()
    server.put_artifact(FILES)
    server.restart()
    found = latest(server, "data:latest")
    artifact = found["artifact"]
    assert (found["versionIndex"], artifact["size"], artifact["fileCount"]) == (0, 9, 2)
    assert artifact["createdBy"] == {"__typename": "Run", "name": "r1"}
    got = {
        edge["node"]["name"]: server.http.get(edge["node"]["directUrl"]).content
        for edge in artifact["files"]["edges"]
    }
    assert got == FILES
    manifest = server.http.get(artifact["currentManifest"]["file"]["directUrl"]).json()
    assert set(manifest["contents"]) == set(FILES)


def test_the_same_content_makes_no_new_version_and_is_not_put_again(server):
    server.upsert()
    first, put = server.put_artifact(FILES)
    assert put == ["a.txt", "dir/b.txt"]
    again, put = server.put_artifact(FILES, aliases=["latest", "again"])
    assert (again, put) == (first, [])
    _, put = server.put_artifact({**FILES, "a.txt": b"ALPHA"})
    assert put == ["a.txt"]
    assert latest(server, "data:latest")["versionIndex"] == 1
    assert latest(server, "data:again")["versionIndex"] == 0


def test_aliases_move_and_are_taken_away(server):
    server.upsert()
    first, _ = server.put_artifact(FILES)
    second, _ = server.put_artifact({"a.txt": b"2"})
    one = [
        {
            "artifactCollectionName": "data",
            "alias": "best",
            "entityName": "ada",
            "projectName": "flights",
        }
    ]
    server.change("addAliases", "success", artifactID=first, aliases=one)
    assert latest(server, "data:best")["artifact"]["id"] == first
    server.change("addAliases", "success", artifactID=second, aliases=one)
    assert latest(server, "data:best")["artifact"]["id"] == second
    assert server.record.artifact("ada/flights/data:best").read("a.txt") == b"2"
    server.change("deleteAliases", "success", artifactID=second, aliases=one)
    assert latest(server, "data:best") is None
    assert latest(server, "data:v0")["artifact"]["id"] == first
    assert server.record.artifact("ada/flights/data:latest").read("a.txt") == b"2"
    with pytest.raises(NotFoundError):
        server.record.artifact("ada/flights/data:best")


def test_a_link_puts_a_version_into_another_project(server):
    server.upsert()
    id_, _ = server.put_artifact(FILES)
    out = server.change("linkArtifact", "versionIndex artifactMembership { id }", artifactID=id_,
                        artifactPortfolioName="good", entityName="ada", projectName="shop",
                        aliases=[{"artifactCollectionName": "good", "alias": "prod"}])  # fmt: skip
    assert out["versionIndex"] == 0
    query = """{ project(name: "shop", entityName: "ada") {
      artifactCollectionMembership(name: "good:prod") { artifactCollection { __typename id }
        artifact { id artifactSequence { name } } } } }"""
    place = server.gql(query)["project"]["artifactCollectionMembership"]
    assert place["artifactCollection"]["__typename"] == "ArtifactPortfolio"
    assert place["artifact"] == {"id": id_, "artifactSequence": {"name": "data"}}
    server.change(
        "unlinkArtifact",
        "success",
        artifactID=id_,
        artifactPortfolioID=place["artifactCollection"]["id"],
    )
    assert server.gql(query)["project"]["artifactCollectionMembership"] is None


def test_using_an_artifact_is_lineage_in_the_record(server):
    server.upsert()
    id_, _ = server.put_artifact(FILES)
    server.upsert("r2")
    server.change("useArtifact", "artifact { id }", artifactID=id_, entityName="ada",
                  projectName="flights", runName="r2")  # fmt: skip
    assert server.record.run("r2").used == ("ada/flights/data:v0",)
    query = "query Q($id: ID!) { artifact(id: $id) { usedBy { edges { node { name } } } } }"
    assert server.gql(query, id=id_)["artifact"]["usedBy"]["edges"] == [{"node": {"name": "r2"}}]
    assert server.run("inputArtifacts { totalCount }", "r2")["inputArtifacts"]["totalCount"] == 1
    assert server.run("outputArtifacts { totalCount }")["outputArtifacts"]["totalCount"] == 1


def test_a_version_with_aliases_is_deleted_only_with_them(server):
    server.upsert()
    id_, _ = server.put_artifact(FILES, aliases=["latest", "best"])
    query = "mutation M($input: JSON!) { deleteArtifact(input: $input) { artifact { id } } }"
    reply = server.reply(query, input={"artifactID": id_})
    assert "aliases" in reply["errors"][0]["message"]
    server.change("deleteArtifact", "artifact { id }", artifactID=id_, deleteAliases=True)
    assert latest(server, "data:best") is None
    with pytest.raises(NotFoundError, match="deleted"):
        server.record.artifact("ada/flights/data:v0")


def test_words_of_a_version_are_said_in_the_record_too(server):
    server.upsert()
    id_, _ = server.put_artifact(FILES, metadata='{"rows": 2}')
    server.change("updateArtifact", "artifact { description metadata }", artifactID=id_,
                  description="flights of April", metadata='{"rows": 3}')  # fmt: skip
    kept = server.record.artifact("ada/flights/data")
    assert (kept.description, kept.metadata) == ("flights of April", {"rows": 3})


def test_collecting_garbage_leaves_what_clients_still_have(server):
    server.upsert()
    server.put_artifact(FILES)
    second, _ = server.put_artifact({"a.txt": b"2"}, aliases=[])
    server.change("deleteArtifact", "artifact { id }", artifactID=second, deleteAliases=True)
    server.record.collect(grace="0s")
    found = latest(server, "data:latest")["artifact"]
    for edge in found["files"]["edges"]:
        assert server.http.get(edge["node"]["directUrl"]).content == FILES[edge["node"]["name"]]
    _, put = server.put_artifact({"a.txt": b"2"}, aliases=["again"])
    assert put == ["a.txt"]


def test_a_file_that_was_not_put_makes_no_version(server):
    server.upsert()
    made = begin(server)
    url = begin_manifest(server, made, name="wandb_manifest.json", type="FULL")
    entry = {"digest": base64.b64encode(bytes(16)).decode(), "size": 3}
    server.http.put(url, content=json.dumps({"version": 1, "contents": {"x": entry}}))
    query = "mutation M($input: JSON!) { commitArtifact(input: $input) { artifact { id } } }"
    reply = server.reply(query, input={"artifactID": made["id"]})
    assert "must be put" in reply["errors"][0]["message"]
    with pytest.raises(NotFoundError):
        server.record.artifact("ada/flights/data")


def test_content_of_another_digest_is_refused(server):
    server.upsert()
    made = begin(server)
    spec = {"artifactID": made["id"], "name": "x", "md5": base64.b64encode(bytes(16)).decode()}
    asked = server.change("createArtifactFiles", "files { edges { node { uploadUrl } } }",
                          artifactFiles=[spec], storageLayout="V2")  # fmt: skip
    reply = server.http.put(asked["files"]["edges"][0]["node"]["uploadUrl"], content=b"abc")
    assert reply.status_code == 400
    assert "MD5" in reply.json()["error"]


def test_an_incremental_version_has_the_files_of_the_one_before_it(server):
    server.upsert()
    first, _ = server.put_artifact(FILES)
    alias = {"alias": "latest", "artifactCollectionName": "data"}
    made = begin(server, "d2", aliases=[alias])
    url = begin_manifest(server, made, baseArtifactID=first, type="INCREMENTAL")
    ref = {"c": {"ref": "s3://bucket/c", "digest": "etag", "size": 7}}
    server.http.put(url, content=json.dumps({"version": 1, "contents": ref}))
    server.change("commitArtifact", "artifact { id }", artifactID=made["id"])
    found = latest(server, "data:latest")["artifact"]
    assert (found["fileCount"], found["size"]) == (3, 16)


def test_a_storage_region_this_server_does_not_have_is_refused(server):
    query = "mutation M($input: JSON!) { createArtifact(input: $input) { artifact { id } } }"
    given = {"projectName": "flights", "artifactTypeName": "t", "artifactCollectionName": "data"}
    reply = server.reply(query, input={**given, "storageRegion": "mars"})
    assert "mars" in reply["errors"][0]["message"]


def test_several_writers_make_one_version_together(server):
    server.upsert()
    for place in range(3):
        made = begin(server, f"d{place}", distributedID="group", clientID=f"c{place}")
        ref = {f"part{place}": {"ref": f"s3://bucket/{place}", "digest": "etag", "size": place}}
        url = begin_manifest(server, made, type="PATCH", name="wandb_manifest.patch.json")
        contents = ref if place < 2 else {}
        server.http.put(url, content=json.dumps({"version": 1, "contents": contents}))
    server.change("commitArtifact", "artifact { id }", artifactID=made["id"])
    found = latest(server, "data:v0")["artifact"]
    assert [edge["node"]["name"] for edge in found["files"]["edges"]] == ["part0", "part1"]
    assert latest(server, "data:v1") is None


def test_collections_are_tagged_renamed_and_deleted(server):
    server.upsert()
    server.put_artifact(FILES)
    collection = {"entityName": "ada", "projectName": "flights", "artifactCollectionName": "data"}
    tag = {"tagName": "gold"}
    server.change(
        "createArtifactCollectionTagAssignments", "tags { name }", **collection, tags=[tag]
    )
    query = """query Q($name: String!) { project(name: "flights", entityName: "ada") {
      artifactCollection(name: $name) { id name tags { edges { node { name } } } } } }"""
    found = server.gql(query, name="data")["project"]["artifactCollection"]
    assert found["tags"]["edges"] == [{"node": {"name": "gold"}}]
    server.change(
        "updateArtifactSequence",
        "artifactCollection { name }",
        artifactSequenceID=found["id"],
        name="corpus",
    )
    assert server.gql(query, name="data")["project"]["artifactCollection"] is None
    said = {"artifactSequenceID": found["id"], "destinationArtifactTypeName": "corpora"}
    server.change("moveArtifactSequence", "artifactCollection { name }", **said)
    renamed = server.gql(query, name="corpus")["project"]["artifactCollection"]
    assert latest(server, "corpus:latest")["versionIndex"] == 0
    server.change(
        "deleteArtifactSequence", "artifactCollection { state }", artifactSequenceID=renamed["id"]
    )
    assert server.gql(query, name="corpus")["project"]["artifactCollection"] is None
