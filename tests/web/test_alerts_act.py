"""What people do on the pages of alerts, and what nobody else may have them do."""

import os
import re
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import expect

from homeostat.alerts import Alerts, Rule
from homeostat.compat.server import create_server
from homeostat.core import Finding, SimulatedClock, finding
from homeostat.record import Record
from homeostat.sync import Accounts

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
OWN = {"sec-fetch-site": "same-origin"}
ODD = "a[0]*"


def found(check, subject, summary, verdict="fail", **evidence):
    return Finding(
        check=check, subject=subject, verdict=verdict, summary=summary, evidence=evidence
    )


def write_open_alerts(path):
    """A record in which three alerts fire: of one column, of two, of one with an odd name."""
    record = Record(path, clock=SimulatedClock(START), capture=False)
    rules = [Rule("drift", finding(check="*", verdict=["fail", "warn"]))]
    engine = Alerts(rules, record=record, system="delay", clock=SimulatedClock(START))
    engine.update(
        START,
        [
            found("shift.feature", "temp", "temp moved by 0.4 sd."),
            found("shift.feature", "both", "Two moved.", subjects=["wind", "gust"]),
            found("shift.feature", ODD, "An odd one moved."),
        ],
    )
    return record


@pytest.fixture
def record(tmp_path):
    return write_open_alerts(tmp_path)


@pytest.fixture
def web(record, serving):
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def seal_of(client, path="/alerts", **settings):
    return re.search(r'name="seal" value="(\w+)"', client.get(path, **settings).text)[1]


def press(client, do, path="/alerts", *, headers=OWN, by="ann", seal=None, **fields):
    """Send a page's form, as a browser does."""
    form = {"seal": seal or seal_of(client, path), "system": "delay", "scope": "this"}
    return client.post(path, data=form | {"do": do, "by": by} | fields, headers=headers)


def engine_of(record):
    return Alerts(record=Record.open(record.path), system="delay")


def written(record):
    return len(Record.open(record.path).events(kind="alerting"))


def test_alerts_are_acknowledged_judged_and_silenced_by_name(record, web):
    reply = press(web, "acknowledge", "/alerts/1", alert="1", note="looking")
    assert (reply.status_code, reply.headers["location"]) == (303, "/alerts/1")
    assert press(web, "useful", alert=["1", "2"]).headers["location"] == "/alerts"
    press(web, "not-useful", "/alerts?state=all", alert="3", note="a campaign")
    press(web, "silence", alert="1", note="being mended", **{"for": "8h"})
    engine = engine_of(record)
    one, two, three = engine.all
    assert (one.acknowledged_by, one.useful, two.useful, three.useful) == ("ann", True, True, False)
    assert "Acknowledged by ann: looking" in [words for _, words in one.history]
    assert three.history[-1].words == "ann found it not useful: a campaign"
    (silence,) = engine.silences
    assert (silence.author, silence.comment) == ("ann", "being mended")
    assert silence.covers(one, engine.now)
    assert not silence.covers(two, engine.now)
    assert silence.ends - silence.starts == timedelta(hours=8)
    page = web.get("/alerts/1").text
    for words in ("Acknowledged by ann: looking", "by ann until", "being mended"):
        assert words in page, words


def test_a_silence_covers_what_was_chosen_whatever_signs_are_in_the_name(record, web):
    press(web, "silence", alert="3", note="odd", **{"for": "1h"})
    engine = engine_of(record)
    (silence,) = engine.silences
    odd, temp = engine.alert(3), engine.alert(1)
    assert silence.covers(odd, engine.now)
    assert not silence.covers(temp, engine.now)
    press(web, "silence", "/alerts/2", alert="2", note="both", scope="check", **{"for": "1h"})
    assert engine_of(record).silences[-1].covers(engine.alert(2), engine.now)
    assert 'value="this"' not in web.get("/alerts/2").text
    press(web, "silence", "/alerts/1", alert="1", note="all", scope="rule", **{"for": "1h"})
    assert engine_of(record).silences[-1].matches == "rule drift"
    assert press(web, f"end {silence.id}").status_code == 303
    ended = engine_of(record).silences[0]
    assert not ended.covers(odd, engine.now)


def test_a_button_that_is_pressed_twice_acts_once(record, web):
    for _ in range(2):
        press(web, "acknowledge", alert="1")
        press(web, "useful", alert="1")
        press(web, "silence", alert="1", note="why", **{"for": "2h"})
    engine = engine_of(record)
    assert len(engine.silences) == 1
    assert [words for _, words in engine.alert(1).history][2:] == [
        "Acknowledged by ann.", "ann found it useful.",
    ]  # fmt: skip


