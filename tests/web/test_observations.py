"""The page of what services timed and counted, and of the SLAs they keep."""

import csv
import io
import json
import os
import time

import httpx
import pytest
from playwright.sync_api import expect

from homeostat.core import Finding, RealClock
from homeostat.observe import Distribution, Kind, Series, Shelf, SlaWatch, sla
from homeostat.record import Record
from homeostat.serve._server._counters import Counters
from homeostat.serve._server._promise import Promise, service_folder
from homeostat.web import _services
from homeostat.web._services import Looks

EVIL = '"><img src=x onerror="window.pwned=1">'
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LABELS = (("endpoint", "/reply"), ("version", "v3"))


def count(page, name, more, labels=()):
    page.ints[page.allot(Series(Kind.COUNT, name, labels))] += more


def set_gauge(page, name, value, labels=()):
    at = page.allot(Series(Kind.GAUGE, name, labels, "", "last"))
    page.floats[at], page.ints[at + 1] = value, time.time_ns()


def add_times(page, name, values, labels=(), unit="seconds", failed=0):
    at = page.allot(Series(Kind.TIMES, name, labels, unit))
    times = Distribution.of(values)
    page.ints[at], page.ints[at + 1] = failed, times.refused
    page.floats[at + 2], page.floats[at + 3], page.floats[at + 4] = (
        times.total, times.least, times.largest,
    )  # fmt: skip
    page.ints[at + 5 : at + 5 + len(times.counts)] = times.counts.data.cast("B").cast("q")
    return at


def serve_some(path, name="flight delay"):
    """What a server of a model counts, by its own means: v1 keeps its SLA, v2 breaks it."""
    folder = service_folder(path, name)
    counters = Counters(Shelf(folder / "counts"))
    for version, us, failures in (("v1", 900, 0), ("v2", 260_000, 300)):
        tally = counters.tally(version, "champion" if version == "v1" else "canary")
        for n in range(3000):
            tally.answered(us + n)
        for _ in range(failures):
            tally.failed()
    counters.statuses[200] = 6000
    promised = sla(median="200ms", error_rate=0.01, up=0.999)
    Promise(folder, counters.seen, promised, clock=RealClock()).look(None, now=True)
    return counters


def share_some(path):
    """What user code counts that shares a folder with the record."""
    page = Shelf(path / "observed" / "answers").page(start_ns=time.time_ns() - 100 * 10**9)
    add_times(page, "reply", [0.0004, 0.02, 0.3, -1.0], LABELS, failed=1)
    add_times(page, "input length", [10, 20_000], unit="characters")
    count(page, "rows", 7000)
    count(page, EVIL, 3, (("kind", EVIL),))
    count(page, "unusual", 12, (("event", "very long text"),))
    count(page, "unusual", 1, (("event", EVIL),))
    set_gauge(page, "queue", 7.0)
    page.ints[page.allot(Series(Kind.COUNT, "observe_refused"))] = 2
    return page


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    path = tmp_path_factory.mktemp("observed")
    record = Record(path, capture=False)
    with record.start_run("serve", "serve", system="flight-delay") as run:
        run.find(
            Finding(check="unusual", subject="very long text", verdict="warn",
                    summary="very long text: seen 12 times, now with characters 20000.")
        )  # fmt: skip
    counting = serve_some(path), share_some(path)
    yield record
    counting[0].close()
    counting[1].close()


@pytest.fixture(scope="module")
def observed_site(observed, serving):
    with serving(observed) as address:
        yield address


@pytest.fixture
def observed_web(observed_site):
    with httpx.Client(base_url=observed_site, timeout=30) as client:
        yield client


def test_a_served_model_is_shown_by_endpoint_arm_and_version(observed_web):
    data = observed_web.get("/observations.json").json()
    assert data["services"] == ["flight delay", "answers"]
    assert (data["service"], data["processes"]) == ("flight delay", 1)
    canary, champion = data["timers"]
    assert canary["labels"] == "arm canary, endpoint predict, version v2"
    assert (canary["calls"], canary["failed"]) == (3300, 300)
    assert canary["error_share"] == pytest.approx(1 / 11)
    assert champion["median"] == pytest.approx(0.0024, rel=0.01)
    answers = data["counts"][-1]
    assert (answers["name"], answers["labels"], answers["value"]) == (
        "requests",
        "status 200",
        6000,
    )
    rows = list(csv.DictReader(io.StringIO(observed_web.get("/observations.csv").text)))
    assert [row["calls"] for row in rows] == ["3300", "3000"]


