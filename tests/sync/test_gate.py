"""Who is let in, how often, and to do what."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from homeostat.core import ServerError
from homeostat.sync import Accounts, Gate, Rates, push, user_of

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


async def who(request):
    user = user_of(request.scope)
    return JSONResponse({"name": user.name, "role": user.role})


@pytest.fixture
def accounts(tmp_path):
    return Accounts(tmp_path)


@pytest.fixture
def web(accounts, serving_app):
    """A client of an application behind a gate."""
    route = Route("/{path:path}", who, methods=METHODS)
    gate = Middleware(
        Gate,
        accounts=accounts,
        open_paths=["/static/"],
        reads=["/graphql"],
        rates=Rates(wrong_per_min=3),
    )
    with (
        serving_app(Starlette(routes=[route], middleware=[gate])) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def test_without_accounts_the_machine_itself_is_let_in(web):
    assert web.put("/x").json() == {"name": "local", "role": "admin"}


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"host": "10.0.0.1"}, {"x-forwarded-for": "8.8.8.8"},
     {"forwarded": "for=8.8.8.8"}, {"host": "127.0.0.1.evil.example"}],
)  # fmt: skip
def test_without_accounts_nobody_else_is(web, headers):
    answer = web.get("/x", headers=headers)
    assert answer.status_code == 403
    assert "server user add" in answer.json()["error"]


def test_with_accounts_everybody_shows_a_token(web, accounts):
    token = accounts.add("ada", role="viewer")
    refused = web.get("/x")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert web.get("/x", headers=bearer(token)).json() == {"name": "ada", "role": "viewer"}
    assert web.get("/x", headers=bearer(token) | {"host": "elsewhere"}).status_code == 200
    assert web.get("/x", auth=("api", token)).json() == {"name": "ada", "role": "viewer"}
    assert web.get("/x", headers=bearer(token[:-1])).status_code == 401
    assert web.get("/x", headers={"authorization": "Basic %%%"}).status_code == 401


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("viewer", ["GET", "HEAD"]), ("writer", METHODS), ("admin", METHODS)],
)
def test_a_role_decides_what_may_be_done(web, accounts, role, allowed):
    headers = bearer(accounts.add("ada", role=role))
    got = [method for method in METHODS if web.request(method, "/x", headers=headers).is_success]
    assert got == allowed


def test_a_viewer_is_told_what_it_would_take(web, accounts):
    headers = bearer(accounts.add("ada", role="viewer"))
    answer = web.put("/x", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "ada is a viewer, and PUT /x takes a writer.",
    )


def test_a_path_where_post_may_be_reading_is_left_to_the_application(web, accounts):
    headers = bearer(accounts.add("ada", role="viewer"))
    assert web.post("/graphql", headers=headers).json()["role"] == "viewer"


def test_what_is_for_admins_is_for_admins_only(web, accounts):
    writer, admin = (bearer(accounts.add(name, role=name)) for name in ("writer", "admin"))
    assert web.get("/api/accounts", headers=writer).status_code == 403
    assert web.get("/api/accounts", headers=admin).status_code == 200


def test_what_is_open_may_be_read_by_anybody_and_written_by_nobody(web, accounts):
    accounts.add("ada", role="viewer")
    assert web.get("/static/page.css").json()["name"] == "anybody"
    assert web.put("/static/page.css").status_code == 401


def test_a_page_of_another_site_cannot_write_with_a_browsers_token(web, accounts):
    token = accounts.add("ada", role="writer")
    refused = web.put("/x", auth=("api", token), headers={"origin": "https://evil.example"})
    assert refused.status_code == 403
    own = {"origin": str(web.base_url).rstrip("/")}
    assert web.put("/x", auth=("api", token), headers=own).status_code == 200


def test_an_address_that_guesses_has_to_wait(web, accounts):
    token = accounts.add("ada", role="viewer")
    statuses = [web.get("/x", headers=bearer("0" * 40)).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    waiting = web.get("/x", headers=bearer(token))
    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "1")


def test_a_visitor_who_asks_too_often_has_to_wait(ours, serving):
    with serving(ours, rates=Rates(per_s=0.001, burst=3)) as url, httpx.Client(base_url=url) as web:
        statuses = [web.get("/api/logs").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_a_record_is_sent_by_a_writer_and_not_by_a_viewer(ours, server, url, everything):
    accounts = Accounts(server.path)
    viewer, writer = (accounts.add(role, role=role) for role in ("viewer", "writer"))
    with ours.start_run("train") as run:
        run.log({"loss": 1.0})
    for token, why in (("", "asks for a token"), ("x" * 40, "no token"), (viewer, "a viewer")):
        with pytest.raises(ServerError, match=why):
            push(ours, url, token=token)
    assert push(ours, url, token=writer).logs == 1
    assert everything(server) == everything(ours)


def test_the_token_of_the_environment_is_taken(ours, server, url, monkeypatch):
    monkeypatch.setenv("HOMEOSTAT_TOKEN", Accounts(server.path).add("ada", role="writer"))
    ours.start_run("train").finish()
    assert push(ours, url).logs == 1
