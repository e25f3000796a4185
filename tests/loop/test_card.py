import json

import numpy as np
import pytest
from shop import day, shop

from homeostat.core import GateError, InputError, NotFoundError, SimulatedClock, Verdict
from homeostat.evaluate import Intent, beats, no_worse, slices_at_least
from homeostat.loop import card, keep_card, live, run
from homeostat.record import Record

INTENT = Intent(uses="Warn customers of a late order.", sensitive=("depot",), owner="dispatch")


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A shop that was live for two weeks; not to be written to."""
    with Record(tmp_path_factory.mktemp("lived"), capture=False) as record:
        system = shop(gates=[beats("majority")], intent=INTENT)
        live(system, record, clock=SimulatedClock(day(45)), until=day(54))
        yield record


def test_the_card_of_a_release_has_what_the_round_left(record, now):
    release = run(shop(intent=INTENT), record, clock=now)
    made = card(record, release.model)
    details = {fact.name: fact.value for fact in made.section("Model details").facts}
    assert details["Version"] == "shop:v0"
    assert details["Kind"] == "logistic"
    assert details["Predicts"] == "late"
    assert details["Owner"] == "dispatch"
    assert set(details["Now"]) == {"candidate", "production"}
    assert made.section("Intended use").facts[0].value == INTENT.uses
    data = {fact.name: fact.value for fact in made.section("Training data").facts}
    assert data["Rows fitted on"] == "3,591"
    metrics, phases, *_ = made.section("Quantitative analyses: overall").tables
    assert metrics.rows[0][0] == "logloss"
    assert all(isinstance(row[2], list) for row in metrics.rows)
    assert [row[0] for row in phases.rows] == ["majority", "by depot", "logistic"]
    [by_slice] = made.section("Quantitative analyses: by slice").tables
    assert {row[0] for row in by_slice.rows} == {"depot = east", "depot = west"}
    [sources] = made.section("Lineage").tables
    assert sources.rows[0][0] == "orders"
    assert len(sources.rows[0][3]) == 64
    seeds = {fact.name: fact.value for fact in made.section("Lineage").facts}["Seeds"]
    assert seeds == ("seed: 0",)


def test_each_release_keeps_its_card_and_an_unchanged_one_is_not_kept_twice(record, now):
    release = run(shop(), record, clock=now)
    kept = record.artifact("shop-card:of-v0")
    assert kept.type == "report"
    assert sorted(kept.files) == ["card.html", "card.json", "card.md"]
    assert kept.read("card.json") == card(record, release.model).to_bytes()
    assert keep_card(record, "shop").id == kept.id
    assert record.runs(kind="card").height == 1
    assert kept.id in {node.id for node in record.lineage(release.model.id).nodes}


def test_the_same_record_gives_the_same_bytes(lived):
    for name in ("shop", "shop:v0", "shop:production"):
        assert card(lived, name).to_bytes() == card(lived, name).to_bytes()
    with Record.open(lived.path) as again:
        assert card(again, "shop").to_html() == card(lived, "shop").to_html()


def test_a_system_a_version_and_a_round_name_the_same_model(record, now):
    release = run(shop(), record, clock=now)
    cards = [card(record, one) for one in ("shop", shop(), "shop:v0", release.run_id)]
    assert len({one.to_bytes() for one in cards}) == 1
    again = run(shop(), record, clock=now)
    assert card(record, again.run_id).title == "shop:v0"


def test_a_refused_round_has_a_card_that_begins_with_what_refused_it(record, now):
    with pytest.raises(GateError):
        run(shop(gates=[slices_at_least(min_auc=0.95)]), record, clock=now)
    made = card(record, "shop")
    assert made.verdict is Verdict.FAIL
    assert made.problems[0].check == "slice.metric"
    details = {fact.name: fact.value for fact in made.section("Model details").facts}
    assert details["Version"] is None
    assert details["Kind"] == "logistic"
    with pytest.raises(InputError, match="released no model"):
        keep_card(record, "shop")


def test_the_life_of_a_version_is_what_happened_while_it_answered(lived):
    by_version = {
        json.loads(row["metadata"]).get("version"): f"shop:v{row['version']}"
        for row in lived.artifacts(type="model").iter_rows(named=True)
    }
    made = card(lived, by_version["v0"])
    happened = made.section("Life in production").tables[0]
    kinds = [row[1] for row in happened.rows]
    assert kinds[:3] == ["shadow", "canary", "promote"]
    details = {fact.name: fact.value for fact in made.section("Model details").facts}
    assert details["Kind"] == "logistic"
    assert made.section("Quantitative analyses: overall").tables, "it is the release of the round"
    later = card(lived, by_version["v1"])
    assert later.section("Life in production").tables[0].rows[0][1] == "retrain"
    checks = [one.check for one in later.section("Quantitative analyses: overall").findings]
    assert "rollout.guardrail" in checks
    lineage = {fact.name: fact.value for fact in later.section("Lineage").facts}
    assert lineage["Seeds"] == ("seed: 0",)
    promoted = [row["aliases"] for row in lived.artifacts(type="report").iter_rows(named=True)]
    assert len(promoted) >= 3, "the release, what answered at first, and what was promoted"


def test_a_model_of_any_run_has_a_card_of_what_that_run_said(record):
    with record.start_run("train", "mine", config={"seed": 3}) as made:
        made.log({"auc": 0.8}, step=0)
        model = made.make("mine", "model", {"weights": b"1"})
        data = made.make("rows", "dataset", {"rows": b"1"})
    about = card(record, model)
    assert about.section("Quantitative analyses: overall").tables[0].rows == (
        ("auc", 0.8, None, None),
    )
    assert {f.name: f.value for f in about.section("Lineage").facts}["Seeds"] == ("seed: 3",)
    assert card(record, made.id).to_bytes() == about.to_bytes()
    with pytest.raises(InputError, match="is of type `dataset`"):
        card(record, data)


def test_what_is_not_there_is_named(record, now):
    run(shop(), record, clock=now)
    with pytest.raises(NotFoundError, match="Did you mean `shop`"):
        card(record, "shoop")
    with pytest.raises(NotFoundError, match="no version or alias `v9`"):
        card(record, "shop:v9")


def in_production(record, frozen, number):
    """Go round on a later day, with a gate against what is in production."""
    return run(shop(gates=[frozen]), record, clock=SimulatedClock(day(number)))


def test_current_is_the_model_in_production_not_a_simpler_one(record, now):
    run(shop(gates=[beats("current")]), record, clock=now)  # nothing is in production yet
    with pytest.raises(GateError) as told:
        in_production(record, beats("current"), 57)
    [found] = told.value.findings
    assert found.check == "compare.beats"
    assert "than current" in found.summary or "from current" in found.summary
    release = in_production(record, no_worse("current", margin=0.02), 57)
    assert release.model.reference == "shop:v1"
    [gates] = record.runs(kind="gates", parent=release.run_id)["id"]
    [found] = record.found(gates)
    assert found.check == "compare.no_worse"
    assert abs(found.effect) < 0.02, "two logistic models, not one and a constant"


def test_a_round_that_makes_the_same_model_again_passes_as_before(record, now):
    first = run(shop(gates=[beats("current")]), record, clock=now)
    again = run(shop(gates=[beats("current")]), record, clock=now)
    assert again.cached
    assert again.model.id == first.model.id


def test_production_that_saw_all_the_rows_cannot_be_compared_and_blocks(record, now):
    later = run(shop(), record, clock=SimulatedClock(day(57)))
    assert "production" in record.artifact(later.model.id).aliases
    with pytest.raises(GateError) as told:
        in_production(record, no_worse("current"), 40)
    [found] = told.value.findings
    assert found.verdict is Verdict.UNKNOWN
    assert "was trained until 2024-0" in found.summary


def test_simpler_is_the_phase_that_the_best_one_replaced(record, now):
    release = run(shop(gates=[beats("simpler")]), record, clock=now)
    [gates] = record.runs(kind="gates", parent=release.run_id)["id"]
    [found] = record.found(gates)
    assert found.verdict is Verdict.OK
    assert "than simpler" in found.summary
    assert np.isfinite(found.effect)
