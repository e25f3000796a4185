import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import FitLedger, GateError, InputError, TrackedRows
from homeostat.evaluate import Recalibration, compare_calibration, recalibrate


def sharp(rng, n):
    p = rng.random(n)
    return (rng.random(n) < p).astype(int), p**2 / (p**2 + (1 - p) ** 2)


def tracked(keys, part=""):
    return TrackedRows.of(pl.DataFrame({"id": keys}), key=["id"], part=part)


@pytest.mark.parametrize("how", ["temperature", "platt", "beta", "isotonic"])
def test_every_method_makes_too_sure_probabilities_right_on_other_rows(how):
    rng = np.random.default_rng(0)
    fitted = recalibrate(*sharp(rng, 20_000), how=how)
    label, p = sharp(rng, 20_000)
    table = compare_calibration(label, {"as is": p, how: fitted(p)})
    before, after = table.frame["ece_debiased"]
    assert before > 0.08
    assert after < 0.012
    assert table.findings[0].verdict.value == "ok"
    assert Recalibration.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


@pytest.mark.parametrize("how", ["temperature", "vector", "platt", "beta", "isotonic"])
def test_every_method_takes_several_classes(how):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 8000)
    label = (rng.random(8000)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    bad = p**2 / (p**2).sum(axis=1, keepdims=True)
    fitted = recalibrate(label[:4000], bad[:4000], how=how)
    given = {"as is": bad[4000:], how: fitted(bad[4000:])}
    for kind in ("top-label", "classwise"):
        table = compare_calibration(label[4000:], given, kind=kind)
        assert table.frame["kind"].to_list() == [kind, kind]
        assert table.frame["ece"][1] < table.frame["ece"][0] / 2
    back = Recalibration.from_json(json.loads(json.dumps(fitted.to_json())))
    assert np.array_equal(back(bad), fitted(bad))


def test_rows_of_training_and_test_are_refused_and_the_fit_is_written_down():
    label, p = sharp(np.random.default_rng(0), 100)
    for part in ("train", "test"):
        with pytest.raises(GateError, match=f"of the {part} part"):
            recalibrate(label, p, rows=tracked(np.arange(100), part))
    train, kept = tracked(np.arange(500)), tracked(np.arange(500, 600), "validation")
    ledger = FitLedger({"train": train.own, "validation": kept.own})
    ledger.record("model", train)
    recalibrate(label, p, rows=kept, ledger=ledger)
    assert ledger.fits[-1].name == "recalibration (temperature)"
    assert ledger.fits[-1].saw == kept.own
    with pytest.raises(GateError, match="seen in training"):
        recalibrate(label, p, rows=tracked(np.arange(450, 550)), ledger=ledger)


def test_rows_that_are_the_test_by_the_ledger_are_refused_though_they_do_not_say_so():
    label, p = sharp(np.random.default_rng(0), 100)
    rows = tracked(np.arange(100))
    ledger = FitLedger({"test": rows.own})
    with pytest.raises(GateError, match="100 of 100 test"):
        recalibrate(label, p, rows=rows, ledger=ledger)


def test_copies_are_refused():
    label, p = sharp(np.random.default_rng(0), 3)
    rows = tracked([1, 2]).take(np.array([0, 0, 1]))
    with pytest.raises(GateError, match="1 of 3 are copies"):
        recalibrate(label, p, rows=rows)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: recalibrate([0, 1], [0.2, 0.8], how="sigmoid"), "one of platt"),
        (lambda: recalibrate([0, 1], [0.2, 0.8], how="vector"), "several classes"),
        (lambda: recalibrate([1, 1], [0.2, 0.8]), "both classes"),
        (lambda: recalibrate([0, 1], [0.2, 1.8]), r"\[0, 1\]"),
        (lambda: recalibrate([0, 1], [0.2, 0.8], ledger=FitLedger()), "pass `rows`"),
        (lambda: recalibrate([0, 1], [0.2, 0.8], rows=tracked([1])), "2 labels, and 1 rows"),
        (lambda: recalibrate([0, 1], [0.2, 0.8])([[0.5, 0.5]]), "1 column"),
        (lambda: compare_calibration([0, 1], {}), "got none"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_a_map_that_changes_nothing_is_not_shown_to_be_better():
    rng = np.random.default_rng(0)
    p = rng.random(3000)
    label = rng.random(3000) < p
    table = compare_calibration(label, {"as is": p, "shaken": np.clip(p + 0.001, 0, 1)})
    assert table.findings[0].verdict.value == "warn"
    assert "not shown" in table.findings[0].summary


def test_the_table_as_text_says_which_error_it_is():
    rng = np.random.default_rng(0)
    label, p = sharp(rng, 2000)
    fitted = recalibrate(*sharp(rng, 2000))
    table = compare_calibration(label, {"as is": p, "temperature": fitted(p)})
    text = table.to_text()
    assert text.startswith("ECE over 2,000 rows")
    assert "by chance" in text
    assert "shown to be lower" in text


def test_the_plot_is_one_image_with_a_tip_a_point_and_colours_for_both_themes():
    label, p = sharp(np.random.default_rng(0), 2000)
    made = compare_calibration(label, {"a < b": p}).to_svg(title="x & y")
    from xml.etree import ElementTree as ET

    root = ET.fromstring(made)
    assert "light-dark(" in made
    assert root.attrib["aria-label"] == "x & y"
    tips = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("a < b: predicted" in tip for tip in tips)
    assert "nan" not in made


def test_blocks_widen_the_intervals_of_the_table():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(40), 50)
    z = rng.normal(size=2000)
    label = rng.random(2000) < 1 / (1 + np.exp(-(z + rng.normal(size=40)[day])))
    p = 1 / (1 + np.exp(-z))
    width = []
    for blocks in (None, day):
        frame = compare_calibration(label, {"as is": p}, blocks=blocks).frame
        width.append((frame["ece_high"] - frame["ece_low"])[0])
        width.append((frame["log_loss_high"] - frame["log_loss_low"])[0])
    assert width[2] > width[0]
    assert width[3] > 1.1 * width[1]