def test_promises_are_shown_the_worst_first_with_budget_and_burn(observed_web):
    data = observed_web.get("/observations.json").json()
    stand = {(one["subject"], one["objective"], one["check"]): one for one in data["sla"]}
    broken = "request, version v2, arm canary, endpoint predict"
    assert stand[broken, "errors < 1%", "sla.errors"]["verdict"] == "fail"
    assert stand[broken, "errors < 1%", "sla.budget"]["effect"] < -8
    text = observed_web.get("/observations").text
    promises = text.split('data-part="sla"')[1].split("</section>")[0]
    assert promises.index("version v2") < promises.index("version v1")
    for words in ("overspent", "9.1 %", "burns 9.09 times too fast", "100 % of the budget left"):
        assert words in promises, words


def test_what_user_code_counts_in_a_folder_of_the_record_is_shown(observed_web):
    ask = {"service": "answers"}
    data = observed_web.get("/observations.json", params=ask).json()
    lengths, reply = data["timers"]
    assert (lengths["unit"], lengths["largest"]) == ("characters", 20_000)
    assert (reply["calls"], reply["failed"], reply["refused"], reply["largest"]) == (4, 1, 1, 0.3)
    assert 0 < data["counts"][-1]["per_second"] <= 70
    assert [(one["name"], one["value"]) for one in data["gauges"]] == [("queue", 7)]
    assert [(one["event"], one["times"]) for one in data["unusual"]] == [
        ("very long text", 12), (EVIL, 1),
    ]  # fmt: skip
    page = observed_web.get("/observations", params=ask).text
    for words in (
        "20 ms", "300 ms", "2 values were refused", "now with characters 20000", "1 refused",
        "promised nothing",
    ):  # fmt: skip
        assert words in page, words
    link = page.split(">very long text: seen")[0].rsplit('href="', 1)[1].rstrip('"')
    assert "20000" in observed_web.get(link).text
    unusual = observed_web.get("/observations.csv", params=ask | {"table": "unusual"}).text
    assert "very long text,12" in unusual


def test_how_a_watch_of_ones_own_judges_is_shown_where_it_is_written(tmp_path, serving):
    page = Shelf(folder := tmp_path / "observed" / "it").page(start_ns=time.time_ns())
    add_times(page, "reply", [0.1] * 50, LABELS)
    seen = Looks().look(folder)[0]
    watch = SlaWatch("reply", sla(median="50ms"), by=["version"], source=lambda: seen)
    kept = {"findings": [one.to_json() for one in watch.look()]}
    (folder / "sla.json").write_text(json.dumps(kept))
    with serving(Record(tmp_path, capture=False)) as address:
        text = httpx.get(f"{address}/observations", timeout=30).text
    for words in ("reply, version v3", "median &lt; 50 ms", "is broken for reply"):
        assert words in text, words
    page.close()


