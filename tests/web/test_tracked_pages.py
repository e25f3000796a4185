import csv
import io
import json
import re
import struct

import httpx
import pytest

from homeostat.record import Record


def twin(address, form):
    path, _, query = address.partition("?")
    return f"{path}.{form}" + (f"?{query}" if query else "")


def table_of(web, address):
    return list(csv.DictReader(io.StringIO(web.get(address).text)))


def test_every_page_of_tracked_runs_answers_in_three_forms(runs_web, tracked_addresses):
    for address in tracked_addresses:
        page = runs_web.get(address)
        assert page.status_code == 200, address
        assert page.text.rstrip().endswith("</html>")
        assert not re.search(r"\sstyle=|\son\w+=[\"']", page.text), address
        assert isinstance(runs_web.get(twin(address, "json")).json(), dict)
        rows = list(csv.reader(io.StringIO(runs_web.get(twin(address, "csv")).text)))
        assert len(rows) > 1, address
        assert len({len(row) for row in rows}) == 1, address


def test_every_link_of_every_page_of_tracked_runs_leads_somewhere(runs_web, tracked_addresses):
    seen = set()
    for address in tracked_addresses:
        links = re.findall(r'(?:href|src)="(/[^"]*)"', runs_web.get(address).text)
        seen |= {link.replace("&amp;", "&") for link in links}
    sample = sorted(seen)[:: max(1, len(seen) // 80)]
    assert [link for link in sample if runs_web.get(link).status_code != 200] == []


def test_runs_are_filtered_by_an_expression_and_ordered_by_a_result(runs_web):
    asked = {"filter": "config.lr < 0.05 and config.model.depth > 2", "sort": "-summary.val/auc"}
    data = runs_web.get("/runs.json", params=asked).json()
    auc = [values["summary.val/auc"] for values in data["values"]]
    assert data["total"] == len(auc) > 2
    assert auc == sorted(auc, reverse=True)
    assert all(values["config.lr"] < 0.05 for values in data["values"])


def test_a_filter_that_cannot_be_understood_is_said_under_its_box(runs_web):
    reply = runs_web.get("/runs", params={"filter": "sumary.auc > 1"})
    assert reply.status_code == 400
    assert (
        '<p class="problem" id="problem" role="alert">Runs have no <code>sumary.auc' in reply.text
    )
    assert "Did you mean <code>summary.auc</code>?" in reply.text
    assert 'value="sumary.auc &gt; 1"' in reply.text
    table = runs_web.get("/runs.json", params={"filter": "1 +"})
    assert "needs a value" in table.json()["problem"]


def test_columns_are_chosen_or_else_those_that_tell_runs_apart(runs_web):
    usual = runs_web.get("/runs.json").json()["columns"]
    assert "config.lr" in usual
    assert "summary.val/auc" in usual
    assert "config.optimizer" not in usual
    address = "/runs.csv?columns=config.optimizer&columns=summary.val/auc&sort=name"
    rows = table_of(runs_web, address)
    assert [row["name"] for row in rows][:2] == ["net-0", "net-1"]
    assert {row["config.optimizer"] for row in rows} == {"adam"}
    assert "config.KEY or summary.KEY" in runs_web.get("/runs?columns=lr").text


def test_a_run_shows_what_was_told_and_what_came_out(runs_web, tracked):
    data = runs_web.get(f"/runs/{tracked[1][1]}.json").json()
    assert data["run"]["tags"] == ["sweep", "baseline"]
    assert data["run"]["notes"] == "Try it."
    assert dict(data["run"]["facts"]) == {"group": "first", "job_type": "fit"}
    assert ["model.depth", "3"] in data["config"]
    assert dict(data["summary"])["grad_norm"] == "1.0"
    assert [one["name"] for one in data["metrics"]] == ["grad_norm", "train/loss", "val/auc"]
    assert data["made"] == [{"ref": "net:v1", "type": "model"}]
    assert data["verdict_of"] == "warn"


def test_a_curve_keeps_its_spike_and_says_where_it_is_nan(runs_web, tracked):
    broken = tracked[1][3]
    base = f"/runs/{broken}/series?form=json"
    spike = runs_web.get(f"{base}&name=grad_norm&columns=20").json()
    assert len(spike["step"]) <= 20
    assert max(spike["high"]) == 40
    loss = runs_web.get(f"{base}&name=train/loss&columns=50").json()
    assert sum(loss["nans"]) == 100
    first = next(i for i, nans in enumerate(loss["nans"]) if nans)
    assert loss["step"][first] >= 195
    metrics = runs_web.get(f"/runs/{broken}.json").json()["metrics"]
    assert {one["name"]: one["nans"] for one in metrics}["train/loss"] == 100


def test_a_stretch_of_a_curve_comes_from_a_finer_level(runs_web, tracked):
    address = f"/runs/{tracked[1][0]}/series?name=grad_norm&form=json&columns=10"
    whole = runs_web.get(address).json()
    part = runs_web.get(f"{address}&low=146&high=154").json()
    assert len(whole["step"]) <= 10
    assert part["step"] == [146, 147, 148, 149, 150, 151, 152, 153, 154]
    assert part["high"][4] == 40
    assert runs_web.get(f"{address}&low=x").status_code == 400


def test_curves_of_several_runs_come_in_one_answer(runs_web, tracked):
    asked = [("run", run) for run in [*tracked[1], "nobody"]]
    reply = runs_web.get("/series", params=[*asked, ("name", "train/loss"), ("columns", "50")])
    counts = [int(text) for text in reply.headers["x-counts"].split(",")]
    assert len(counts) == 13
    assert counts[-1] == 0
    assert all(25 <= count <= 50 for count in counts[:-1])
    flat = struct.unpack(f"<{len(reply.content) // 4}f", reply.content)
    assert len(flat) == 4 * sum(counts)
    steps = [step + float(reply.headers["x-base"]) for step in flat[: counts[0]]]
    assert steps == sorted(steps)
    assert 0 <= steps[0] < steps[-1] <= 299


def test_media_are_those_of_the_step_that_is_asked_for(runs_web, tracked):
    address = f"/runs/{tracked[1][0]}.json?tab=media"
    media = {one["name"]: one for one in runs_web.get(address).json()["media"]}
    assert list(media) == ["gradients/first", "predictions", "report", "samples", "sound"]
    kinds = {name: one["items"][0]["kind"] for name, one in media.items()}
    assert set(kinds.values()) == {"histogram", "table", "html", "image", "audio"}
    item = media["samples"]["items"][0]
    assert item["caption"] == "sample 299.0"
    box = item["boxes"][0]
    assert [box[side] for side in ("x", "y", "width", "height")] == pytest.approx(
        [25, 18.75, 100 / 3, 50]
    )
    assert (box["label"], box["colour"]) == ("car, p 0.9", 3)
    assert item["masks"][0]["labels"]["1"] == "road"
    earlier = {one["name"]: one for one in runs_web.get(f"{address}&step=100").json()["media"]}
    assert earlier["samples"]["items"][0]["caption"] == "sample 100.0"
    assert "report" not in earlier


def test_a_logged_page_is_shut_in_and_other_contents_are_inert(runs_web, tracked):
    data = runs_web.get(f"/runs/{tracked[1][0]}.json?tab=media").json()
    media = {one["name"]: one["items"][0]["src"] for one in data["media"]}
    page = runs_web.get(media["report"])
    assert page.headers["content-security-policy"].startswith(
        "sandbox allow-scripts; default-src 'none'"
    )
    assert "allow-same-origin" not in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    picture = runs_web.get(media["samples"])
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert picture.headers["x-frame-options"] == "DENY"
    part = runs_web.get(media["sound"], headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    digest = media["samples"].split("/")[2].split(".")[0]
    for name in (digest, f"{digest}.svg", f"{digest}.js"):
        reply = runs_web.get(f"/media/{name}")
        assert reply.headers["content-disposition"].startswith("attachment"), name
        assert reply.headers["content-type"] == "application/octet-stream"
    assert runs_web.get("/media/../x").status_code == 404
    assert runs_web.get("/media/x.png").status_code == 400
    assert runs_web.get(f"/media/{'0' * 64}.png").status_code == 404


def test_what_a_run_printed_is_shown_without_colours_and_by_stream(runs_web, tracked):
    data = runs_web.get(f"/runs/{tracked[1][0]}.json?tab=console").json()
    assert data["console"] == [
        {"stream": "stdout", "text": "epoch 1"},
        {"stream": "stdout", "text": "epoch 2"},
        {"stream": "stderr", "text": "careful"},
    ]
    assert '<span class="err">careful' in runs_web.get(f"/runs/{tracked[1][0]}?tab=console").text


def test_runs_are_compared_by_what_differs_first(runs_web, tracked):
    asked = [("run", run) for run in tracked[1][:2]]
    data = runs_web.get("/compare.json", params=asked).json()
    assert [one["label"] for one in data["runs"]] == ["net-0", "net-1"]
    assert data["differing"]["config.seed"] == [0, 1]
    assert "config.optimizer" not in data["differing"]
    assert data["same"]["config.optimizer"] == "adam"
    page = runs_web.get("/compare", params=asked).text
    assert page.count("<hs-series") == 2
    assert "fewer than 10 runs" in page
    assert runs_web.get("/compare").status_code == 200
    assert "No run is chosen" in runs_web.get("/compare").text
    assert runs_web.get("/compare?filter=nope+>+1").status_code == 400


def test_the_setting_that_moved_the_result_is_named(runs_web, tracked):
    asked = [("run", run) for run in tracked[1]]
    data = runs_web.get("/compare.json", params=[*asked, ("target", "summary.val/auc")]).json()
    assert data["importance"][0]["parameter"] == "lr"
    assert "summary.nope" in runs_web.get(
        "/compare", params=[*asked, ("target", "summary.nope")]).text  # fmt: skip


def test_a_table_is_filtered_sorted_and_grouped(runs_web, tracked):
    address = f"/tables/{tracked[1][0]}.json"
    wrong = runs_web.get(address, params={"filter": "guess != truth", "sort": "-score"}).json()
    assert (wrong["total"], wrong["whole"]) == (30, 120)
    scores = [row["score"] for row in wrong["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert wrong["rows"][0]["image"]["_type"] == "image-file"
    grouped = runs_web.get(address, params={"group": "truth", "sort": "truth"}).json()
    assert [(row["truth"], row["rows"]) for row in grouped["rows"]] == [
        ("cat", 40), ("dog", 40), ("ship", 40),
    ]  # fmt: skip
    second = runs_web.get(address, params={"page": 3}).json()
    assert [row["id"] for row in second["rows"]] == list(range(100, 120))
    assert len(table_of(runs_web, address.replace(".json", ".csv"))) == 120


def test_two_tables_are_joined_and_show_where_models_differ(runs_web, tracked):
    first, second = tracked[1][:2]
    asked = {"with": second, "on": "id", "filter": "guess != `guess (other)`"}
    data = runs_web.get(f"/tables/{first}.json", params=asked).json()
    expected = [row for row in range(120) if (row % 4 == 0) != (row % 5 == 0)]
    assert data["total"] == len(expected)
    assert [row["id"] for row in data["rows"]] == expected[:50]
    other = tracked[1][5]
    reply = runs_web.get(f"/tables/{first}", params={"with": other})
    assert reply.status_code == 400
    assert "to join with" in reply.text


def test_what_is_taken_for_what_comes_with_examples(runs_web, tracked):
    address = f"/tables/{tracked[1][0]}"
    page = runs_web.get(address).text
    assert "What is taken for what: truth and guess" in page
    asked = {"truth": "truth", "guess": "guess"}
    found = runs_web.get(f"{address}.json", params=asked).json()["confusions"]
    assert {(one["truth"], one["guess"], one["count"]) for one in found} == {
        ("cat", "dog", 10), ("dog", "ship", 10), ("ship", "cat", 10),
    }  # fmt: skip
    assert runs_web.get(address, params=asked).text.count('class="thumb"') > 50


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("/tables/{run}?key=predictons", 404, "Did you mean <code>predictions"),
        ("/tables/{run}?step=7", 404, "was not logged at step 7"),
        ("/tables/{other}", 404, "logged no table"),
        ("/tables/nobody", 404, "No such run"),
        ("/tables/{run}?filter=scor+>+1", 400, "Did you mean <code>score"),
        ("/tables/{run}?sort=nope", 400, "nope"),
        ("/tables?artifact=net:v0&name=x", 404, "has no <code>x"),
        ("/runs/{run}?tab=cod", 400, "Did you mean <code>code"),
        ("/series?name=x&stream=y&run={run}", 400, "cannot be"),
    ],
)
def test_what_a_tracked_run_has_not_is_said_in_a_sentence(runs_web, tracked, address, status, says):
    reply = runs_web.get(address.format(run=tracked[1][0], other=tracked[1][5]))
    assert reply.status_code == status
    assert says in reply.text
    assert "Traceback" not in reply.text


def test_a_table_of_an_artifact_is_a_page(tmp_path, serving):
    record = Record(tmp_path)
    content = json.dumps({"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}).encode()
    with record.start_run("eval") as run:
        run.make("found", "table", {"found.table.json": content})
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        link = re.search(r'href="(/tables\?[^"]*)"', web.get("/artifacts/found:v0").text)[1]
        assert "as a table" in web.get("/artifacts/found:v0").text
        page = web.get(link.replace("&amp;", "&"))
        assert page.status_code == 200
        assert "2 rows" in page.text


def test_many_runs_are_cut_into_pages_after_they_are_filtered_and_ordered(tmp_path, serving):
    record = Record(tmp_path, capture=False)
    for number in range(250):
        record.start_run("train", f"r{number:03}", config={"lr": number}).finish()
    with serving(record) as address, httpx.Client(base_url=address, timeout=30) as web:
        data = web.get("/runs.json?sort=-config.lr&filter=config.lr+<+240&page=2").json()
    assert data["total"] == 240
    assert [run["name"] for run in data["runs"]][:1] == ["r139"]
    assert len(data["runs"]) == 100


def test_histograms_of_a_key_show_how_they_moved(runs_web, tracked):
    data = runs_web.get(f"/runs/{tracked[1][0]}.json?tab=media").json()
    over = next(one["over"] for one in data["media"] if one["name"] == "gradients/first")
    assert (over["first"], over["last"]) == ("100", "299")
    assert {cell["x"] for cell in over["cells"]} == {0, 50}
    assert max(cell["shade"] for cell in over["cells"]) == 8
