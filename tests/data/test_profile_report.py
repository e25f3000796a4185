import datetime as dt
import html.parser
import io
import math
import re
import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.data import Profile, ProfileReport, profile
from homeostat.data._correlations import associations
from homeostat.data._profile_batches import batches
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_details import Details, Shape
from homeostat.data._profile_histogram import histogram, histograms
from homeostat.data._profile_patterns import patterns
from homeostat.data._profile_rows import RowHashes, RowSample

RNG = np.random.default_rng(0)


def found(frame, **settings):
    """The findings of a frame as {check: {subject, ...}}."""
    kinds = {}
    for finding in profile(frame, **settings).findings:
        kinds.setdefault(finding.check.removeprefix("profile."), set()).add(finding.subject)
    return kinds


class Marks(html.parser.HTMLParser):
    """Collects tags, and checks that each that opens closes."""

    VOID = frozenset({"meta", "input", "rect", "path", "br"})

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes = [], set(), []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def table():
    n = 3000
    x = RNG.normal(size=n)
    return pl.DataFrame(
        {
            "id": range(n),
            "x": x,
            "twin": x * 2 + 1,
            "curve": np.exp(3 * x),
            "zeros": np.where(RNG.random(n) < 0.8, 0.0, 1.5),
            "same": ["all alike"] * n,
            "nothing": pl.Series([None] * n, dtype=pl.Float64),
            "rare": np.where(RNG.random(n) < 0.97, "usual", "odd"),
            "many": [f"v{i}" for i in RNG.integers(0, 400, n)],
            "gaps": pl.Series(x).set(pl.Series(RNG.random(n) < 0.2), None),
            "when": [
                dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=i) for i in range(n)
            ],
            "number_text": [str(i % 70) for i in range(n)],
            "date_text": [f"2024-01-{i % 28 + 1:02}" for i in range(n)],
            "padded": ["a ", "a", ""] * (n // 3),
        }
    )


def test_each_oddity_is_found_in_its_column_and_in_no_other(table):
    kinds = found(table)
    assert kinds["constant"] == {"same"}
    assert kinds["all_null"] == {"nothing"}
    assert kinds["identifier"] == {"id"}
    assert kinds["zeros"] == {"zeros"}
    assert kinds["imbalanced"] == {"rare"}
    assert kinds["high_cardinality"] == {"many", "number_text"}
    assert kinds["missing"] == {"gaps"}
    assert kinds["skewed"] == {"curve"}
    assert kinds["hidden_type"] == {"number_text", "date_text"}
    assert kinds["blank"] == kinds["padded"] == {"padded"}
    assert {"x"} <= kinds["near_duplicate"]
    assert "duplicates" not in kinds


def test_an_unremarkable_table_has_no_findings():
    rng = np.random.default_rng(1)
    plain = pl.DataFrame({"x": rng.normal(size=2000), "kind": rng.choice(list("abc"), 2000)})
    assert found(plain) == {}


def test_a_code_with_leading_zeros_is_not_called_a_number():
    zips = pl.DataFrame({"zip": ["01234", "90210", "00501"] * 40})
    assert "hidden_type" not in found(zips)
    assert "hidden_type" in found(zips.with_columns(pl.col("zip").str.strip_chars_start("0")))


def test_a_table_without_rows_is_unknown_and_one_without_columns_too():
    for frame in (pl.DataFrame(), pl.DataFrame({"x": []}, schema={"x": pl.Float64})):
        report = profile(frame)
        assert [f.verdict for f in report.findings] == [Verdict.UNKNOWN]
        assert "no rows" in report.to_html()
        assert report.missing == 0.0
        str(report)


def test_the_profile_does_not_depend_on_how_rows_come_in_batches(table):
    whole, parts = profile(table), profile(list(table.iter_slices(700)))
    lazily = profile(table.lazy())
    assert whole.profile == parts.profile == lazily.profile
    assert whole.duplicates == parts.duplicates == lazily.duplicates
    for name, one in whole.details.items():
        other = parts.details[name]
        kept = ("zeros", "negatives", "rising", "blanks", "padded", "least", "greatest", "ends")
        assert [getattr(one, k) for k in kept] == [getattr(other, k) for k in kept], name
        assert one.lengths == other.lengths


