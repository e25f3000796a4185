import ast
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from homeostat.evaluate import perturb
from homeostat.importance import gains
from homeostat.stats import homogeneity, kolmogorov_p, ks_distance

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in (ROOT / "docs/known-answers.md").read_text().splitlines()
    if re.match(r"\| \d", line)
]


@cache
def held_by(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_all_28_answers_are_in_the_table():
    assert [int(row[0]) for row in ROWS] == list(range(1, 29))
    assert {len(row) for row in ROWS} == {5}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_answer_is_held_by_a_test_that_is_there_or_said_to_be_missing(row):
    named = re.findall(r"`(tests/[^`]+)::(\w+)`", row[4])
    if not named:
        assert row[4] == "not yet: augmentation"
    for path, name in named:
        assert name in held_by(path), f"{path} has no {name}"


def test_drawn_out_words_have_three_equal_letters_in_a_row_and_are_otherwise_the_same():
    said = ["a long way to go", "I'm so happy to be here"]
    drawn = list(perturb(said, "elongation", 0.9, rng=0))
    for before, after in zip(said, drawn, strict=True):
        assert re.search(r"(.)\1{2,}", after)
        assert re.sub(r"(.)\1{2,}", r"\1", after) == before
    assert re.fullmatch(r"lo{2,}ng", "loooooooooong")
    assert re.search(r"(.)\1{2,}", "looking") is None


def test_totals_of_xgboost_are_means_times_counts_and_an_unused_feature_is_zero():
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    x[:, 2] = 1.0  # nothing can be split by a constant
    y = (x[:, 0] + 0.5 * x[:, 1] > 0) * 1.0
    booster = xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(x, y), 2)
    table = gains(booster)
    theirs = {
        kind: booster.get_score(importance_type=kind)
        for kind in ("weight", "gain", "cover", "total_gain", "total_cover")
    }
    assert all("f2" not in scores for scores in theirs.values())
    for kind, scores in theirs.items():
        assert table[kind].to_list() == pytest.approx([scores["f0"], scores["f1"], 0], rel=5e-6)
    for name in ("f0", "f1"):
        count = theirs["weight"][name]
        assert theirs["total_gain"][name] == pytest.approx(count * theirs["gain"][name])
        assert theirs["total_cover"][name] == pytest.approx(count * theirs["cover"][name])


def test_kolmogorov_smirnov_is_too_shy_for_labels_and_blind_for_pairs():
    rng = np.random.default_rng(0)
    n, worlds = 500, 1000
    ones = rng.binomial(n, 0.2, (worlds, 2))
    counts = np.stack([n - ones, ones], axis=-1)  # of both labels: worlds, sample, label
    distance = ks_distance(counts[:, 0], counts[:, 1])
    shy = np.mean(np.asarray(kolmogorov_p(distance, n, n)) < 0.05)
    right = np.mean([homogeneity(*one).p_value < 0.05 for one in counts])
    assert shy < 0.01
    assert 0.03 < right < 0.07
    half = rng.normal(size=(1000, 2))
    one = np.concatenate([half, -half])
    before = one @ np.linalg.cholesky([[1, 0.9], [0.9, 1]]).T
    after = before * [1, -1]  # each feature is as before, together they are not
    edges = np.linspace(-4, 4, 400)
    for j in (0, 1):
        cells = [np.histogram(rows[:, j], edges)[0] for rows in (before, after)]
        assert kolmogorov_p(ks_distance(*cells), 2000, 2000) > 0.05
    assert np.corrcoef(before.T)[0, 1] - np.corrcoef(after.T)[0, 1] > 1.5
