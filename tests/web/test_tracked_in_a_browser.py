import re
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import expect

from homeostat.media import Image, Table
from homeostat.record import Record

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAINTED = """(canvas) => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 100) seen.add(data.slice(i, i + 3).join());
  return [...seen];
}"""
BLUE, FAIL = "31,95,168", "189,48,16"


def own(complaints):
    """What the pages themselves complain of, not the page that a run logged."""
    return [text for text in complaints if "connect-src" not in text and "/runs.json" not in text]


@pytest.mark.parametrize(
    ("width", "theme"), [(1280, "light"), (360, "dark")], ids=["wide-light", "phone-dark"]
)
def test_pages_of_tracked_runs_render_without_complaint_and_fit(
    look, tracked_site, tracked_addresses, width, theme
):
    tab = look(width, 740, theme)
    for address in tracked_addresses:
        tab.goto(tracked_site + address)
        assert tab.evaluate(OVERFLOW) <= 0, address
        assert tab.locator("h1").count() == 1, address
    assert own(tab.complaints) == []


def test_a_curve_is_zoomed_by_dragging_and_asks_for_the_finer_points(look, tracked_site, tracked):
    tab = look()
    asked = []
    tab.on("request", lambda request: "/series?" in request.url and asked.append(request.url))
    tab.goto(f"{tracked_site}/runs/{tracked[1][0]}")
    chart = tab.locator("hs-series").first
    canvas = chart.locator("canvas")
    canvas.hover()
    expect(chart.locator(".readout")).to_contain_text("step")
    assert BLUE in canvas.evaluate(PAINTED)
    box = canvas.bounding_box()
    middle = box["x"] + 48 + (box["width"] - 56) / 2
    tab.mouse.move(middle - 20, box["y"] + 60)
    tab.mouse.down()
    tab.mouse.move(middle + 20, box["y"] + 60, steps=3)
    tab.mouse.up()
    expect(chart.locator(".readout")).to_contain_text("step 1")
    low, high = (
        float(asked[-1].partition(f"{key}=")[2].partition("&")[0]) for key in ("low", "high")
    )
    assert 120 < low < 150 < high < 180
    expect(tab).to_have_url(re.compile("from=1"))
    asked.clear()
    tab.reload()
    canvas.hover()
    expect(chart.locator(".readout")).to_contain_text("step")
    assert all("low=1" in url for url in asked)
    canvas.focus()
    tab.keyboard.press("0")
    expect(tab).not_to_have_url(re.compile("from="))
    tab.keyboard.press("ArrowRight")
    expect(chart.locator(".readout")).to_contain_text("step")
    tab.keyboard.press("+")
    expect(tab).to_have_url(re.compile("from="))
    assert tab.complaints == []


def test_a_run_that_broke_is_seen_to_have(look, tracked_site, tracked):
    tab = look()
    tab.goto(f"{tracked_site}/runs/{tracked[1][3]}")
    chart = tab.locator('hs-series[id="m-train/loss"]')
    chart.locator("canvas").hover(position={"x": 350, "y": 60})
    expect(chart.locator(".readout")).to_contain_text("NaN")
    assert FAIL in chart.locator("canvas").evaluate(PAINTED)
    expect(tab.locator("figure", has=chart).locator(".verdict")).to_have_text("100 NaN")
    tab.get_by_role("link", name="Logarithmic scale").click()
    expect(chart).to_have_attribute("data-scale", "log")
    expect(tab.get_by_role("link", name="Linear scale")).to_be_visible()


def test_an_open_run_grows_in_place_and_stays_as_it_is_zoomed(look, tmp_path, serving):
    record = Record(tmp_path, capture=False)
    with record.start_run("train", "long", system="s") as run, serving(record) as address:
        for step in range(50):
            run.log({"loss": 1.0 / (step + 1)}, step)
        tab = look()
        tab.goto(f"{address}/runs/{run.id}?from=0&to=400")
        chart = tab.locator("hs-series")
        chart.locator("canvas").hover()
        expect(chart.locator(".readout")).to_contain_text("step 49")
        tab.evaluate("window.chart = document.querySelector('hs-series')")
        for step in range(50, 300):
            run.log({"loss": 1.0 / (step + 1)}, step)
        expect(chart).to_have_attribute("data-n", "300", timeout=15_000)
        chart.locator("canvas").hover()
        expect(chart.locator(".readout")).to_contain_text("step 1")
        assert tab.evaluate("window.chart === document.querySelector('hs-series')")
        expect(tab).to_have_url(re.compile("from=0&to=400"))
        assert tab.complaints == []


def test_runs_are_filtered_as_one_writes_and_the_ticked_compared(look, tracked_site):
    tab = look()
    tab.goto(f"{tracked_site}/runs")
    tab.evaluate("window.same = true")
    tab.fill("#f-filter", "config.lr <")
    tab.keyboard.press("Enter")
    expect(tab.locator("#problem")).to_contain_text("needs a value")
    tab.fill("#f-filter", "config.seed < 3")
    tab.keyboard.press("Enter")
    expect(tab.locator("tbody tr")).to_have_count(3)
    tab.get_by_role("link", name="val/auc").click()
    expect(tab.locator("th[aria-sort]")).to_have_text("val/auc ↑")
    assert tab.evaluate("window.same")
    tab.get_by_label("Compare net-0").check()
    tab.get_by_label("Compare net-2").check()
    tab.get_by_role("button", name="Compare the ticked").click()
    tab.wait_for_url("**/compare?run=*")
    expect(tab.locator(".legend li")).to_have_count(2)