def test_a_form_that_cannot_be_taken_is_shown_again_with_what_was_in_it(record, web):
    before = written(record)
    for do, more, words in (
        ("silence", {"for": "8h"}, "Say why"),
        ("silence", {"for": "long", "note": "mine & yours"}, "A duration is numbers"),
        ("silence", {"for": "1h", "note": "mine & yours", "scope": "all"}, "`scope` cannot be"),
        ("acknowledge", {"by": " "}, "Say who does this"),
        ("acknowledge", {"by": "x" * 101}, "at most 100"),
        ("acknowledge", {"note": "x" * 1001}, "at most 1,000"),
        ("acknowledge", {"alert": "one"}, "An alert has a number"),
        ("acknowledge", {"alert": "77"}, "There is no alert 77"),
        ("acknowledge", {"alert": []}, "Tick the alerts"),
        ("promote", {}, "`do` cannot be"),
        ("end s9", {}, "There is no silence"),
    ):
        reply = press(web, do, "/alerts?state=firing", **({"alert": "1"} | more))
        assert reply.status_code == 400, words
        assert words.replace("`", "") in re.sub(r"</?code>", "", reply.text), reply.text
        assert "mine &amp; yours" in reply.text or "note" not in more or len(more["note"]) > 99
        assert ('id="tick-1" checked' in reply.text) == (more.get("alert", "1") == "1")
    assert written(record) == before


def test_an_alert_that_is_over_is_judged_but_not_taken_on(record, web):
    clock = SimulatedClock(START + timedelta(hours=1))
    engine = Alerts(record=Record.open(record.path), system="delay", clock=clock)
    engine.update(clock.now(), [found("shift.feature", "temp", "temp is back.", "ok")])
    assert 'value="acknowledge"' not in web.get("/alerts/1").text
    reply = press(web, "acknowledge", alert=["1", "3"])
    assert (reply.status_code, "Alert 1 is over" in reply.text) == (400, True)
    assert engine_of(record).alert(3).acknowledged is None
    assert press(web, "useful", "/alerts/1", alert="1").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "HERE"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "HERE.evil.example"},
        {},
    ],
    ids=str,
)
def test_what_another_sites_page_sends_is_refused_though_it_had_the_seal(record, web, headers):
    here = str(web.base_url).rstrip("/")
    headers = {name: value.replace("HERE", here) for name, value in headers.items()}
    before = written(record)
    reply = press(web, "acknowledge", alert="1", headers=headers)
    assert reply.status_code == 403
    assert "A page of another site" in reply.text
    assert written(record) == before


def test_a_browser_that_says_only_its_origin_is_believed(record, web):
    origin = {"origin": str(web.base_url).rstrip("/")}
    assert press(web, "acknowledge", alert="1", headers=origin).status_code == 303
    assert engine_of(record).alert(1).acknowledged_by == "ann"


def test_a_form_without_the_seal_of_a_page_is_refused(record, web, serving):
    before = written(record)
    for seal in ("0" * 64, "é", "-"):
        reply = press(web, "acknowledge", alert="1", seal=seal)
        assert (reply.status_code, "load the page anew" in reply.text) == (403, True)
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as other:
        assert press(web, "acknowledge", alert="1", seal=seal_of(other)).status_code == 403
    assert written(record) == before


def test_only_the_pages_of_alerts_take_forms_and_only_short_ones(web):
    for path in ("/", "/runs", "/alerts.json", "/alerts/1.json", "/alerts/x", "/static/page.css"):
        assert web.post(path, headers=OWN).status_code == 405, path
    assert web.put("/alerts", headers=OWN).status_code == 405
    assert web.post("/alerts", json={"do": "acknowledge"}, headers=OWN).status_code == 415
    assert press(web, "acknowledge", note="x" * 70_000).status_code == 413
    assert press(web, "acknowledge", alert=["1"] * 2000).status_code == 400
    binary = {**OWN, "content-type": "application/x-www-form-urlencoded"}
    assert web.post("/alerts", content=b"do=\xff", headers=binary).status_code == 400
    assert press(web, "acknowledge", "/alerts/9", seal=seal_of(web), alert="1").status_code == 303


def test_pages_that_are_read_only_say_why_and_take_nothing(record, serving, monkeypatch):
    before = written(record)
    with (
        serving(record, read_only=True) as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        for path in ("/alerts", "/alerts/1"):
            text = web.get(path).text
            assert "started to be read only" in text
            assert "<button name" not in text
        assert "homeostat alerts ack 1" in web.get("/alerts/1").text
        assert press(web, "acknowledge", alert="1", seal="x").status_code == 403
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK and access(path, how))
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        assert "cannot be written by this server" in web.get("/alerts").text
        assert press(web, "acknowledge", alert="1", seal="x").status_code == 403
    assert written(record) == before


