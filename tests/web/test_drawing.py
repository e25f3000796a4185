import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from homeostat.web._layers import layers
from homeostat.web._scale import Scale, ticks
from homeostat.web._series import trailing_mean
from homeostat.web._words import brief, moment, number, share, signed, size, span

finite = st.floats(-1e9, 1e9)


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-100, 100)), st.integers(1, 9))
def test_a_trailing_mean_is_the_mean_of_the_last_values(values, length):
    means = trailing_mean(values, np.ones(len(values)), length)
    need = max(1, min((length + 1) // 2, len(values)))
    for i, mean in enumerate(means):
        window = values[max(0, i - length + 1) : i + 1]
        if len(window) < need:
            assert math.isnan(mean)
        else:
            assert math.isclose(mean, window.mean(), abs_tol=1e-9)


def test_a_trailing_mean_weighs_rows_and_skips_gaps():
    means = trailing_mean(np.array([1.0, np.nan, 4.0]), np.array([1.0, 9.0, 2.0]), 3)
    assert means[2] == 3.0


@given(
    st.integers(1, 15).flatmap(
        lambda n: st.tuples(
            st.just([f"n{i}" for i in range(n)]),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40),
        )
    )
)
def test_every_drawn_edge_runs_to_the_right_and_no_two_nodes_share_a_place(graph):
    names, pairs = graph
    drawing = layers(names, [(names[a], names[b]) for a, b in pairs])
    places = {(drawing.columns[name], drawing.rows[name]) for name in names}
    assert len(places) == len(names)
    for (a, b), spots in drawing.edges.items():
        columns = [column for column, _ in spots]
        assert columns == list(range(drawing.columns[a], drawing.columns[b] + 1))
    if all(a < b for a, b in pairs):
        assert set(drawing.edges) == {(names[a], names[b]) for a, b in pairs}


@given(finite, st.floats(1e-6, 1e9))
def test_ticks_lie_in_the_range_and_are_few(low, width):
    found = ticks(low, low + width)
    assert len(found) <= 12
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in found) or (
        width < abs(low) * 1e-9
    )


def test_a_scale_of_nothing_or_of_one_value_still_draws():
    assert Scale.over([]).low < Scale.over([]).high
    assert Scale.over([2.0, None, math.nan])(2.0) == 50.0
    assert Scale(0.0, 1.0)(7.0) == 100.0


def test_numbers_read_as_people_write_them():
    assert number(None) == number(math.nan) == "\N{EN DASH}"
    assert number(-0.5, 3) == "\N{MINUS SIGN}0.500"
    assert number(1.5e-7) == "1.5e\N{MINUS SIGN}07"
    assert brief(12.50) == "12.5"
    assert brief(100) == "100"
    assert signed(-1.0) == "\N{MINUS SIGN}1"
    assert share(None) == "\N{EN DASH}"
    assert (span(59.9), span(3601), span(200_000)) == ("59.9 s", "1 h", "2 d 7 h")
    assert size(1_500_000_000_000) == "1500.0 GB"
    assert moment("2013-07-08T08:00:00+02:00") == "8 Jul 2013, 06:00"
    assert moment("soon") == "\N{EN DASH}"
