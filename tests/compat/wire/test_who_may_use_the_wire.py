"""Keys, addresses and sizes: what the server refuses."""

import gzip
import json
import zlib
from base64 import b64encode

import pytest

from homeostat.compat.wire._filter import passing
from homeostat.core import InputError


def test_without_a_good_key_nothing_is_answered(server):
    body = {"query": "{ viewer { id } }"}
    for key in ("x" * 40, ""):
        server.key = key
        assert server.post("/graphql", body).status_code == 401
        assert server.stream().status_code == 401
    assert server.http.post("/graphql", content=json.dumps(body)).status_code == 401
    assert server.http.get("/files/ada/flights/r1/config.yaml").status_code == 401
    assert server.http.get("/artifactsV2/default/ada/abc/00/x").status_code == 401


def test_a_bearer_is_as_good_as_basic(server):
    headers = {"Authorization": "Bearer " + "b" * 40}
    reply = server.http.post(
        "/graphql", content=b'{"query": "{ viewer { username } }"}', headers=headers
    )
    assert reply.json()["data"]["viewer"]["username"] == "ben"


def put_url(server, name="x.txt"):
    server.upsert()
    out = server.change("createRunFiles", "files { uploadUrl }", entityName="ada",
                        projectName="flights", runName="r1", files=[name])  # fmt: skip
    return out["files"][0]["uploadUrl"]


def test_an_address_allows_what_it_says_and_no_more(server):
    url = put_url(server)
    assert server.http.get(url).status_code == 400
    head, token, name = url.rsplit("/", 2)
    assert name == "x.txt"
    body, mark = token.split(".")
    forged = (
        b64encode(b'{"do":"get","name":"x","sha256":"00","until":99999999999}').decode().rstrip("=")
    )
    for bad in (f"{forged}.{mark}", f"{body}.{mark[::-1]}", body, "é", "a.b"):
        assert server.http.put(f"{head}/{bad}/{name}", content=b"x").status_code == 400
    server.later(hours=25)
    assert server.http.put(url, content=b"x").status_code == 400


def test_the_key_that_signs_addresses_is_for_the_owner_alone(server):
    assert (server.folder / "wandb.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a/../../b"])
def test_a_file_name_is_never_a_path_on_the_server(server, tmp_path, name):
    before = {path for path in tmp_path.rglob("*") if "record" not in path.parts}
    url = put_url(server, name)
    assert server.http.put(url, content=b"x").status_code == 200
    [edge] = server.run("files { edges { node { name directUrl } } }")["files"]["edges"]
    assert edge["node"]["name"] == name
    assert server.http.get(edge["node"]["directUrl"]).content == b"x"
    assert {path for path in tmp_path.rglob("*") if "record" not in path.parts} == before


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 200, "", "a?b", "a\nb"])
def test_a_run_or_project_of_a_bad_name_is_refused(server, name):
    query = "mutation M($input: JSON!) { upsertBucket(input: $input) { inserted } }"
    given = {"name": name, "modelName": "flights", "entityName": "ada"}
    if name != "..":
        assert "errors" in server.reply(query, input=given)
        assert name == "" or "errors" in server.reply(
            query, input={**given, "name": "r", "modelName": name}
        )


def test_a_file_above_the_limit_is_refused_and_leaves_nothing(make_server, tmp_path):
    server = make_server(most_file_bytes=10)
    url = put_url(server)
    assert server.http.put(url, content=b"x" * 11).status_code == 400
    assert server.http.put(url, content=iter_bytes(11)).status_code == 400
    assert list((tmp_path / "record" / "wandb-drafts").glob("*")) == []


async def iter_bytes(count):
    for _ in range(count):
        yield b"x"


def test_a_packed_request_that_grows_without_end_is_refused(server):
    auth = b64encode(f"api:{server.key}".encode()).decode()
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(80)) + packer.flush()
    headers = {"Authorization": f"Basic {auth}", "Content-Encoding": "gzip"}
    reply = server.http.post("/files/ada/flights/r1/file_stream", content=bomb, headers=headers)
    assert reply.status_code == 400
    cut = gzip.compress(b'{"query": "{ viewer { id } }"}')[:-9]
    assert server.http.post("/graphql", content=cut, headers=headers).status_code == 400
    assert server.http.post("/graphql", content=b"no gzip", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { nonsense } }",
        "{ viewer",
        "{ project { " + 'sweep(sweepName: "a") { project { ' * 20 + "id" + " } }" * 20 + " } }",
        "{" + " a: viewer { id }" * 9000 + "}",
        "fragment F on User { ...F } { viewer { ...F } }",
    ],
)
def test_a_query_that_is_wrong_or_too_much_gets_an_error_not_an_answer(server, query):
    reply = server.reply(query)
    assert reply["data"] is None
    assert reply["errors"][0]["message"]


def test_bad_requests_are_told_what_is_wrong(server):
    assert server.post("/graphql", {"query": 3}).status_code == 400
    assert server.post("/graphql", []).status_code == 400
    assert server.stream("nobody").status_code == 404
    server.upsert()
    negative, cut = {"offset": -1, "content": []}, {"offset": 0, "content": ["[1"]}
    for bad in (3, negative, cut):
        reply = server.stream(files={"wandb-history.jsonl": bad})
        assert reply.status_code == 400
        assert reply.json()["error"]


def test_the_client_can_ask_what_the_server_knows(server):
    query = """{ __type(name: "Run") { fields { name } }
      serverInfo { cliVersionInfo features { name isEnabled } } }"""
    found = server.gql(query)
    assert {"name": "historyKeys"} in found["__type"]["fields"]
    assert found["serverInfo"]["cliVersionInfo"]["max_cli_version"]


def test_telemetry_of_the_makers_is_thrown_away(server):
    assert server.http.post("/sdk/otel/v1/metrics", content=b"anything").status_code == 200


@pytest.mark.parametrize(
    "filters",
    ['{"$where": 1}', '{"a": {"$pow": 2}}', '{"$and": 3}', "[1]", '{"a": {"$regex": "("}}',
     '{"$not": ' * 40 + "{}" + "}" * 40],
)  # fmt: skip
def test_a_filter_that_cannot_be_understood_is_refused(filters):
    with pytest.raises(InputError):
        passing([{"a": "x"}], filters, dict.get)


def test_a_hostile_regular_expression_takes_no_time():
    rows = [{"a": "a" * 5000 + "!"}]
    assert passing(rows, '{"a": {"$regex": "^(a+)+$"}}', dict.get) == []
