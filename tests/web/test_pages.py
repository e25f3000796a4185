import csv
import io
import json
import re
import struct
from pathlib import Path

import httpx
import pytest

import homeostat.web
from homeostat.core import NotFoundError, ServerError
from homeostat.record import Record
from homeostat.web import create_app, serve_ui

STATIC = Path(homeostat.web.__file__).parent / "static"


def twin(address, form):
    path, _, query = address.partition("?")
    return f"{'/index' if path == '/' else path}.{form}" + (f"?{query}" if query else "")


def test_every_page_answers_as_html_as_json_and_as_csv(web, addresses):
    for address in addresses:
        page = web.get(address)
        assert page.status_code == 200, address
        assert page.text.rstrip().endswith("</html>")
        assert isinstance(web.get(twin(address, "json")).json(), dict)
        rows = list(csv.reader(io.StringIO(web.get(twin(address, "csv")).text)))
        assert len(rows) > 1, address
        assert len({len(row) for row in rows}) == 1, address


def test_every_link_of_every_page_leads_to_a_page(web, addresses):
    seen = set()
    for address in addresses:
        links = re.findall(r'(?:href|src)="(/[^"]*)"', web.get(address).text)
        seen |= {link.replace("&amp;", "&") for link in links}
    sample = sorted(seen)[:: max(1, len(seen) // 60)]
    broken = [link for link in sample if web.get(link).status_code != 200]
    assert broken == []


def test_the_loop_says_what_is_live_and_how_each_stage_stands(web):
    data = web.get("/index.json").json()
    stages = {stage["name"]: stage for stage in data["stages"]}
    assert " ".join(stages) == (
        "ingest expect features split leaks train evaluate gates release watch relearn"
    )
    assert stages["ingest"]["status"] == "cached"
    assert stages["leaks"]["verdict"] == "fail"
    assert stages["leaks"]["findings"] == {"fail": 1, "ok": 1, "unknown": 1}
    assert stages["train"]["verdict"] is None
    assert data["live"]["ref"] == "boosted:v0"
    assert data["live"]["trained_on"] == ["flight-features:v0"]
    assert data["live"]["because"] == "The first model: there is none to compare it with."
    assert len(data["alarms"]) <= 6
    assert data["alarms_of"] == "on-shift, stateful"


def test_the_timeline_gives_the_numbers_that_were_logged(web, year):
    run = year.runs(kind="replay", name="weekly")["id"][0]
    logged = year.metrics(run)
    auc = logged.filter(logged["name"] == "auc")["value"].to_list()
    rows = list(csv.DictReader(io.StringIO(web.get("/timeline.csv?metric=auc&table=days").text)))
    days = [row for row in rows if row["policy"] == "weekly"]
    assert [float(row["value"]) for row in days] == auc
    assert (days[0]["day"], days[-1]["day"]) == ("2013-04-01", "2013-12-30")


def test_features_are_ranked_by_what_their_shift_costs(web):
    data = web.get("/shift.json").json()
    peaks = dict.fromkeys(data["features"], 0.0)
    for cell in data["cells"]:
        peaks[cell["feature"]] = max(peaks[cell["feature"]], cell["effect"])
    assert list(peaks.values()) == sorted(peaks.values(), reverse=True)
    assert data["scale"] == "week"


def test_lists_are_filtered_sorted_and_cut_into_pages(web):
    runs = web.get("/runs.json?kind=train&sort=-name").json()
    assert [run["name"] for run in runs["runs"]] == [
        "majority", "logistic", "carrier rule", "boosted",
    ]  # fmt: skip
    failed = web.get("/findings.json?verdict=fail").json()
    assert {one["verdict"] for one in failed["findings"]} == {"fail"}
    first, second = (web.get(f"/findings.json?page={page}").json() for page in (1, 2))
    assert first["total"] == second["total"] > len(first["findings"]) == 100
    assert not {one["id"] for one in first["findings"]} & {one["id"] for one in second["findings"]}
    assert web.get("/runs.json?system=flight-delay&status=crashed").json()["total"] == 0


def test_a_run_shows_its_code_its_environment_and_its_parts(web, year):
    train = year.runs(kind="train", name="boosted")["id"][0]
    data = web.get(f"/runs/{train}.json").json()
    assert dict(data["environment"])["python"].startswith("3.")
    assert any(line.startswith("polars==") for line in data["packages"])
    assert [one["ref"] for one in data["used"]] == ["flight-features:v0"]
    whole = year.runs(kind="run")["id"][0]
    parts = web.get(f"/runs/{whole}.json").json()["children"]
    assert len(parts) == 13
    assert ["split.gap", "1d"] in web.get(f"/runs/{whole}.json").json()["config"]


def test_a_series_is_sent_as_float32_and_as_csv(web, year):
    run = year.runs(kind="replay", name="never")["id"][0]
    raw = web.get(f"/runs/{run}/series?name=auc&columns=100").content
    flat = struct.unpack(f"<{len(raw) // 4}f", raw)
    n = len(flat) // 4
    assert n <= 100
    values = [float(row["value"]) for row in csv.DictReader(
        io.StringIO(web.get(f"/runs/{run}/series?name=auc&form=csv").text))]  # fmt: skip
    assert len(values) == 274
    assert min(flat[n : 2 * n]) == pytest.approx(min(values), rel=1e-6)
    assert max(flat[2 * n : 3 * n]) == pytest.approx(max(values), rel=1e-6)
    assert "Did you mean <code>auc</code>?" in web.get(f"/runs/{run}/series?name=aucc").text


def test_a_file_is_sent_verified_and_never_rendered(web):
    reply = web.get("/file?artifact=flights-schema:v0&name=schema.json")
    assert reply.content == b'{"columns": []}'
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in reply.headers["content-security-policy"]
    assert web.get("/file?artifact=flights-schema&name=../../x").status_code == 404


def test_where_a_number_came_from_leads_back_to_a_dataset(web, year):
    slices = web.get("/evaluation.json").json()["slices_ref"]
    path = web.get(f"/lineage/{slices}.json").json()["path"]
    assert [step["sub"] for step in path][:2] == ["ingest", "dataset"]
    assert path[-1]["label"] == "slices:v0"
    finding = year.findings(check="slice.metric")["id"][0]
    assert "flights-joined:v0" in web.get(f"/lineage/{finding}").text


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/timelin", "/timeline"),
        ("/artifacts/boostd:v0", "boosted:v0"),
        ("/runs/nope", "No such run"),
        ("/findings/a.b.c", "No such finding"),
        ("/lineage/nope", "No such run or artifact"),
        ("/?system=flight-dela", "flight-delay"),
        ("/runs.csv?table=x", "There is: `runs`"),
        ("/static/../_app.py", "No such page"),
        ("/static/nope.css", "No such page"),
    ],
)
def test_what_is_not_there_is_a_page_that_says_what_is(web, address, says):
    reply = web.get(address)
    assert reply.status_code == 404
    assert says in reply.text
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/runs.json?page=x", "`page` must be a whole number"),
        ("/runs.json?page=0", "`page` must be a whole number"),
        (f"/runs.json?page={'9' * 5000}", "`page` must be a whole number"),
        ("/runs.json?sort=nam", "Did you mean `name`?"),
        ("/timeline.json?metric=auk", "Did you mean `auc`?"),
        ("/timeline.json?policy=weakly", "Did you mean `weekly`?"),
        ("/shift.json?measure=x", "`measure` cannot be"),
        ("/runs/{run}/series?name=auc&columns=1e9", "`columns` must be"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(web, year, address, says):
    reply = web.get(address.format(run=year.runs(kind="replay")["id"][0]))
    assert reply.status_code == 400
    assert says in reply.text.replace("<code>", "`").replace("</code>", "`")


def test_an_empty_record_says_which_command_to_run(empty_site):
    with httpx.Client(base_url=empty_site) as web:
        for path in ("/", "/timeline", "/shift", "/evaluation", "/runs", "/artifacts", "/findings"):
            page = web.get(path)
            assert page.status_code == 200
            assert re.search(r"<pre>homeostat (run|replay|demo)", page.text), path
            assert web.get(twin(path, "json")).status_code == 200


def test_a_damaged_report_is_said_and_breaks_no_other_page(tmp_path, serving):
    record = Record(tmp_path)
    with record.start_run("evaluate", system="x") as run:
        run.make("slices", "slices", {"slices.json": b'[{"slice": "a", "n": "many"}]'})
        run.make("table", "replay-table", {"table.json": json.dumps([{"policy": "p",
                 "normalized_entropy": float("nan")}]).encode()})  # fmt: skip
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        reply = web.get("/evaluation")
        assert reply.status_code == 400
        assert "slices:v0" in reply.text
        assert web.get("/").status_code == 200


@pytest.fixture
def operated(tmp_path, a_year):
    """A record in which a refused round, a live operation and reports are as the loop writes."""
    record = Record(tmp_path)
    with record.start_run("run", "late", system="late") as whole:
        for name, status in (("train a", "cached"), ("train b", "done"), ("gates", "refused")):
            with record.start_run(name.split()[0], system="late", parent=whole.id) as part:
                part.find(a_year.found("compare.better", name, "ok", f"{name} will do."))
            payload = {"stage": part.kind, "name": name, "run": part.id, "seconds": 1.0}
            whole.event("stage", payload | {"status": "running", "summary": "", "run": ""})
            whole.event("stage", payload | {"status": status, "summary": "all said"})
        curve = {"predicted": [0.1, 0.3], "observed": [0.12, 0.2]}
        a_year.report(whole, "calibration", "calibration.json", {"ece": 0.02, "curve": curve})
        row = {"policy": "weekly", "normalized_entropy": 0.9, "from_best": 0.0, "retrains": 3}
        files = {"table.json": json.dumps([row]).encode()}
        whole.make("policies", "replay-table", files, {"said": "Weekly is enough."})
    with record.start_run("live", "weekly", system="late", config={"start": "2013-04-01"}) as live:
        live.log({"normalized_entropy": 0.9}, 0)
        for number, change in ((1, "opened"), (2, "opened"), (2, "closed")):
            live.find(
                a_year.found("shift.feature", "wind", "fail", "wind moved."), at=a_year.day(1)
            )
            alarm = {"number": number, "check": "shift.feature", "subject": "wind, rain"}
            alarm |= {"severity": "page", "change": change, "verdict": "ok", "summary": change}
            live.event("alarm", alarm, at=a_year.day(number))
    return record


def test_what_is_operated_live_is_read_as_the_loop_writes_it(operated, serving):
    with serving(operated) as address, httpx.Client(base_url=address, timeout=30) as web:
        data = web.get("/index.json").json()
        stages = {stage["name"]: stage for stage in data["stages"]}
        assert list(stages)[:2] == ["train", "gates"]
        assert (stages["train"]["status"], stages["train"]["summary"]) == ("done", "a, b.")
        assert stages["train"]["findings"] == {"ok": 2}
        assert stages["gates"]["status"] == "refused"
        assert stages["release"]["status"] == "not yet"
        assert stages["watch"]["summary"] == "2 alarms live, the last on 3 Apr 2013."
        assert stages["watch"]["verdict"] == "fail"
        assert data["alarms_of"] is None
        assert [(one["summary"], one["verdict"]) for one in data["alarms"]] == [
            ("opened", "fail"), ("opened", "fail"),
        ]  # fmt: skip
        assert "Weekly is enough." in data["replay_says"]
        timeline = web.get("/timeline.json").json()
        assert [one["name"] for one in timeline["policies"]] == ["live weekly"]
        assert [one["tone"] for one in timeline["events"]] == ["fail", "fail", "none"]
        assert all(one["href"].startswith("/findings/") for one in timeline["events"])
        assert web.get("/evaluation.json").json()["calibration"]["observed"] == [0.12, 0.2]


def test_each_system_has_its_own_pages(tmp_path, serving):
    record = Record(tmp_path)
    for system in ("first & last", "second"):
        with record.start_run("run", system, system=system):
            pass
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        assert "<h1>second</h1>" in web.get("/").text
        page = web.get("/", params={"system": "first & last"}).text
        assert "<h1>first &amp; last</h1>" in page
        assert 'href="/shift?system=first+%26+last"' in page
        assert web.get("/runs.json?system=second").json()["total"] == 1


def test_pages_forbid_scripts_from_elsewhere_and_frames(web):
    headers = web.get("/").headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    text = web.get("/timeline").text
    assert not re.search(r"\sstyle=|\son\w+=|<script(?! type=\"(module|application/json)\")", text)


def test_without_a_token_only_the_loopback_is_answered(site):
    reply = httpx.get(site, headers={"host": "evil.example"})
    assert reply.status_code == 403
    assert "flight-delay" not in reply.text
    assert httpx.post(site).status_code == 405


def test_with_a_token_nothing_is_shown_before_it_is_given(year, serving):
    with serving(year, token="open sesame") as address:
        with httpx.Client(base_url=address, timeout=30) as web:
            for path in ("/", "/runs.json", "/events", "/file?artifact=flights&name=flights.csv"):
                reply = web.get(path)
                assert reply.status_code == 401
                assert "flight-delay" not in reply.text
            assert web.get("/static/page.css").status_code == 200
            assert web.post("/token", data={"token": "wrong"}).status_code == 401
            entered = web.post("/token", data={"token": "open sesame"})
            assert (entered.status_code, entered.headers["location"]) == (303, "/")
            assert "httponly" in entered.headers["set-cookie"].lower()
            assert web.get("/runs.json").status_code == 200
        bearer = {"authorization": "Bearer open sesame"}
        assert httpx.get(f"{address}/runs.json", headers=bearer).status_code == 200
        there = httpx.get(f"{address}/runs?kind=train&token=open+sesame", timeout=30)
        assert there.headers["location"] == "/runs?kind=train"
        away = httpx.get(f"{address}//evil.example/?token=open+sesame", timeout=30)
        assert away.headers["location"] == "/evil.example/"


def test_past_the_loopback_a_token_is_required(year):
    with pytest.raises(ServerError, match="a token is required"):
        serve_ui(year, host="0.0.0.0")


def test_a_port_in_use_is_named_with_what_to_do(year, site):
    port = int(site.rpartition(":")[2])
    with pytest.raises(
        ServerError, match=rf"Port {port} on 127.0.0.1 is in use.*--port {port + 1}"
    ):
        serve_ui(year, port=port)
    with pytest.raises(ServerError, match="Cannot listen on"):
        serve_ui(year, port=99999)


def test_a_folder_without_a_record_is_not_served(tmp_path):
    with pytest.raises(NotFoundError):
        create_app(tmp_path / "none")


def test_text_that_a_spreadsheet_would_run_is_led_by_an_apostrophe(tmp_path, serving):
    record = Record(tmp_path)
    record.start_run("train", "=HYPERLINK(1)").finish()
    with serving(record) as address:
        rows = list(csv.DictReader(io.StringIO(httpx.get(f"{address}/runs.csv", timeout=30).text)))
    assert rows[0]["name"] == "'=HYPERLINK(1)"


def test_scripts_and_style_stay_small():
    scripts = sum(path.stat().st_size for path in STATIC.glob("*.js"))
    styles = sum(path.stat().st_size for path in STATIC.glob("*.css"))
    assert scripts < 60_000
    assert styles < 20_000
    for path in STATIC.iterdir():
        assert not re.search(r"https?://(?!www\.w3\.org)", path.read_text()), path
