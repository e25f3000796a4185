import json
import re

import pytest
from playwright.sync_api import expect

from homeostat.core import Finding, Verdict
from homeostat.record import Record

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize(
    ("width", "theme"), [(1280, "light"), (360, "dark")], ids=["wide-light", "phone-dark"]
)
def test_every_page_renders_without_complaint_and_fits(look, site, addresses, width, theme):
    tab = look(width, 740, theme)
    papers = set()
    for address in [*addresses, "/runs?kind=none", "/artifacts?type=model"]:
        tab.goto(site + address)
        assert tab.evaluate(OVERFLOW) <= 0, address
        papers.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert tab.complaints == []
    assert papers == {"rgb(251, 250, 247)" if theme == "light" else "rgb(22, 22, 20)"}


def test_an_empty_record_renders_and_fits_a_phone(look, empty_site):
    tab = look(360, 740)
    for path in (
        "/", "/timeline", "/shift", "/alerts", "/observations", "/evaluation", "/runs",
        "/artifacts", "/findings",
    ):  # fmt: skip
        tab.goto(empty_site + path)
        assert tab.evaluate(OVERFLOW) <= 0, path
        assert tab.locator(".empty pre").inner_text().startswith("homeostat ")
    assert tab.complaints == []


def test_the_theme_can_be_chosen_and_is_kept(look, site):
    tab = look(theme="light")
    tab.goto(site)
    button = tab.locator("#theme")
    assert [button.inner_text() for _ in range(3) if not button.click()] == [
        "Light",
        "Dark",
        "Auto",
    ]
    button.click()
    button.click()
    tab.goto(f"{site}/runs")
    assert tab.locator("html").get_attribute("data-theme") == "dark"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 20)"


def test_each_stage_of_the_loop_leads_to_its_findings(look, site):
    tab = look()
    tab.goto(site)
    stages = tab.locator(".stage")
    assert stages.count() == 11
    assert "1 fail, 1 unknown" in tab.locator(".stage", has_text="Leaks").inner_text()
    tab.get_by_role("link", name="Leaks").click()
    tab.wait_for_url("**/findings?run=*")
    assert tab.locator("tbody tr").count() == 3


def test_runs_are_filtered_and_sorted_in_place(look, site):
    tab = look()
    tab.goto(f"{site}/runs")
    tab.evaluate("window.same = true")
    tab.select_option("#f-kind", "train")
    tab.wait_for_url("**/runs?kind=train")
    expect(tab.locator("tbody tr")).to_have_count(4)
    tab.get_by_role("link", name="Run", exact=True).click()
    expect(tab.locator("th[aria-sort]")).to_have_text("Run ↑")
    expect(tab.locator("tbody a").first).to_have_text("boosted")
    assert tab.evaluate("window.same")
    tab.go_back()
    expect(tab.locator("th[aria-sort]")).to_have_count(0)


def test_the_heat_map_toggles_and_is_walked_by_arrow_keys(look, site):
    tab = look()
    tab.goto(f"{site}/shift")
    first = tab.locator(".heat tbody tr:nth-child(2) .cell").first
    assert "effect" in first.get_attribute("aria-label")
    tab.get_by_role("link", name="Distance", exact=True).click()
    expect(tab.locator(".sum").first).to_have_text("Highest distance")
    expect(tab).to_have_url(re.compile("measure=distance"))
    tab.get_by_role("link", name="Month", exact=True).click()
    expect(tab.locator(".heat tbody tr:last-child .cell")).to_have_count(9)
    tab.locator('.cell[tabindex="0"]').focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    told = tab.locator(".readout").inner_text()
    assert told == tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "month of 1 May 2013: distance" in told


