"""The checklist says what the record knows, asks what it cannot know, and invents nothing."""

import pytest

from homeostat.core import InputError, NotFoundError
from homeostat.record import Record
from homeostat.reproduce import checklist


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path, capture=False) as record:
        with record.start_run("ingest", "load") as run:
            about = {"rows": 100, "url": "https://example.org/rows.csv"}
            run.make("rows", "dataset", {"a.csv": b"1,2"}, metadata=about)
        yield record


def train(record, seed, loss, **config):
    with record.start_run("train", config={"seed": seed, **config}) as run:
        run.use("rows")
        run.log({"loss": loss})
        run.make("delay", "model", {"m": str((seed, loss)).encode()}, {"model": "trees"})
    return run.id


def items(found):
    return {item.key: item for item in found.items}


def test_runs_that_differ_in_their_seed_alone_make_one_row_with_a_spread(record):
    runs = [train(record, seed, loss, rate=0.1) for seed, loss in ((1, 1.0), (2, 2.0), (3, 3.0))]
    runs += [train(record, 1, 5.0, rate=0.2), train(record, 2, 5.5, rate=0.2)]
    found = checklist(record, runs)
    assert [(one.name, len(one.runs)) for one in found.groups] == [("rate=0.1", 3), ("rate=0.2", 2)]
    spread = found.groups[0].results["loss"]
    assert (spread.mean, spread.deviation, spread.runs) == (2.0, 1.0, 3)
    text = found.markdown()
    assert "| rate=0.1 | 2.0 ± 1.0 (sd of 3 runs) |" in text
    assert "5 runs (5 finished) of 2 configurations." in text
    assert items(found)["result.variation"].state == "known"
    assert "rate = 0.1, 0.2" in items(found)["result.hyperparameters"].answer


def test_what_the_record_has_is_filled_and_what_nobody_captured_is_missing(record):
    found = items(checklist(record, [train(record, 1, 1.0)]))
    assert len(found) == 21
    assert "rows 100" in found["data.statistics"].answer
    assert "https://example.org/rows.csv" in found["data.link"].answer
    assert "made by ingest load" in found["data.preprocessing"].answer
    assert found["code.models"].answer == "In the record: delay:v0."
    missing = {key for key, item in found.items() if item.state == "missing"}
    assert missing == {
        "data.splits", "code.dependencies", "code.training", "code.evaluation",
        "result.variation", "result.infrastructure",
    }  # fmt: skip
    asked = {key for key, item in found.items() if item.state == "asked"}
    assert asked == {
        "model.assumptions", "model.complexity", "theory.statement", "theory.proof",
        "data.collection", "result.metrics",
    }  # fmt: skip


def test_it_is_red_until_nothing_is_missing_and_answers_are_taken(record):
    runs = [train(record, seed, 1.0 + seed, split="time") for seed in (1, 2)]
    found = checklist(record, runs, answers={"model.assumptions": "Flights are independent."})
    assert not found.ok
    said = items(found)["model.assumptions"]
    assert (said.state, said.answer) == ("answered", "Flights are independent.")
    missing = [item.key for item in found.items if item.state == "missing"]
    answers = dict.fromkeys(missing, "Told.")
    assert checklist(record, runs, answers=answers).ok


def test_a_run_that_failed_is_no_result(record):
    with pytest.raises(ZeroDivisionError), record.start_run("train") as run:
        1 / 0  # noqa: B018 - that it fails is the point
    item = items(checklist(record, [run.id]))["result.runs"]
    assert item.state == "missing"
    assert "1 failed" in item.answer


def test_no_run_an_unknown_run_and_an_answer_to_no_item_are_refused(record):
    with pytest.raises(InputError, match="at least one run"):
        checklist(record, [])
    with pytest.raises(NotFoundError):
        checklist(record, ["nothing"])
    with pytest.raises(InputError, match=r"got model\.colour"):
        checklist(record, [train(record, 1, 1.0)], answers={"model.colour": "blue"})
