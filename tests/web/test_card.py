import json

import httpx
import pytest

from homeostat.core import Finding
from homeostat.loop import keep_card
from homeostat.record import Record

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def carded(tmp_path_factory, serving):
    """A site of a record with a model, its card, and something that is no model."""
    record = Record(tmp_path_factory.mktemp("carded"))
    with record.start_run("train", "<i>late", config={"seed": 1}) as run:
        run.find(Finding(check="calibration.ece", subject="late", verdict="fail",
                         summary="<b>late</b> is far too sure."))  # fmt: skip
        run.log({"auc": 0.8}, step=0)
        model = run.make("late / trains", "model", {"weights": b"1"})
        run.make("notes", "notes", {"notes.txt": b"no model"})
    keep_card(record, model)
    with serving(record) as address:
        yield address


@pytest.fixture
def client(carded):
    with httpx.Client(base_url=carded, timeout=30) as client:
        yield client


ADDRESS = "/models/late%20%2F%20trains/v0/card"


def test_a_model_leads_to_its_card_and_nothing_else_does(client):
    assert f'href="{ADDRESS}"' in client.get("/artifacts/late%20%2F%20trains:v0").text
    assert "Model card" not in client.get("/artifacts/notes:v0").text


def test_the_page_begins_with_what_failed_and_escapes_it(client):
    page = client.get(ADDRESS)
    assert page.status_code == 200
    main = page.text.split("<main", 1)[1]
    assert main.index("far too sure") < main.index("Model details")
    assert "<b>late" not in main
    assert " style=" not in main
    assert "shop-card" not in main
    assert "late / trains-card:v0" in main


def test_the_card_has_its_twins_and_its_style(client):
    told = client.get(f"{ADDRESS}.json").json()
    assert told["title"] == "late / trains:v0"
    assert told["problems"][0]["check"] == "calibration.ece"
    assert client.get(f"{ADDRESS}.csv").text.startswith("check,subject,verdict")
    assert ".mc" in client.get("/card.css").text
    kept = client.get("/file", params={"artifact": "late / trains-card:v0", "name": "card.json"})
    assert json.loads(kept.content)["title"] == told["title"]


def test_what_is_no_model_or_not_there_is_said(client):
    assert client.get("/models/late/v7/card").status_code == 404
    assert client.get("/models/notes/v0/card").status_code == 400
    assert "is of type" in client.get("/models/notes/v0/card").text


def test_a_record_without_models_says_there_is_none(empty_site):
    assert httpx.get(f"{empty_site}/models/late/v0/card", timeout=30).status_code == 404


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_card_fits_and_nothing_complains(look, carded, width, theme):
    tab = look(width=width, theme=theme)
    tab.goto(f"{carded}{ADDRESS}")
    assert tab.evaluate(OVERFLOW) <= 0
    assert tab.complaints == []
    background = tab.evaluate("getComputedStyle(document.querySelector('.mc')).backgroundColor")
    assert (background == "rgb(22, 22, 20)") == (theme == "dark")