def test_a_cell_of_the_heat_map_leads_to_its_finding(look, site):
    tab = look()
    tab.goto(f"{site}/shift")
    cell = tab.locator('.heat tbody tr:nth-child(2) .cell.alarm[href^="/findings/"]').first
    week = cell.get_attribute("aria-label").partition(" of ")[2].partition(":")[0]
    cell.click()
    tab.wait_for_url("**/findings/**")
    assert tab.locator("h1").inner_text() == "shift.feature"
    assert week.split()[-1] in tab.locator(".big-summary").inner_text()
    assert tab.locator(".evidence table").count() == 1


PAINTED = """() => {
  const canvas = document.querySelector("hs-timeline canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 250) seen.add(data.slice(i, i + 3).join());
  return [...seen];
}"""


def until_painted(tab, colour, *, gone=False):
    """Wait until the timeline shows a colour (empty: any), or shows it no more."""
    tab.wait_for_function(
        f"([colour, gone]) => {{ const seen = ({PAINTED})(); "
        "return (colour ? seen.includes(colour) : seen.length > 0) !== gone; }",
        arg=[colour, gone],
    )


def test_policies_are_toggled_zoomed_and_kept_in_the_address(look, site):
    tab = look()
    tab.goto(f"{site}/timeline")
    never = "31,95,168"
    until_painted(tab, never)
    tab.get_by_role("checkbox", name="never").uncheck(force=True)
    until_painted(tab, never, gone=True)
    expect(tab).to_have_url(re.compile("show=weekly"))
    expect(tab).not_to_have_url(re.compile("show=never"))
    box = tab.locator("hs-timeline canvas").bounding_box()
    tab.mouse.move(box["x"] + 300, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 500, box["y"] + 100, steps=4)
    tab.mouse.up()
    expect(tab).to_have_url(re.compile("from=2013-0"))
    start = tab.locator('[data-field="from"]').input_value()
    tab.reload()
    assert tab.locator('[data-field="from"]').input_value() == start
    assert not tab.get_by_role("checkbox", name="never").is_checked()
    until_painted(tab, "", gone=False)
    until_painted(tab, never, gone=True)
    tab.get_by_role("link", name="AUC").click()
    tab.wait_for_url("**metric=auc**")
    expect(tab).to_have_url(re.compile(f"from={start}"))
    tab.get_by_role("button", name="Whole period").click()
    expect(tab).not_to_have_url(re.compile("from="))
    assert tab.complaints == []


def test_events_below_the_timeline_are_reached_by_keyboard(look, site):
    tab = look()
    tab.goto(f"{site}/timeline?policy=monthly")
    releases = tab.locator(".spots").nth(2)
    assert releases.locator("a.spot").count() == 9
    releases.locator("a.spot").first.focus()
    about = tab.locator(".about")
    first = about.inner_text()
    assert "monthly:v1" in first
    assert "shadow" in first
    tab.keyboard.press("ArrowRight")
    assert "monthly:v2" in about.inner_text()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/findings/**")
    assert tab.locator("h1").inner_text() == "rollout.guardrail"


def test_the_tables_below_the_timeline_hold_what_it_draws(look, site):
    tab = look()
    tab.goto(f"{site}/timeline?policy=weekly")
    tab.locator("#events summary").click()
    assert tab.locator("#events tbody tr").count() > 39 * 4
    tab.locator("#weeks summary").click()
    assert tab.locator("#weeks tbody tr").count() == 39


def test_the_metrics_of_a_run_are_drawn_when_they_come_into_view(look, site, year):
    tab = look(360, 300)
    run = year.runs(kind="replay", name="weekly")["id"][0]
    asked = []
    tab.on("request", lambda request: "/series?" in request.url and asked.append(request.url))
    tab.goto(f"{site}/runs/{run}")
    first = tab.locator("hs-series").first
    first.hover()
    expect(first.locator(".readout")).to_contain_text("2013: 0.")
    assert 0 < len(asked) < 6
    last = tab.locator("hs-series").last
    last.hover()
    expect(last.locator(".readout")).to_contain_text("2013: 9")
    assert len(asked) == 6
    assert tab.complaints == []


def test_lineage_leads_from_a_finding_back_to_a_dataset(look, site, year):
    tab = look()
    finding = year.findings(check="slice.metric")["id"][0]
    tab.goto(f"{site}/findings/{finding}")
    tab.get_by_role("link", name="Lineage of that run").click()
    tab.wait_for_url("**/lineage/**")
    tab.locator(".node a", has_text="flight-features:v0").click()
    tab.wait_for_url("**/artifacts/flight-features**")
    tab.get_by_role("link", name="Lineage").click()
    tab.wait_for_url("**/lineage/**")
    tab.locator(".path").first.get_by_role("link", name="flights-joined:v0").click()
    tab.wait_for_url("**/artifacts/flights-joined**")
    assert "dataset" in tab.locator(".kicker").inner_text()