def test_where_a_token_is_asked_for_nothing_is_done_without_it(record, serving):
    with serving(record, token="open sesame") as address:
        with httpx.Client(base_url=address, timeout=30) as web:
            assert press(web, "acknowledge", alert="1", seal="x").status_code == 401
            form = {"token": "open sesame", "do": "acknowledge", "alert": "1", "by": "eve"}
            assert web.post("/alerts", data=form, headers=OWN).status_code == 401
            web.post("/token", data={"token": "open sesame"})
            seal = seal_of(web)
            assert press(web, "acknowledge", alert="1", seal=seal).status_code == 303
        bearer = {"authorization": "Bearer open sesame"}
        with httpx.Client(base_url=address, headers=bearer, timeout=30) as other:
            assert press(other, "useful", alert="1", seal=seal).status_code == 403
            assert press(other, "useful", alert="1").status_code == 303
    with (
        serving(record, token="open sesame") as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        web.post("/token", data={"token": "open sesame"})  # a seal outlives the server here
        assert press(web, "useful", alert="3", seal=seal).status_code == 303


@contextmanager
def team(record, serving):
    accounts = Accounts(record.path)
    tokens = {role: accounts.add(f"a.{role}", role=role) for role in ("viewer", "writer")}
    server = serving(record, app=create_server(record, accounts=accounts))
    with server as address, ExitStack() as stack:
        yield {
            role: stack.enter_context(
                httpx.Client(base_url=address, auth=("api", token), timeout=30)
            )
            for role, token in tokens.items()
        }


def test_in_a_team_an_act_is_kept_under_the_account_and_viewers_only_look(record, serving):
    with team(record, serving) as people:
        viewer, writer = people["viewer"], people["writer"]
        assert "a.viewer is a viewer" in viewer.get("/alerts/1").text
        assert 'name="seal"' not in viewer.get("/alerts/1").text
        seal = seal_of(writer)
        assert press(viewer, "acknowledge", alert="1", seal=seal).status_code == 403
        assert press(writer, "acknowledge", alert="1", by="the boss").status_code == 303
    assert engine_of(record).alert(1).acknowledged_by == "a.writer"


def test_the_name_is_asked_for_once(web):
    assert press(web, "acknowledge", alert="1", by="Ann  Ångström; x").status_code == 303
    assert 'value="Ann Ångström; x"' in web.get("/alerts").text


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_buttons_work_in_a_browser_with_or_without_scripts(record, look, serving, scripts):
    with serving(record) as address:
        tab = look(java_script_enabled=scripts)
        tab.goto(f"{address}/alerts")
        tab.get_by_label("Choose alert 1").check()
        tab.get_by_label("Choose alert 3").check()
        tab.locator("#act-by").fill("ann")
        tab.get_by_role("button", name="Acknowledge").click()
        expect(tab.get_by_text("ann has it")).to_have_count(2)
        tab.get_by_role("link", name="3: shift.feature").click()
        tab.get_by_label("Why, or what you found").fill("a known campaign")
        tab.get_by_label("For how long").select_option("a day")
        tab.get_by_role("button", name="Silence").click()
        expect(tab.get_by_text("a known campaign")).to_be_visible()
        tab.get_by_role("button", name="Not useful").click()
        expect(tab.get_by_text("ann found it not useful.")).to_be_visible()
        assert tab.complaints == []
        tab.goto(f"{address}/alerts")
        tab.get_by_role("button", name="End silence s1").click()
        expect(tab.get_by_role("button", name="End silence s1")).to_have_count(0)
    one, _, three = engine_of(record).all
    assert (one.acknowledged_by, three.useful) == ("ann", False)


def test_what_is_being_written_stays_while_the_list_follows_the_record(record, look, serving):
    with serving(record) as address:
        tab = look()
        tab.goto(f"{address}/alerts")
        expect(tab.locator(".live")).to_have_attribute("data-state", "on")
        tab.get_by_label("Choose alert 3").check()
        tab.locator("#act-note").fill("half a sen")
        with httpx.Client(base_url=address, timeout=30) as bob:
            press(bob, "acknowledge", alert="1", by="bob")
        expect(tab.get_by_text("bob has it")).to_be_visible(timeout=15_000)
        expect(tab.locator("#act-note")).to_have_value("half a sen")
        assert tab.get_by_label("Choose alert 3").is_checked()


def test_a_page_of_another_site_cannot_press_a_button(record, look, serving, tmp_path_factory):
    trap = tmp_path_factory.mktemp("trap") / "trap.html"
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        fields = {"seal": seal_of(web), "system": "delay",
                  "do": "acknowledge", "by": "eve", "alert": "1"}  # fmt: skip
        inputs = "".join(f'<input name="{name}" value="{v}">' for name, v in fields.items())
        trap.write_text(
            f'<form method="post" action="{address}/alerts">{inputs}<button>Win</button></form>'
        )
        tab = look()
        tab.goto(trap.as_uri())
        tab.get_by_role("button", name="Win").click()
        expect(tab.locator("main")).to_contain_text("A page of another site may not write here.")
    assert engine_of(record).alert(1).acknowledged is None
