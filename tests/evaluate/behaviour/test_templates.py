import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import check_functionality, check_templates, fill_templates

SLIDE = "Find me a [CUISINE] restaurant within [NUMBER] miles of [LOCATION]"
SLOTS = {
    "CUISINE": ["Italian", "Thai", "Mexican"],
    "NUMBER": [2, 5, 10],
    "LOCATION": ["downtown", "the office", "home"],
}


def test_the_slides_template_makes_27_distinct_texts_with_where_each_comes_from():
    made = fill_templates(SLIDE, SLOTS)
    assert made.columns == ["text", "template", "CUISINE", "NUMBER", "LOCATION"]
    assert made["text"].n_unique() == 27
    for cuisine, number, place in [
        ("Italian", 2, "downtown"),
        ("Thai", 5, "the office"),
        ("Mexican", 10, "home"),
    ]:
        text = f"Find me a {cuisine} restaurant within {number} miles of {place}"
        (row,) = made.filter(text=text).rows(named=True)
        assert (row["CUISINE"], row["NUMBER"], row["LOCATION"]) == (cuisine, str(number), place)


def test_a_large_product_is_sampled_by_its_seed_without_repeats():
    slots = {f"S{i}": range(100) for i in range(8)}
    template = " ".join(f"[S{i}]" for i in range(8))
    made = fill_templates(template, slots, max_texts=5000, rng=3)
    assert made.height == made["text"].n_unique() == 5000
    assert made.equals(fill_templates(template, slots, max_texts=5000, rng=3))
    assert np.mean(made["S0"].cast(pl.Int64).to_numpy()) == pytest.approx(49.5, abs=2)
    assert fill_templates(SLIDE, SLOTS, max_texts=20).height == 20
    assert fill_templates(SLIDE, SLOTS, max_texts=99).height == 27


def test_several_templates_a_slot_named_twice_and_brackets():
    made = fill_templates(["[A] is [A]", "[[not a slot] [B]", "plain"], {"A": ["x"], "B": [1, 2]})
    assert made["text"].to_list() == ["x is x", "[not a slot] 1", "[not a slot] 2", "plain"]
    assert made["template"].to_list() == [0, 1, 1, 2]
    assert made["B"].to_list() == [None, "1", "2", None]


@pytest.mark.parametrize(
    ("templates", "slots", "says"),
    [
        (SLIDE, SLOTS | {"NUMBER": []}, "list of values"),
        (SLIDE, SLOTS | {"NUMBER": [1, "1"]}, "each once"),
        (SLIDE, SLOTS | {"NUMBER": "abc"}, "list of values"),
        (SLIDE, SLOTS | {"PRICE": [1]}, r"No template has the slot \[PRICE\]"),
        ("a [CUISIN]", SLOTS, r"unknown slot \[CUISIN\].* Did you mean `CUISINE`"),
        ([], {}, "At least one template"),
        ("[text]", {"text": ["a"]}, "cannot be called `text`"),
        ("[A][B]", {"A": range(4000), "B": range(4000)}, "pass `max_texts`"),
    ],
)
def test_a_template_that_does_not_fit_its_slots_is_refused(templates, slots, says):
    with pytest.raises(InputError, match=says):
        fill_templates(templates, slots)


def test_plain_cases_pass_or_show_which_failed_and_where_it_came_from():
    knows = check_templates(lambda texts: ["find" in t.lower() for t in texts], SLIDE, SLOTS, True)
    assert (knows.verdict, knows.evidence["n"]) == (Verdict.OK, 27)
    no_thai = check_templates(lambda texts: ["Thai" not in t for t in texts], SLIDE, SLOTS, True)
    assert no_thai.verdict is Verdict.FAIL
    assert no_thai.statistic == pytest.approx(9 / 27)
    assert no_thai.evidence["examples"][0]["from"]["CUISINE"] == "Thai"
    assert no_thai.evidence["examples"][0]["said"] == "False"


def test_a_sample_of_cases_is_judged_by_its_interval():
    model = lambda texts: ["Thai" not in t for t in texts]  # noqa: E731 - a one-line model
    few = check_templates(model, SLIDE, SLOTS, True, max_texts=20, max_share=0.4)
    assert few.verdict is Verdict.UNKNOWN


def test_cases_of_numbers_classes_and_ranges():
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0]})
    double = lambda rows: rows["x"].to_numpy() * 2  # noqa: E731 - a one-line model
    assert check_functionality(double, frame, [2, 4, 6]).verdict is Verdict.OK
    near = check_functionality(double, frame, [2, 4, 6.5], tolerance=0.6)
    assert near.verdict is Verdict.OK
    within = check_functionality(double, frame, between=(0, 5))
    assert (within.verdict, within.evidence["moved"]) == (Verdict.FAIL, 1)
    assert within.evidence["examples"][0]["said"] == 6.0
    classes = lambda rows: np.tile([0.2, 0.7, 0.1], (len(rows), 1))  # noqa: E731 - likewise
    assert check_functionality(classes, frame, 1).verdict is Verdict.OK
    names = lambda rows: ["cat"] * len(rows)  # noqa: E731 - likewise
    assert check_functionality(names, frame, ["cat", "cat", "dog"]).statistic == pytest.approx(
        1 / 3
    )
    for arguments, says in [
        ({}, "one of `expected` and `between`"),
        ({"expected": 7}, "a class from 0 to 2"),
        ({"expected": [1]}, "one value a row"),
        ({"between": (0, 1)}, "an output a row"),
    ]:
        with pytest.raises(InputError, match=says):
            check_functionality(classes, frame, **arguments)