def test_an_open_page_follows_the_record_as_it_grows(look, tmp_path, serving):
    record = Record(tmp_path)
    record.start_run("train", "first", system="s").finish()
    with serving(record) as address:
        tab = look()
        tab.goto(f"{address}/runs")
        expect(tab.locator(".live")).to_have_attribute("data-state", "on")
        tab.evaluate("window.same = true")
        record.start_run("train", "second", system="s").finish()
        expect(tab.locator("tbody tr")).to_have_count(2, timeout=15_000)
        assert tab.evaluate("window.same")
        assert tab.complaints == []


EVIL = '"><img src=x onerror="window.pwned=1"></script><script>window.pwned=1</script>'


def evil_record(path, a_year):
    """A record in which everything that a user names is an attempt."""
    record = a_year.write_year(path, system=EVIL, days=40)
    with record.start_run("replay", EVIL, system=EVIL, config={EVIL: EVIL, "start": EVIL}) as run:
        for step in range(10):
            run.log({"normalized_entropy": 0.9, EVIL: 1.0 + step}, step)
        evidence = {EVIL: [{EVIL: EVIL}], "shares": {EVIL: 1.0}, "list": [EVIL]}
        words = {"check": EVIL, "subject": EVIL, "summary": EVIL}
        run.find(Finding(**words, verdict=Verdict.FAIL, evidence=evidence))
        run.event("alarm", {"check": EVIL, "subject": EVIL, "summary": EVIL, "verdict": EVIL})
        run.event("promote", {"version": EVIL, "summary": EVIL})
        name = EVIL.replace(":", "")
        run.make(name, "dataset", {EVIL: EVIL.encode()}, {EVIL: EVIL}, aliases=["x<b>"])
        shift = {"scale": EVIL, "windows": [EVIL], "features": [EVIL], "effect": [[0.1]],
                 "verdict": [[EVIL]]}  # fmt: skip
        run.make("evil-shift", "shift-map", {"shift.json": json.dumps(shift).encode()})
    return record, run.id, record.findings(run=run.id)["id"][0], name


def test_markup_in_names_and_summaries_is_inert(look, tmp_path, a_year, serving):
    record, run, finding, name = evil_record(tmp_path, a_year)
    with serving(record) as address:
        tab = look()
        for path in (
            "/", "/timeline", "/shift", "/evaluation", "/runs", f"/runs/{run}", "/artifacts",
            "/findings", f"/findings/{finding}", f"/lineage/{finding}",
        ):  # fmt: skip
            tab.goto(address + path)
            assert tab.evaluate("[window.pwned, document.images.length]") == [None, 0], path
        tab.goto(f"{address}/shift?scale={EVIL.replace('=', '%3D')}")
        assert tab.locator(".heat tbody tr").count() == 1
        tab.goto(f"{address}/artifacts")
        tab.get_by_role("link", name=f"{name}:v0").click()
        tab.wait_for_url("**/artifacts/*img*")
        tab.goto(f"{address}/timeline")
        tab.locator(".spots").first.locator("a").first.focus()
        assert EVIL in tab.locator(".about").inner_text()
        tab.goto(f"{address}/{EVIL}")
        assert tab.evaluate("[window.pwned, document.images.length]") == [None, 0]
        assert [text for text in tab.complaints if "404" not in text] == []