def test_a_lazy_frame_is_profiled_without_being_held_whole(tmp_path):
    path = tmp_path / "long.parquet"
    rows = 1_200_000
    pl.DataFrame({"x": np.arange(rows) % 1000}).write_parquet(path)
    sizes = [batch.height for batch in batches(pl.scan_parquet(path))]
    assert sum(sizes) == rows
    assert max(sizes) <= 1 << 18


def test_what_is_no_frame_is_refused_in_words():
    with pytest.raises(InputError, match="frame"):
        profile(3)
    with pytest.raises(InputError, match="got none"):
        profile([])
    with pytest.raises(SchemaError, match="same columns"):
        profile([pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]})])
    with pytest.raises(InputError, match="sampled_rows"):
        profile(pl.DataFrame({"a": [1]}), sampled_rows=0)


def test_duplicate_rows_are_counted_exactly():
    frame = pl.DataFrame({"a": [1, 1, 2, 2, 2, 3], "b": ["x", "x", "y", "y", "y", None]})
    counted = profile(frame).duplicates
    assert (counted.rows, counted.groups, counted.most, counted.exact) == (3, 2, 3, True)
    categories = [
        frame.with_columns(pl.col("b").cast(pl.Categorical))[i : i + 2] for i in (0, 2, 4)
    ]
    assert profile(categories).duplicates == counted


def test_duplicates_are_estimated_in_bounded_memory_once_rows_are_too_many():
    hashes = RowHashes(room=20_000)
    for start in range(0, 200_000, 10_000):
        hashes.add(pl.DataFrame({"x": np.arange(start, start + 10_000) % 150_000}))
    counted = hashes.duplicates()
    assert hashes._held <= 20_000
    assert not counted.exact
    assert counted.rows == pytest.approx(50_000, rel=0.1)


def test_a_sample_of_rows_is_uniform_and_keeps_their_order():
    firsts = []
    for seed in range(60):
        sample = RowSample(100, np.random.default_rng(seed))
        for start in range(0, 1000, 130):
            sample.add(pl.DataFrame({"i": np.arange(start, min(start + 130, 1000))}))
        rows = sample.frame()["i"].to_numpy()
        assert len(rows) == 100
        assert (np.diff(rows) > 0).all()
        firsts.append(rows.mean())
    assert np.mean(firsts) == pytest.approx(499.5, abs=4 * 288 / math.sqrt(6000))


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=60), st.integers(0, 60))
def test_moments_of_parts_add_up_to_those_of_the_whole(values, cut):
    x = np.array(values)
    whole, added = Shape.of(x), Shape.of(x[:cut]) + Shape.of(x[cut:])
    assert added.n == whole.n
    for name in ("mean", "m2", "m3", "m4"):
        scale = 1 + np.abs(x).max() ** {"mean": 1, "m2": 2, "m3": 3, "m4": 4}[name] * len(x)
        assert getattr(added, name) == pytest.approx(getattr(whole, name), abs=1e-9 * scale)


def test_skewness_and_kurtosis_are_scipys():
    x = np.random.default_rng(2).lognormal(size=500)
    shape = Shape.of(x[:100]) + Shape.of(x[100:])
    assert shape.skewness == pytest.approx(stats.skew(x))
    assert shape.kurtosis == pytest.approx(stats.kurtosis(x))
    assert Shape.of(np.ones(4)).skewness is None
    assert Shape.of(np.array([1.0, 2.0, 1e300])).skewness is None


def test_lists_have_their_lengths_counted():
    details = Details.of(pl.Series([[1], [1, 2, 3], None, []]))
    assert (details.lengths.min, details.lengths.max, details.lengths.nulls) == (0, 3, 1)


