import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import BehaviourSuite, BehaviourTest

N = 600
FRAME = pl.DataFrame(
    {
        "sex": ["f", "m"] * (N // 2),
        "age": np.arange(N) % 60,
        "region": pl.Series(["north", "south", None] * (N // 3)),
    }
)
SUITE = {
    "name": "people",
    "tests": [
        {"test": "invariance", "column": "sex", "max_share": 0.02},
        {"test": "directional", "column": "age", "rises": "up"},
        {"test": "perturbation", "perturbation": "noise", "columns": ["age"], "bears": 0.01},
        {"test": "cases", "name": "the old", "rows": [{"sex": "f", "age": 59}], "expected": 1},
    ],
}


def biased_in_the_north(rows):
    north = np.zeros(len(rows), dtype=bool)
    if "region" in rows.columns:
        north = (rows["region"] == "north").fill_null(value=False).to_numpy()
    return 0.6 * rows["age"].to_numpy().clip(0, 60) / 60 + 0.3 * (
        (rows["sex"] == "m").to_numpy() & north
    )


def test_a_suite_is_json_and_comes_back_the_same(tmp_path):
    suite = BehaviourSuite.from_json(SUITE)
    assert [test.name for test in suite.tests] == [
        "invariance sex", "directional age", "perturbation noise", "the old",
    ]  # fmt: skip
    suite.save(tmp_path / "suite.json")
    assert BehaviourSuite.load(tmp_path / "suite.json") == suite
    assert BehaviourSuite.from_json(json.loads(json.dumps(suite.to_json()))) == suite
    told = BehaviourTest.of("templates", templates="[A]", slots={"A": ["x"]}, name="greetings")
    assert BehaviourTest.from_json(told.to_json()) == told


def test_every_test_of_a_suite_is_run_and_its_findings_carry_its_name():
    found = BehaviourSuite.from_json(SUITE).run(biased_in_the_north, FRAME)
    assert [one.evidence["test"] for one in found] == [
        "invariance sex", "directional age", "perturbation noise", "the old",
    ]  # fmt: skip
    assert [one.check for one in found] == [
        "behaviour.invariance", "behaviour.directional", "behaviour.perturbation",
        "behaviour.functionality",
    ]  # fmt: skip
    assert found[0].verdict is Verdict.FAIL


def test_per_slice_a_bias_is_found_where_it_is_and_missing_is_a_slice():
    test = BehaviourTest.of("invariance", column="sex")
    found = test.run(biased_in_the_north, FRAME, by="region")
    assert {one.subject: one.verdict for one in found} == {
        "sex | region = (missing)": Verdict.OK,
        "sex | region = north": Verdict.FAIL,
        "sex | region = south": Verdict.OK,
    }
    assert found[0].evidence["level"] == pytest.approx(1 - 0.05 / 3)
    by_array = test.run(biased_in_the_north, FRAME, by=np.arange(N) % 2)
    assert [one.subject for one in by_array] == ["sex | slice = 0", "sex | slice = 1"]


def test_labels_and_blocks_reach_the_checks_of_a_slice():
    test = BehaviourTest.of("perturbation", perturbation="noise", columns="age", max_drop=0.2)
    label = (FRAME["age"] > 30).to_numpy()
    found = test.run(
        lambda f: f["age"].to_numpy().clip(0, 60) / 60,
        FRAME,
        label=label,
        by="sex",
        blocks=np.arange(N) // 10,
    )
    assert [one.verdict for one in found] == [Verdict.OK, Verdict.OK]
    assert "score" in found[0].evidence["curve"][0]


def test_texts_can_be_tested_too():
    suite = BehaviourSuite(
        "reviews",
        [
            BehaviourTest.of("perturbation", perturbation="typos", bears=1, max_share=0.5),
            BehaviourTest.of("words", words="names"),
            BehaviourTest.of("phrases", phrases=["I love it."]),
            BehaviourTest.of(
                "templates", templates="a [X] film", slots={"X": ["good"]}, expected=1
            ),
        ],
    )
    model = lambda texts: [0.9 if "good" in t else 0.2 for t in texts]  # noqa: E731 - one line
    found = suite.run(model, ["Anna saw a good film."] * 200)
    assert [one.verdict for one in found] == [Verdict.OK] * 4


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: BehaviourTest.of("invariant", column="sex"), "Did you mean `invariance`"),
        (lambda: BehaviourTest.of("invariance", colum="sex"), "no setting `colum`"),
        (lambda: BehaviourTest.of("invariance"), "needs the setting `column`"),
        (lambda: BehaviourTest.of("invariance", predict=1), "no setting `predict`"),
        (lambda: BehaviourTest.from_json({"column": "sex"}), "names its kind"),
        (lambda: BehaviourSuite.from_json({"name": "x"}), "list of `tests`"),
        (lambda: BehaviourSuite.from_json({"tests": [SUITE["tests"][0]] * 2}), "name them"),
        (lambda: BehaviourSuite.load("/nowhere.json"), "cannot be read"),
        (lambda: BehaviourTest.of("invariance", column="sex").run(len), "needs rows"),
        (lambda: BehaviourTest.of("invariance", column="sex").run(len, FRAME, by="x"), "slice by"),
        (
            lambda: BehaviourTest.of("invariance", column="sex").run(len, FRAME, by="age"),
            "At most 50 slices",
        ),
        (
            lambda: BehaviourTest.of("invariance", column="sex").run(len, FRAME, by=[1]),
            "one value a row",
        ),
    ],
)
def test_what_is_not_a_suite_is_refused_in_a_sentence(make, says):
    with pytest.raises(InputError, match=says):
        make()
