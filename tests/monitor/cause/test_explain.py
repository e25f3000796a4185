"""explain: where a change is, what feeds it, since when; and nothing is made up or left silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import from_frame
from homeostat.monitor import explain

START = datetime(2026, 3, 1, tzinfo=UTC)


def rows(rng, n=2000, *, wind=0.0, outcome=0.0, new=0.0) -> pl.DataFrame:
    x = rng.normal([wind, 0], size=(n, 2))
    device = np.where(rng.random(n) < new, "watch", rng.choice(["phone", "desk"], n))
    logit = x[:, 0] + outcome + 2.0 * (device == "watch") - 1
    return pl.DataFrame(
        {
            "wind": x[:, 0],
            "temp": x[:, 1],
            "device": device,
            "country": rng.choice(["BR", "DE", "US"], n),
            "late": rng.random(n) < 1 / (1 + np.exp(-logit)),
        }
    )


def test_a_segment_and_everyone_are_told_apart():
    rng = np.random.default_rng(0)
    then = rows(rng)
    new = explain(then, rows(rng, new=0.3), "late")
    assert (new.spread.kind, new.spread.segments) == ("spatial", ("device = watch",))
    assert (new.root.kind, new.root.name) == ("segment", "device = watch")
    assert abs(new.spread.rest) < 0.2 * abs(new.change)
    every = explain(then, rows(rng, outcome=1.0), "late")
    assert (every.root.kind, every.spread.kind) == ("everyone", "temporal")
    assert every.concept
    assert every.on_top_interval.low > 0.1
    wind = explain(then, rows(rng, wind=1.0), "late")
    assert (wind.root.kind, wind.root.name, wind.concept) == ("feature", "wind", False)
    assert wind.spread.kind == "temporal"
    assert 0 in wind.on_top_interval
    assert wind.features[0].low <= wind.change <= wind.features[0].high


def test_two_columns_at_once_make_a_segment_where_one_does_not():
    rng = np.random.default_rng(1)
    then, now = rows(rng, 4000), rows(rng, 4000)
    both = (now["device"] == "desk") & (now["country"] == "BR")
    now = now.with_columns(late=pl.when(both).then(pl.lit(value=True)).otherwise(pl.col("late")))
    found = explain(then, now, "late")
    assert found.root.kind == "segment"
    assert found.root.name == "device = desk and country = BR"


def test_without_a_value_what_tells_the_windows_apart_is_explained():
    rng = np.random.default_rng(2)
    then = rows(rng).drop("late")
    moved = explain(then, rows(rng, wind=0.8).drop("late"))
    assert (moved.root.kind, moved.root.name) == ("feature", "wind")
    alike = explain(then, rows(rng).drop("late"))
    assert alike.root.kind == "none"
    assert [one.verdict for one in alike.findings()] == [Verdict.OK]


def test_since_when_is_told_of_the_value_and_of_what_moved():
    rng = np.random.default_rng(3)
    then = rows(rng, 4000).with_columns(
        at=pl.Series([START + timedelta(minutes=i) for i in range(4000)])
    )
    calm, windy = rows(rng, 1000), rows(rng, 2000, wind=1.5)
    now = pl.concat([calm, windy]).with_columns(
        at=pl.Series([START + timedelta(minutes=4000 + i) for i in range(3000)])
    )
    found = explain(then, now, "late", time="at", every="2h")
    began = START + timedelta(minutes=5000)
    assert found.root.features[0] == "wind"
    for one in (found.onset, found.moves[0]):
        assert one.low <= began <= one.high
        assert one.high - one.low <= timedelta(hours=12)
    assert found.moves[0].shape == "sudden"
    assert {"shift.cause", "shift.spread", "shift.onset"} == {f.check for f in found.findings()}
    assert "changed suddenly" in str(found)


def test_a_source_is_found_by_its_name_or_by_lineage():
    rng = np.random.default_rng(4)

    def table(n, shift):
        x = rng.normal(size=(n, 4)) + np.array([1, 1, 0, 0]) * shift
        frame = pl.DataFrame(dict(zip("abcd", x.T, strict=True)))
        return frame.with_columns(y=pl.sum_horizontal("a", "b", "c", "d"))

    then, now = table(1500, 0), table(1500, 0.7)
    told = {"a": ["sensor"], "b": ["sensor"], "c": ["form"], "d": ["form", "sensor"]}
    found = explain(then, now, "y", of="prediction", sources=told)
    assert (found.root.kind, found.root.name) == ("source", "sensor")
    assert sum(one.change for one in found.sources) == pytest.approx(found.inputs)
    raw = from_frame(then.select(x="a", z="c", w="d"), name="raw")

    def made(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw.select(a=pl.col("x"), b=pl.col("x") * 2, c=pl.col("z"), d=pl.col("w"))

    by_lineage = explain(
        then, now, "y", of="prediction", features="abcd", sources=raw.step("made", made)
    )
    assert by_lineage.root.name == "raw.x"


def test_parts_add_up_whatever_the_columns_hold():
    rng = np.random.default_rng(5)
    n = 400
    odd = pl.DataFrame(
        {
            "null": pl.Series([None] * n, dtype=pl.Float64),
            "one": [1] * n,
            "bad": np.where(rng.random(n) < 0.3, np.nan, np.inf),
            "huge": np.append(rng.normal(size=n - 1), 1e308),
            "list": [[1]] * n,
            "old": pl.Series([datetime(1804, 1, 1) + timedelta(days=i) for i in range(n)]),  # noqa: DTZ001 - a local date
            "many": [f"π{i}" for i in range(n)],
            "kind": pl.Series(rng.choice(["a", "b"], n), dtype=pl.Categorical),
            "y": rng.normal(size=n),
        }
    )
    now = odd.with_columns(pl.col("y") + 1, many=pl.lit("never seen"), one=pl.lit("1"))
    found = explain(odd, now, "y")
    assert sum(f.change for f in found.features) + found.on_top == pytest.approx(found.change)
    assert found.table().height == 9
    assert all(np.isfinite(f.change) for f in found.features)
    assert found.findings()[0].verdict is Verdict.WARN


def test_too_little_is_unknown_and_one_outlier_is_no_sure_change():
    rng = np.random.default_rng(6)
    then = rows(rng, 500).with_columns(pl.col("late").cast(pl.Float64))
    for few in (then[:0], then[:1], then.with_columns(late=pl.lit(None, pl.Float64))):
        found = explain(then, few, "late")
        assert found.root.kind == "unknown"
        assert [one.verdict for one in found.findings()] == [Verdict.UNKNOWN]
        assert "30 in each" in str(found)
    late = then["late"].to_numpy().copy()
    late[0] = 1e8
    assert explain(then, then.with_columns(late=pl.Series(late)), "late").root.kind == "none"
    one_block = then.with_columns(day=1)
    assert explain(one_block, one_block, "late", blocks="day").root.kind == "unknown"


def test_bad_settings_are_refused_in_words():
    then = rows(np.random.default_rng(7), 100)
    with pytest.raises(InputError, match="no feature `wnd`"):
        explain(then, then, "late", features=["wnd"])
    with pytest.raises(InputError, match="no `lat`"):
        explain(then, then, "lat")
    with pytest.raises(InputError, match="numbers"):
        explain(then, then, "device")
    with pytest.raises(InputError, match="column of times"):
        explain(then, then, "late", time="at")
    with pytest.raises(InputError, match="dates or times"):
        explain(then, then, "late", time="wind")
    with pytest.raises(InputError, match="`of`"):
        explain(then, then, "late", of="guess")
