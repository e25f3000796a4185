import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from homeostat.core import InputError, Verdict
from homeostat.importance import (
    gains,
    importance_table,
    kendall_w,
    permutation,
    retrained,
    shap,
    top_share,
)  # fmt: skip


def test_top_ten_carry_half_and_the_bottom_three_hundred_less_than_one_percent():
    shares = np.r_[np.full(10, 0.05), np.full(90, 0.492 / 90), np.full(300, 0.008 / 300)]
    table = importance_table({"gain": {f"f{i}": float(v) for i, v in enumerate(shares)}})
    assert table.top(10) == pytest.approx(0.5)
    assert "top 10 of 400 features carry 50%" in table.cumulative()
    assert 1 - top_share(shares)[99] < 0.01
    assert int(table.cumulative().split("bottom ")[1].split()[0]) >= 300
    assert "bottom 3" in table.curve()


def test_concordance_is_that_of_the_book():
    # Three judges, worked by the formula 12 S / (m^2 (n^3 - n)): sums 5, 6, 8, 11 give S = 21.
    table = -np.array([[1.0, 2, 2], [2, 1, 3], [4, 3, 1], [3, 4, 4]])
    assert kendall_w(table) == pytest.approx(12 * 21 / (9 * 60))
    assert kendall_w(np.column_stack([np.arange(9), np.arange(9)])) == pytest.approx(1)
    assert kendall_w(np.column_stack([np.arange(9), -np.arange(9)])) == pytest.approx(0)
    assert kendall_w(np.ones((3, 3))) is None
    assert kendall_w(np.ones((1, 3))) is None


def test_the_three_findings():
    names = [f"f{i}" for i in range(8)]
    up, down = np.arange(1.0, 9), np.arange(8.0, 0, -1)
    mixed = importance_table(
        {"a": dict(zip(names, up, strict=True)), "b": dict(zip(names, down, strict=True))}
    )
    useless, concentrated, disagreement = mixed.findings()
    assert [useless.verdict, concentrated.verdict] == [Verdict.OK, Verdict.OK]
    assert disagreement.verdict is Verdict.WARN
    assert "f7: no. 1 by a, no. 8 by b" in disagreement.evidence["features"]["f7"].join(
        ["f7: ", ""]
    )
    one = importance_table({"a": {"x": 98.0, "y": 2.0, "z": 0.0}}, cost={"x": 1.0, "z": 3.0})
    useless, concentrated, disagreement = one.findings()
    assert useless.verdict is Verdict.WARN
    assert useless.evidence["features"] == ["z"]
    assert "cost 3 of 4" in useless.summary
    assert concentrated.subject == "x"
    assert concentrated.verdict is Verdict.WARN
    assert disagreement.verdict is Verdict.UNKNOWN


def test_noise_is_found_useless_by_its_ablation_though_its_gain_is_not_zero():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(rng.normal(size=(3000, 5)), schema=list("abcde"))
    y = (frame["a"] + frame["b"] + rng.normal(size=3000) > 0).to_numpy().astype(float)

    def fit(features, label):
        model = HistGradientBoostingClassifier(max_iter=10)
        model.fit(features.to_numpy(), label)
        return lambda rows: model.predict_proba(rows.to_numpy())[:, 1]

    model = HistGradientBoostingClassifier(max_iter=10).fit(frame[:2000].to_numpy(), y[:2000])
    test = (frame[2000:], y[2000:])
    measures = [
        gains(model, names=frame.columns),
        shap(model, test[0]),
        permutation(model, *test),
        retrained(fit, (frame[:2000], y[:2000]), test),
    ]
    table = importance_table(measures)
    assert list(table.measures) == ["split", "gain", "cover", "shap", "permutation", "retrained"]
    assert set(table.features[:2]) == {"a", "b"}
    assert {"c", "d", "e"} & set(table.useless())
    assert not {"a", "b"} & set(table.useless())
    dropped = retrained(
        fit, (frame[:2000], y[:2000]), test, groups={"these": table.useless()}, only_groups=True
    )
    assert dropped.effects["these"].worse_by < 0.01
    assert table.frame().height == 5
    assert table.frame()["retrained_low"].null_count() == 0
    assert table.plot().startswith("<svg")
    assert table.bars().startswith("<svg")
    assert "feature" in table.text()


def test_a_table_of_nothing_and_of_different_features():
    with pytest.raises(InputError, match="at least one measure"):
        importance_table({})
    with pytest.raises(InputError, match="shares none"):
        importance_table({"a": {"x": 1.0}, "b": {"y": 1.0}})
    with pytest.raises(InputError, match="needs a name"):
        importance_table([{"x": 1.0}])
    with pytest.raises(InputError, match="what `gains` returns"):
        importance_table([pl.DataFrame({"x": [1]})])
    empty = importance_table({"a": {}})
    assert [found.verdict for found in empty.findings()] == [Verdict.UNKNOWN] * 3
    assert empty.curve().startswith("<svg")
    assert empty.plot().startswith("<svg")
    zero = importance_table({"a": {"x": 0.0, "y": 0.0}})
    assert zero.findings()[1].verdict is Verdict.UNKNOWN
    assert "No feature carries anything" in zero.text()


def test_a_table_of_ten_thousand_features():
    names = [f"f{i}" for i in range(10_000)]
    values = np.random.default_rng(0).random((3, 10_000))
    table = importance_table(
        {str(i): dict(zip(names, row.tolist(), strict=True)) for i, row in enumerate(values)}
    )
    assert table.frame().height == 10_000
    assert table.agreement() < 0.4
    assert len(table.text().splitlines()) < 30