def test_a_column_is_chosen_by_ticking_it(look, tracked_site):
    tab = look()
    tab.goto(f"{tracked_site}/runs")
    tab.get_by_text("Columns", exact=True).click()
    tab.get_by_label("config.optimizer").check()
    expect(tab.get_by_role("columnheader", name="optimizer")).to_be_visible()
    expect(tab).to_have_url(re.compile("columns=config.optimizer"))
    expect(tab.locator("#choose")).to_have_attribute("open", "")


def test_overlaid_curves_name_the_run_that_is_pointed_at(look, tracked_site, tracked):
    tab = look()
    tab.goto(f"{tracked_site}/compare?" + "&".join(f"run={run}" for run in tracked[1]))
    chart = tab.locator('hs-series[id="c-train/loss"]')
    chart.locator("canvas").hover(position={"x": 100, "y": 60})
    expect(chart.locator(".readout")).to_contain_text("net-")
    assert len([one for one in chart.locator("canvas").evaluate(PAINTED) if one == BLUE]) == 1
    tab.get_by_label("Leave out net-0", exact=True).click()
    expect(tab.locator(".legend li")).to_have_count(11)
    tab.select_option("#f-x", "config.seed")
    expect(tab.locator("svg.chart").first).to_have_attribute(
        "aria-label", "summary.val/auc against config.seed, 11 runs"
    )
    assert tab.complaints == []


def test_a_mask_is_painted_over_its_picture(look, tracked_site, tracked):
    tab = look()
    tab.goto(f"{tracked_site}/runs/{tracked[1][0]}")
    tab.get_by_role("link", name="Media").click()
    canvas = tab.locator("hs-mask canvas").first
    canvas.scroll_into_view_if_needed()
    drawn = f"canvas => ({PAINTED})(canvas).length === 2"
    tab.wait_for_function(drawn, arg=canvas.element_handle())
    assert tab.locator(".picture rect title").first.text_content() == "car, p 0.9"
    tab.get_by_role("link", name="← Earlier").click()
    tab.wait_for_url("**step=100")
    expect(tab.locator("figcaption", has_text="sample 100.0")).to_be_visible()


def test_a_logged_page_runs_in_a_place_of_its_own(look, tracked_site, tracked):
    tab = look()
    tab.goto(f"{tracked_site}/runs/{tracked[1][0]}?tab=media")
    tab.locator("iframe").scroll_into_view_if_needed()
    inside = tab.frame_locator("iframe")
    expect(inside.locator("p")).to_have_text("a report")
    frame = tab.frames[1]
    assert frame.title() == "ran"
    assert frame.evaluate("self.origin") == "null"
    assert any("connect-src" in text for text in tab.complaints)
    assert own(tab.complaints) == []


def test_rows_of_a_table_are_asked_for_in_place(look, tracked_site, tracked):
    tab = look()
    tab.goto(f"{tracked_site}/runs/{tracked[1][0]}?tab=media")
    tab.get_by_role("link", name="Open the table").click()
    tab.wait_for_url("**/tables/**")
    tab.evaluate("window.same = true")
    tab.fill("#f-filter", "guess != truth")
    tab.keyboard.press("Enter")
    expect(tab.locator(".lede")).to_have_text("30 of 120 rows")
    tab.get_by_role("link", name="score").click()
    expect(tab.locator("th[aria-sort]")).to_have_text("score ↑")
    tab.get_by_role("link", name="What is taken for what").click()
    expect(tab.get_by_role("region", name="Confusions").locator("tbody tr")).to_have_count(3)
    tab.select_option("#f-group", "truth")
    expect(tab.locator(".lede")).to_contain_text("3")
    assert tab.evaluate("window.same")
    assert tab.evaluate("document.querySelector('img.thumb').naturalWidth") == 8
    assert own(tab.complaints) == []


EVIL = '"><img src=x onerror="window.pwned=1"></script><script>window.pwned=1</script>'


def test_markup_in_what_a_run_logged_is_inert(look, tmp_path, serving):
    record = Record(tmp_path, capture=False)
    ids = []
    for number in range(2):
        about = {"tags": [EVIL], "notes": EVIL, "group": EVIL}
        config = {EVIL: number, "text": EVIL}
        with record.start_run("train", EVIL, system="s", config=config, about=about) as run:
            for step in range(5):
                run.log({EVIL: float(step), f"{EVIL}/loss": 1.0}, step)
            run.log_system({f"system.{EVIL}": 1.0})
            run.log_system({f"system.{EVIL}": 2.0})
            run.console(EVIL, "stderr")
            run.update(summary={EVIL: EVIL, "result": number})
            table = Table(columns=["id", EVIL], data=[[1, EVIL], [2, "b"]])
            run.log_row({EVIL: table.to_row(run.put), "remark": EVIL}, 4)
            picture = Image(np.zeros((4, 4, 3), np.uint8), caption=EVIL)
            run.log_row({"picture": picture.to_row(run.put)}, 4)
        ids.append(run.id)
    with serving(record) as address:
        tab = look()
        both = f"/compare?run={ids[0]}&run={ids[1]}"
        table = f"/tables/{ids[0]}?key={quote(EVIL)}"
        parts = [f"/runs/{ids[0]}?tab={tab_}" for tab_ in ("media", "console", "machine", "code")]
        for path in [
            "/runs", f"/runs?filter={quote(EVIL)}", f"/runs/{ids[0]}", *parts, both, table,
            f"{table}&filter={quote(EVIL)}", f"{table}&group={quote(EVIL)}",
        ]:  # fmt: skip
            tab.goto(address + path)
            alien = 'img:not([src^="/media/"])'
            seen = tab.evaluate(f"[window.pwned, document.querySelectorAll('{alien}').length]")
            assert seen == [None, 0], path
        tab.goto(f"{address}{table}&sort={quote(EVIL)}")
        assert tab.locator("tbody tr").count() == 2
