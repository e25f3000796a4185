"""The change of a mean splits into mix and within, and adds up; Simpson's paradox is told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, Verdict
from homeostat.monitor import decompose


def frame(groups: dict[str, tuple[int, int]]) -> pl.DataFrame:
    """Rows of (how many, of which are 1) by group."""
    parts = [
        pl.DataFrame({"g": [g] * n, "y": [1] * ones + [0] * (n - ones)})
        for g, (n, ones) in groups.items()
    ]
    return pl.concat(parts)


def test_berkeleys_admissions_are_simpsons_paradox():
    # Bickel, Hammel and O'Connell 1975, departments A to F: men and women, applied and admitted
    men = {"A": (825, 512), "B": (560, 353), "C": (325, 120), "D": (417, 138), "E": (191, 53)}
    women = {"A": (108, 89), "B": (25, 17), "C": (593, 202), "D": (375, 131), "E": (393, 94)}
    split = decompose(frame(men | {"F": (373, 22)}), frame(women | {"F": (341, 24)}), "y", "g")
    assert split.change == pytest.approx(557 / 1835 - 1198 / 2691)  # women are admitted less
    assert split.within > 0  # though not within departments
    assert split.mix == pytest.approx(split.change - split.within)
    assert split.reversed
    assert "Simpson" in split.finding().summary
    assert split.table()["within"].sum() == pytest.approx(split.within)


def test_a_growing_segment_is_mix_and_a_changed_one_is_within():
    then = frame({"a": (800, 80), "b": (200, 100)})
    grown = decompose(then, frame({"a": (500, 50), "b": (500, 250)}), "y", "g")
    assert (grown.mix, grown.within) == (pytest.approx(0.12), pytest.approx(0))
    changed = decompose(then, frame({"a": (800, 80), "b": (200, 180)}), "y", "g")
    assert (changed.mix, changed.within) == (pytest.approx(0), pytest.approx(0.08))
    assert changed.segments[0].segment == "g = b"


def test_a_new_segment_and_one_that_is_gone_are_mix():
    new = decompose(frame({"a": (500, 50)}), frame({"a": (400, 40), "c": (100, 90)}), "y", "g")
    assert new.within == pytest.approx(0)
    assert new.segments[0].mean_before is None
    gone = decompose(frame({"a": (400, 40), "c": (100, 90)}), frame({"a": (500, 50)}), "y", "g")
    assert gone.within == pytest.approx(0)
    assert "gone" in str(gone.segments[0])


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(-5, 5)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 60), st.floats(-5, 5)), min_size=1, max_size=6),
)
def test_the_parts_always_add_up_to_the_change(before, after):
    rng = np.random.default_rng(0)

    def rows(groups):
        groups = [(40, 0.0), *groups]
        return pl.DataFrame(
            {
                "g": np.repeat([f"g{i}" for i in range(len(groups))], [n for n, _ in groups]),
                "y": np.concatenate([rng.normal(mean, 1, n) for n, mean in groups]),
            }
        )

    then, now = rows(before), rows(after)
    split = decompose(then, now, "y", "g")
    change = now["y"].mean() - then["y"].mean()
    assert split.mix + split.within == pytest.approx(change, abs=1e-9)
    assert sum(one.total for one in split.segments) == pytest.approx(change, abs=1e-9)


@pytest.mark.slow
def test_intervals_cover_and_blocks_widen_them():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(100):
        then, now = (
            pl.DataFrame({"g": rng.choice(["a", "b"], 300), "y": rng.normal(size=300)})
            for _ in range(2)
        )
        interval = decompose(then, now, "y", "g").within_interval
        inside += 0 in interval
    assert 88 <= inside <= 99
    days = np.repeat(np.arange(20), 50)
    noisy = pl.DataFrame({"g": ["a", "b"] * 500, "d": days, "y": rng.normal(size=20)[days]})
    alone, blocked = (decompose(noisy, noisy, "y", "g", blocks=b) for b in (None, "d"))
    wide = blocked.interval.high - blocked.interval.low
    assert wide > 4 * (alone.interval.high - alone.interval.low)


def test_what_is_missing_is_counted_and_too_few_are_unknown():
    then = pl.DataFrame(
        {"g": ["a"] * 50, "y": [1.0] * 40 + [None, float("nan"), float("inf")] * 3 + [0.0]}
    )
    split = decompose(then, then, "y", "g")
    assert split.left_out == 18
    assert split.finding().verdict is Verdict.OK
    for few in (then[:0], then[:1], then[41:44]):
        assert decompose(then, few, "y", "g").finding().verdict is Verdict.UNKNOWN
    lost = pl.DataFrame(
        {"g": [None] * 50, "y": [1.0] * 50}, schema={"g": pl.String, "y": pl.Float64}
    )
    assert decompose(lost, lost, "y", "g").segments[0].segment == "g missing"


def test_numbers_are_cut_and_types_that_differ_are_read_alike():
    rng = np.random.default_rng(2)
    then = pl.DataFrame(
        {"x": rng.normal(size=500), "k": np.arange(500) % 3, "y": rng.normal(size=500)}
    )
    assert len(decompose(then, then, "y", "x").segments) <= 8
    now = then.with_columns(pl.col("k").cast(pl.String))
    assert {one.segment for one in decompose(then, now, "y", "k").segments} == {
        "k = 0",
        "k = 1",
        "k = 2",
    }


def test_bad_input_is_refused_in_words():
    then = frame({"a": (40, 10)})
    with pytest.raises(InputError, match="no `yy`"):
        decompose(then, then, "yy", "g")
    with pytest.raises(InputError, match="numbers"):
        decompose(then, then, "g", "y")
    with pytest.raises(InputError, match="no `h`"):
        decompose(then, then, "y", "h")
    with pytest.raises(InputError, match="level"):
        decompose(then, then, "y", "g", level=1.0)
    with pytest.raises(InputError, match="DataFrame"):
        decompose(then.to_dict(), then, "y", "g")
    nested = then.with_columns(pl.Series("l", [[1]] * 40))
    with pytest.raises(InputError, match="single values"):
        decompose(nested, nested, "y", "l")
