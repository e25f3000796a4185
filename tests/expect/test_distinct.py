"""Rules on a text column of few distinct texts say what they say of each row on its own."""

import re

import numpy as np
import polars as pl
import pytest

from homeostat.expect import Suite

V = "expect_column_values_to_"
ROWS = 12_000
LISTED = ["UA", "AA", "", "as long as can be"]
RULES = {
    "be_in_set": ({"value_set": LISTED}, lambda text: text in LISTED),
    "not_be_in_set": ({"value_set": ["DL", "?"]}, lambda text: text not in {"DL", "?"}),
    "match_regex": ({"regex": "^[A-Za-z]"}, re.compile("^[A-Za-z]").search),
    "not_match_regex": ({"regex": "[0-9]"}, lambda text: not re.search("[0-9]", text)),
    "be_json_parseable": ({}, str.isdigit),
    "match_strftime_format": ({"strftime_format": "%Y"}, re.compile(r"\d{4}$").match),
}
TEXTS = {
    "all fit": (["UA", "AA"], 0),
    "some are null": (["UA", "AA", None], 0),
    "one is odd": (["UA", "AA"], 1),
    "many are odd": (["UA", "DL", "", "2013", "?", "é1"], 50),
    "more than a few": ([f"A{n}" for n in range(40)], 7),
    "all are null": ([None], 0),
    "each is another": ([f"A{n}" for n in range(ROWS)], 3),
}


def column(kinds, odd):
    rng = np.random.default_rng(len(kinds))
    texts = [kinds[at] for at in rng.integers(0, len(kinds), ROWS)]
    for at in rng.choice(ROWS, odd, replace=False):
        texts[at] = rng.choice(["9", "?", "UA ", "an odd text of some length"])
    return texts


@pytest.mark.parametrize("case", TEXTS)
@pytest.mark.parametrize("lazy", [False, True])
def test_rules_on_texts_count_each_row_and_show_the_first_that_break_them(case, lazy):
    texts = column(*TEXTS[case])
    frame = pl.DataFrame({"s": pl.Series(texts, dtype=pl.String), "n": range(ROWS)})
    suite = Suite("texts").expect("expect_column_value_lengths_to_be_between", "s", min_value=2)
    for name, (arguments, _) in RULES.items():
        suite = suite.expect(f"{V}{name}", "s", **arguments)
    _, *found = suite.check(frame.lazy() if lazy else frame)
    tests = [lambda text: len(text) >= 2, *(test for _, test in RULES.values())]
    for finding, test in zip(found, tests, strict=True):
        judged = [(at, text) for at, text in enumerate(texts) if text is not None]
        broken = [(at, text) for at, text in judged if not test(text)]
        if not judged:
            assert finding.verdict == "unknown"
            continue
        assert (finding.evidence["judged"], finding.evidence["broken"]) == (
            len(judged), len(broken),
        ), finding.check  # fmt: skip
        shown = [(one["row"], one["values"]["s"]) for one in finding.evidence["examples"]]
        assert shown == broken[:5]


def test_a_condition_on_rows_still_narrows_a_rule_on_texts():
    frame = pl.DataFrame({"s": ["UA", "AA"] * 5_000 + ["9"], "n": [*range(10_000), -1]})
    suite = Suite("texts").expect(f"{V}match_regex", "s", regex="^[A-Z]")
    suite = suite.expect(f"{V}match_regex", "s", regex="^[A-Z]", row_condition="n >= 0")
    assert [one.verdict for one in suite.check(frame)[1:]] == ["fail", "ok"]
