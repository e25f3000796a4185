"""The pages of alerts."""

import csv
import io
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from homeostat.alerts import Alerts, DeliveryError, Rule
from homeostat.core import Finding, SimulatedClock, finding
from homeostat.record import Record

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
EVIL = '"><img src=x onerror="window.pwned=1">'
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Down:
    def send(self, message):
        raise DeliveryError("hooks.example answered 503 Service Unavailable.")


def found(check, subject, verdict, summary, **more):
    return Finding(check=check, subject=subject, verdict=verdict, summary=summary, **more)


def write_alerts(path, system="flight-delay"):
    """A record with alerts of every kind; returns it."""
    clock = SimulatedClock(START)
    record = Record(path, clock=clock, capture=False)
    rules = [
        Rule("schema", finding(check="schema.*", verdict="fail"), owner="data team",
             runbook="https://wiki.example/schema", labels={"tier": "1"}),
        Rule("accuracy", finding(check="accuracy.*", verdict="fail"), hold_for="2h"),
        Rule("drift", finding(check="shift.*", verdict=["fail", "warn"]), severity="note"),
    ]  # fmt: skip
    alerts = Alerts(rules, channels={"pager": Down()}, record=record, system=system, clock=clock)
    first = [
        found("schema.missing_column", "wind_gust", "fail", "`wind_gust` is not in the window."),
        found("shift.feature", "wind_gust", "warn", "wind_gust moved by 0.4 sd.", effect=0.41),
        found("shift.feature", "temp", "warn", "temp moved by 0.2 sd.", statistic=0.08,
              threshold=0.05, p_value=1e-5),
        found("accuracy.window", "auc", "fail", "AUC fell to 0.66 (0.64 to 0.68)."),
        found("shift.category", EVIL, "warn", f"{EVIL} is new."),
    ]  # fmt: skip
    with record.start_run("watch", "watch", system=system) as run:
        run.find_all(first)
    alerts.update(START, first, run=run.id)
    alerts.acknowledge(1, by="ann", note="looking", at=START + timedelta(minutes=9))
    alerts.silence(
        by="bob", until=START.replace(year=2100), subject="dest", comment="a known campaign"
    )
    clock.advance(timedelta(hours=1))
    alerts.deliver()
    alerts.update(clock.now(), [found("shift.feature", "temp", "ok", "temp is back.")])
    alerts.feedback(3, useful=False, by="ann")
    return record


@pytest.fixture(scope="module")
def alerts_site(tmp_path_factory, serving):
    with serving(write_alerts(tmp_path_factory.mktemp("alerts"))) as address:
        yield address


@pytest.fixture
def alerts_web(alerts_site):
    with httpx.Client(base_url=alerts_site, timeout=30) as client:
        yield client


def test_the_list_shows_what_is_open_the_latest_first_and_can_show_the_rest(alerts_web):
    data = alerts_web.get("/alerts.json").json()
    assert [one["number"] for one in data["alerts"]] == [5, 4, 2, 1]
    assert [one["tone"] for one in data["alerts"]] == ["warn", "unknown", "warn", "fail"]
    over = alerts_web.get("/alerts.json?state=resolved").json()
    assert [one["number"] for one in over["alerts"]] == [3]
    assert alerts_web.get("/alerts.json?state=all&severity=page").json()["total"] == 5
    assert alerts_web.get("/alerts?state=nonsense").status_code == 400
    rows = list(csv.DictReader(io.StringIO(alerts_web.get("/alerts.csv?state=all").text)))
    assert len(rows) == 5


def test_the_list_says_who_has_it_what_mutes_it_and_whether_messages_arrive(alerts_web):
    text = alerts_web.get("/alerts").text
    for words in (
        "ann has it", "muted by alert 1", "a known campaign", "answered 503",
        "0 of 1 judged alerts of rule drift were useful",
    ):  # fmt: skip
        assert words in text, words
    delivery = alerts_web.get("/alerts.csv?table=delivery").text
    assert "pager" in delivery


def test_the_page_of_one_tells_its_history_and_leads_to_its_finding(alerts_web):
    page = alerts_web.get("/alerts/1")
    for words in ("data team", "https://wiki.example/schema", "Acknowledged by ann: looking",
                  "homeostat alerts ack 1", "This one"):  # fmt: skip
        assert words in page.text, words
    link = page.text.split('">This one')[0].rsplit('href="', 1)[1]
    found_page = alerts_web.get(link)
    assert found_page.status_code == 200
    assert "schema.missing_column" in found_page.text
    assert [row["words"] for row in alerts_web.get("/alerts/3.json").json()["history"]][-1] == (
        "ann found it not useful."
    )
    assert alerts_web.get("/alerts/99").status_code == 404
    assert alerts_web.get("/alerts/x").status_code == 404


def test_a_record_without_alerts_says_so_and_nothing_is_written_by_looking(tmp_path, serving):
    record = Record(tmp_path, capture=False)
    with serving(record) as address:
        assert "No alert is in this record yet." in httpx.get(f"{address}/alerts", timeout=30).text
    assert len(record.runs()) == 0


@pytest.mark.parametrize(
    ("width", "theme"), [(1280, "light"), (360, "dark")], ids=["wide-light", "phone-dark"]
)
def test_the_pages_render_and_fit_and_markup_in_them_is_inert(look, alerts_site, width, theme):
    tab = look(width, 740, theme)
    for path in ("/alerts", "/alerts?state=all", "/alerts/1", "/alerts/5"):
        tab.goto(alerts_site + path)
        assert tab.evaluate(OVERFLOW) <= 0, path
        assert tab.evaluate("window.pwned") is None
    assert tab.complaints == []
    tab.goto(f"{alerts_site}/alerts")
    tab.get_by_role("link", name="Resolved 1").click()
    tab.wait_for_url("**state=resolved**")
    tab.get_by_role("link", name="3: shift.feature on temp").click()
    tab.wait_for_url("**/alerts/3**")
    assert tab.locator("h1").inner_text() == "shift.feature"