def test_pearson_and_spearman_are_scipys_and_strength_is_the_greater(table):
    got = associations(table.select("x", "curve", "gaps"))
    x, curve = table["x"].to_numpy(), table["curve"].to_numpy()
    assert got.pearson[0, 1] == pytest.approx(stats.pearsonr(x, curve).statistic)
    assert got.spearman[0, 1] == pytest.approx(stats.spearmanr(x, curve).statistic)
    both = table.drop_nulls("gaps")
    expected = stats.pearsonr(both["curve"].to_numpy(), both["gaps"].to_numpy()).statistic
    assert got.pearson[1, 2] == pytest.approx(expected)
    assert got.strength[0, 1] == pytest.approx(1.0)


def test_cramers_v_is_bergsmas():
    one = ["a"] * 60 + ["b"] * 40
    other = ["u"] * 45 + ["v"] * 15 + ["u"] * 10 + ["v"] * 30
    counts = np.array([[45, 15], [10, 30]])
    chi2 = stats.chi2_contingency(counts, correction=False).statistic
    phi2, n = max(0, chi2 / 100 - 1 / 99), 100
    expected = math.sqrt(phi2 / (2 - 1 / (n - 1) - 1))
    got = associations(pl.DataFrame({"one": one, "other": other}))
    assert got.strength[0, 1] == pytest.approx(expected)
    assert got.pairs(0.1)[0].measure == "Cramér's V"


def test_the_correlation_ratio_of_kelley_is_that_of_analysis_of_variance():
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 4, 400)
    y = rng.normal(size=400) + groups
    within = sum(((y[groups == g] - y[groups == g].mean()) ** 2).sum() for g in range(4))
    epsilon2 = 1 - (within / ((y - y.mean()) ** 2).sum()) * 399 / 396
    frame = pl.DataFrame({"y": y, "g": [f"g{g}" for g in groups]})
    got = associations(frame)
    assert got.strength[0, 1] == pytest.approx(math.sqrt(epsilon2))


def test_unrelated_columns_of_any_kind_are_not_called_associated():
    rng = np.random.default_rng(4)
    n = 500
    frame = pl.DataFrame(
        {f"n{i}": rng.normal(size=n) for i in range(5)}
        | {f"c{i}": [f"v{v}" for v in rng.integers(0, 30, n)] for i in range(5)}
    )
    assert associations(frame).pairs(0.3) == []


def test_what_is_missing_together_is_told():
    gap = np.arange(100) % 5 == 0
    lacking = [None if g else 1.0 for g in gap]
    frame = pl.DataFrame(
        {"a": lacking, "b": lacking, "c": [None if i % 7 == 0 else "x" for i in range(100)]}
    )
    pairs = associations(frame).missing_pairs()
    assert [(p.one, p.other, round(p.strength, 9)) for p in pairs] == [("a", "b", 1.0)]


def test_values_that_overflow_when_squared_still_correlate():
    frame = pl.DataFrame(
        {"a": [i * 1e305 for i in range(20)], "b": list(range(20)), "c": [float("inf")] * 20}
    )
    got = associations(frame)
    assert got.pearson[0, 1] == pytest.approx(1.0)
    assert np.isnan(got.pearson[0, 2])


def test_a_histogram_agrees_with_the_counts():
    x = np.random.default_rng(5).normal(size=20_000)
    drawn = histogram(ColumnProfile.of(pl.Series(x)))
    expected, _ = np.histogram(x, drawn.edges)
    assert np.abs(drawn.shares - expected / len(x)).max() < 0.002
    assert drawn.shares.sum() + drawn.below + drawn.above == pytest.approx(1.0)


def test_one_far_outlier_does_not_flatten_a_histogram():
    x = np.append(np.random.default_rng(6).normal(size=5000), 1e8)
    drawn = histogram(ColumnProfile.of(pl.Series(x)))
    assert drawn.edges[-1] < 10
    assert 0 < drawn.above < 0.001
    assert (drawn.shares > 0.005).sum() > 8


def test_whole_numbers_have_equally_many_values_in_each_bin():
    days = ColumnProfile.of(pl.Series(np.arange(31 * 100) % 31 + 1))
    assert histogram(days).shares == pytest.approx([1 / 31] * 31)
    wide = histogram(ColumnProfile.of(pl.Series(np.arange(6000) % 600)))
    assert wide.shares == pytest.approx([1 / 30] * 30, abs=0.002)


