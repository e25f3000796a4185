import httpx
import numpy as np
import polars as pl
import pytest

from homeostat.data import Profile
from homeostat.record import Record

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def profiled(tmp_path_factory, serving):
    """A site of a record with two versions of a profile, and an artifact that holds none."""
    record = Record(tmp_path_factory.mktemp("profiled"))
    rng = np.random.default_rng(0)
    with record.start_run("ingest", "flights") as run:
        for shift in (0, 2):
            frame = pl.DataFrame(
                {
                    "<i>delay": rng.normal(shift, 1, 500),
                    "carrier": rng.choice(["UA", "B6", "AA"][: 3 - shift // 2], 500),
                    "year": [2013] * 500,
                }
            )
            run.make("june", "profile", {"profile.bin": Profile.of(frame).to_bytes()})
        run.make("notes", "notes", {"notes.txt": b"no profile"})
    with serving(record) as address:
        yield address


@pytest.fixture
def client(profiled):
    with httpx.Client(base_url=profiled, timeout=30) as client:
        yield client


def test_an_artifact_that_holds_a_profile_leads_to_its_page(client):
    page = client.get("/artifacts/june:v1").text
    assert "/profiles?artifact=june%3Av1" in page
    assert "since june:v0" in page
    assert "/profiles" not in client.get("/artifacts/notes:v0").text


def test_the_page_tells_what_stands_out(client):
    answer = client.get("/profiles?artifact=june:v0")
    assert answer.status_code == 200
    assert "is constant: all 500 rows are 2013" in answer.text
    assert "&lt;i&gt;delay" in answer.text
    assert "<i>delay" not in answer.text
    assert " style=" not in answer.text.split("<main", 1)[1]
    checks = [f["check"] for f in client.get("/profiles.json?artifact=june:v0").json()["findings"]]
    assert checks == ["profile.constant"]
    assert client.get("/profiles.csv?artifact=june:v0").text.startswith("check,subject,verdict")


def test_two_versions_are_compared(client):
    page = client.get("/profiles?artifact=june:v0&artifact=june:v1").text
    assert "What changed most" in page
    assert "was -" in page or "was 0" in page
    assert client.get("/profiles?artifact=june:v0&artifact=june:v1&against=previous").is_success
    assert client.get("/profiles?artifact=june:v0&artifact=june:v1&against=next").status_code == 400


def test_what_cannot_be_shown_is_said(client):
    assert "holds no profile" in client.get("/profiles?artifact=notes:v0").text
    assert client.get("/profiles").status_code == 400
    assert client.get("/profiles?artifact=juni").status_code == 404


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_pages_fit_and_keep_the_policy(look, profiled, width, theme):
    tab = look(width, 800, theme)
    for address in ("/profiles?artifact=june:v0", "/profiles?artifact=june:v0&artifact=june:v1"):
        tab.goto(profiled + address)
        tab.locator(".col > summary").first.click()
        assert tab.locator(".col .body").first.is_visible()
        assert tab.evaluate(OVERFLOW) <= 0, address
    assert tab.complaints == []


def test_columns_are_found_and_put_in_order(look, profiled):
    tab = look()
    tab.goto(f"{profiled}/profiles?artifact=june:v0")
    tab.get_by_label("Find a column").fill("CAR")
    assert tab.locator(".col:visible").count() == 1
    tab.get_by_label("Find a column").fill("")
    tab.locator(".tools select").select_option("findings")
    assert tab.locator(".col").first.get_attribute("data-name") == "year"
    tab.get_by_role("button", name="Open or close all").click()
    assert tab.locator(".col[open]").count() == 3