def test_of_late_is_what_came_since_an_earlier_look(tmp_path, serving, monkeypatch):
    monkeypatch.setattr(_services, "RealClock", clock := Ticking())
    page = Shelf(tmp_path / "observed" / "it").page(start_ns=0)
    at = page.allot(Series(Kind.COUNT, "rows"))
    page.ints[at] = 1000
    with (
        serving(Record(tmp_path, capture=False)) as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        recent = "/observations.json?over=recent"
        assert "This is the first look" in web.get("/observations?over=recent").text
        page.ints[at] += 50
        clock.now_s += 10
        (row,) = web.get(recent).json()["counts"]
        assert (row["value"], row["per_second"]) == (50, 5.0)
        for _ in range(30):  # looked at each ten seconds, it is of one minute or two
            page.ints[at] += 10
            clock.now_s += 10
            data = web.get(recent).json()
        assert 60 <= data["seconds"] <= 130
        assert data["counts"][0]["per_second"] == pytest.approx(1.0)
        assert web.get("/observations.json").json()["counts"][0]["value"] == 1350
    page.close()


class Ticking:
    """A clock that stands until it is moved; in place of the class of the real one."""

    now_s = 1_000_000

    def time_ns(self):
        return self.now_s * 10**9


def test_a_service_that_began_anew_is_compared_with_nothing(tmp_path):
    shelf = Shelf(tmp_path)
    page = shelf.page(start_ns=1)
    count(page, "rows", 9)
    looks = Looks()
    assert looks.look(tmp_path)[1] is None
    assert looks.look(tmp_path)[1] is not None
    page.retire()
    shelf.renew()
    again = shelf.page(start_ns=time.time_ns())
    count(again, "rows", 4)
    seen, recent = looks.look(tmp_path)
    assert (seen.count("rows"), recent) == (4, None)
    page.close()
    again.close()


def test_what_dead_processes_counted_is_shown_as_theirs(tmp_path, serving):
    page = Shelf(tmp_path / "serving" / "many" / "counts").page(start_ns=time.time_ns())
    count(page, "rows", 4)
    page.close()
    with (
        serving(Record(tmp_path, capture=False)) as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        text = web.get("/observations").text
        assert "No process counts now" in text
        data = web.get("/observations.json").json()
        assert (data["services"], data["counts"][0]["value"]) == (["all models"], 4)


def test_the_folder_that_the_environment_names_is_shown(tmp_path, serving, monkeypatch):
    folder = tmp_path / "elsewhere" / "shop"
    page = Shelf(folder).page(start_ns=time.time_ns())
    count(page, "rows", 4)
    monkeypatch.setenv("HOMEOSTAT_OBSERVE", str(folder))
    with serving(Record(tmp_path / "r", capture=False)) as address:
        assert httpx.get(f"{address}/observations.json", timeout=30).json()["services"] == ["shop"]
    page.close()


def test_nothing_counted_is_said_and_looking_makes_no_folder(tmp_path, serving):
    record = Record(tmp_path, capture=False)
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        assert "Nothing is counted beside this record yet." in web.get("/observations").text
        assert web.get("/observations?service=none").status_code == 404
        assert web.get("/observations?over=nonsense").status_code == 400
        assert web.get("/observations.csv?table=gauges").text.startswith("name,labels")
    assert not (tmp_path / "serving").exists()
    assert not (tmp_path / "observed").exists()


def test_files_that_are_damaged_or_may_not_be_read_are_said(tmp_path, serving, monkeypatch):
    folder = service_folder(tmp_path, "m")
    page = Shelf(folder / "counts").page(start_ns=time.time_ns())
    count(page, "rows", 4)
    (folder / "counts" / "junk.page").write_bytes(b"junk")
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, how: "junk" not in str(path) and access(path, how)
    )
    with (
        serving(Record(tmp_path, capture=False)) as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        for content in (b"junk", b"{}", b'{"findings": [{}]}', b'{"findings": 3}'):
            (folder / "sla.json").write_bytes(content)
            data = web.get("/observations.json").json()
            assert (data["sla"], data["counts"][0]["value"]) == ([], 4)
        assert "counts of 1 process may not be read" in web.get("/observations").text
    page.close()


def test_a_shelf_that_cannot_be_read_is_said_in_words(tmp_path, serving):
    page = Shelf(folder := tmp_path / "observed" / "it").page(start_ns=time.time_ns())
    with (
        serving(Record(tmp_path, capture=False)) as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        (folder / "retired.counts").write_bytes(b"junk")
        assert "This is no page of counts" in web.get("/observations").text
        (folder / "retired.counts").unlink()
        (folder / "retired.counts").mkdir()
        assert "cannot be read: Is a directory" in web.get("/observations").text
        assert web.get("/observations.json").json()["timers"] == []
    page.close()


def test_of_many_series_the_page_shows_some_and_the_table_all(tmp_path, serving):
    page = Shelf(tmp_path / "observed" / "it").page(start_ns=time.time_ns())
    for n in range(450):
        count(page, "rows", n + 1, (("key", f"{n:03}"),))
    with (
        serving(Record(tmp_path, capture=False)) as address,
        httpx.Client(base_url=address, timeout=30) as web,
    ):
        text = web.get("/observations").text
        assert "key 199" in text
        assert "key 200" not in text
        assert "and 250 more in" in text
        assert len(web.get("/observations.csv?table=counts").text.splitlines()) == 451
    page.close()


@pytest.mark.parametrize(
    ("width", "theme"), [(1280, "light"), (360, "dark")], ids=["wide-light", "phone-dark"]
)
def test_the_page_renders_fits_and_markup_in_names_is_inert(look, observed_site, width, theme):
    tab = look(width, 740, theme)
    for query in ("", "?service=answers", "?service=answers&over=recent"):
        tab.goto(f"{observed_site}/observations{query}")
        assert tab.evaluate(OVERFLOW) <= 0, query
        assert tab.evaluate("window.pwned") is None
    assert tab.complaints == []
    tab.goto(f"{observed_site}/observations")
    tab.get_by_role("link", name="answers", exact=True).click()
    expect(tab.get_by_role("heading", name="input length")).to_be_visible()
    expect(tab.get_by_role("link", name="Observations")).to_have_attribute("aria-current", "page")


def test_an_open_page_follows_what_is_counted(look, tmp_path, serving):
    page = Shelf(tmp_path / "observed" / "it").page(start_ns=time.time_ns())
    at = page.allot(Series(Kind.COUNT, "rows"))
    page.ints[at] = 4
    with serving(Record(tmp_path, capture=False)) as address:
        tab = look()
        tab.goto(f"{address}/observations")
        expect(tab.get_by_role("row", name="rows")).to_contain_text("4")
        page.ints[at] = 123_456
        expect(tab.get_by_role("row", name="rows")).to_contain_text("123,456", timeout=30_000)
        assert tab.complaints == []
    page.close()