def test_histograms_that_are_drawn_together_share_their_bins():
    one, other = (ColumnProfile.of(pl.Series(RNG.normal(m, size=2000))) for m in (0, 5))
    a, b = histograms([one, other])
    assert (a.edges == b.edges).all()
    assert histograms([None, ColumnProfile.of(pl.Series(["x"]))]) == [None, None]


def test_patterns_tell_letters_digits_and_signs_apart():
    column = ColumnProfile.of(pl.Series(["AB-12", "CD-3456", "x@y.org", "Äö 9"]))
    assert {name for name, _, _ in patterns(column)} == {"A+-9+", "a@a.a+", "Aa 9"}


def test_a_page_holds_every_column_needs_nothing_else_and_is_well_formed(table, tmp_path):
    path = tmp_path / "page.html"
    page = profile(table, title="A table").to_html(path)
    assert path.read_text("utf-8") == page
    marks = Marks(page)
    for name in table.columns:
        assert f'data-name="{name}"' in page
    assert not {key for key, value in marks.attributes if key in {"src", "style"}}
    assert not re.search(r"(?:href|url\()\s*=?\s*[\"']?https?:", page)
    assert "light-dark(" in page


def test_names_and_values_cannot_break_out_of_the_page():
    evil = "</summary><script>alert(1)</script>\"'`&"
    frame = pl.DataFrame({evil: [evil, "b"] * 30, "列": [1, 2] * 30})
    report = profile(frame, title=evil)
    for page in (report.to_html(), report._repr_html_()):
        Marks(page)
        assert "<script>alert" not in page
        assert "列" in page


def test_a_table_of_every_type_and_of_odd_dates_is_shown():
    frame = pl.DataFrame(
        {
            "date": [dt.date(1, 1, 1), dt.date(1850, 6, 1), dt.date(9999, 12, 31)],
            "far": pl.Series([2**62, 0, 1]).cast(pl.Datetime("us")),
            "list": [[1], [1, 2], None],
            "struct": [{"a": 1}] * 3,
            "span": [dt.timedelta(1), dt.timedelta(2), None],
            "time": [dt.time(1), dt.time(2), None],
            "bytes": [b"a", b"b", None],
            "category": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
            "float": [float("nan"), float("inf"), 1e308],
            "flag": [True, False, None],
        },
        strict=False,
    )
    report = profile(frame)
    Marks(report.to_html())
    assert "1850-06-01" in str(report) + report.to_html()
    assert all(math.isfinite(f.statistic or 0) for f in report.findings)


@pytest.mark.slow
def test_ten_thousand_columns_give_a_page_of_bounded_size():
    wide = pl.DataFrame({f"c{i}": [i, i + 1] for i in range(10_000)})
    report = profile(wide)
    assert len(report.profile.columns) == 10_000
    page = report.to_html()
    assert len(page) < 8_000_000
    assert "7,000 columns beyond the first 3,000 are not shown" in page


@pytest.mark.slow
def test_a_million_distinct_texts_are_profiled_in_bounded_memory():
    frame = pl.select(pl.format("user-{}", pl.int_range(1_000_000)).alias("user"))
    tracemalloc.start()
    report = profile(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6
    assert report.profile.columns["user"].distinct == pytest.approx(1e6, rel=0.1)
    assert [f.check for f in report.findings] == ["profile.identifier"]
    assert len(report.profile.to_bytes()) < 100_000


def test_a_bare_profile_has_a_page_too(table):
    report = ProfileReport.of(Profile.from_bytes(Profile.of(table).to_bytes()), title="kept")
    Marks(report.to_html())
    assert {"same", "nothing"} <= {f.subject for f in report.findings}
    assert ProfileReport.of(report) is report


def test_the_terminal_shows_a_line_a_column_and_the_findings(table):
    from rich.console import Console

    console = Console(width=100, record=True, file=io.StringIO())
    console.print(profile(table, title="A table"))
    text = console.export_text()
    assert "A table: 3,000 rows, 14 columns" in text
    assert "`same` is constant" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_standard_deviation_of_the_largest_numbers_is_finite():
    column = ColumnProfile.of(pl.Series([1e300, -1e300]))
    assert column.std == pytest.approx(1e300)
