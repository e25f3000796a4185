import numpy as np
import pytest
from scipy import stats as peer

from homeostat import stats
from homeostat.core import InputError


def test_nadeau_and_bengio_widen_the_paired_t_by_the_share_held_out():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.03, 0.02, 15), rng.normal(0, 0.02, 15)
    found = stats.nadeau_bengio(a, b, held_share=1 / 4)
    t = (a - b).mean() / np.sqrt((1 / 15 + 1 / 4) * (a - b).var(ddof=1))
    assert found.p_value == pytest.approx(2 * peer.t.sf(abs(t), 14))
    assert found.p_value > peer.ttest_rel(a, b).pvalue
    same = stats.nadeau_bengio(a, a, held_share=1 / 4)
    assert (same.mean, same.p_value) == (0, 1)


def test_the_5x2_interval_ends_where_the_test_stops_rejecting():
    rng = np.random.default_rng(1)
    d = rng.normal(0.02, 0.02, (5, 2))
    found = stats.five_by_two(d)
    for end in (found.interval.low, found.interval.high):
        assert stats.five_by_two(d - end).p_value == pytest.approx(0.05, abs=1e-6)
    assert stats.five_by_two(np.zeros((5, 2))).p_value == 1


def test_the_critical_difference_is_demsars():
    assert stats.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert stats.critical_difference(2, 10) == pytest.approx(1.96 * np.sqrt(6 / 60), abs=0.001)


def test_friedman_is_scipys_with_the_correction_of_iman_and_davenport():
    scores = np.random.default_rng(2).random((14, 4))
    found = stats.friedman(scores)
    chi2 = peer.friedmanchisquare(*scores.T).statistic
    f = 13 * chi2 / (14 * 3 - chi2)
    assert found.statistic == pytest.approx(f)
    assert found.p_value == pytest.approx(peer.f.sf(f, 3, 39))
    assert np.mean(found.ranks) == 2.5


@pytest.mark.parametrize("n", [5, 12, 30])
def test_signed_ranks_are_scipys_exact_test(n):
    d = np.random.default_rng(n).normal(0.4, 1, n)
    assert stats.wilcoxon_signed_rank(d) == pytest.approx(peer.wilcoxon(d, method="exact").pvalue)


def test_signed_ranks_with_ties_are_near_scipys_normal_approximation():
    d = np.round(np.random.default_rng(3).normal(0.4, 1, 40), 1)
    expected = peer.wilcoxon(d, method="asymptotic", correction=True).pvalue
    assert stats.wilcoxon_signed_rank(d) == pytest.approx(expected, rel=0.02)
    assert stats.wilcoxon_signed_rank([0.0, 0.0]) == 1


def test_rows_needed_and_the_smallest_difference_are_two_sides_of_one_power():
    smallest = stats.smallest_difference(0.01, power=0.9)
    assert stats.rows_needed(0.01, 1000, smallest, power=0.9) == pytest.approx(1000, abs=1)
    assert stats.rows_needed(0.01, 1000, smallest / 2, power=0.9) == pytest.approx(4000, abs=4)
    assert stats.rows_needed(0.01, 1000, 0) is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: stats.nadeau_bengio([1], [1], held_share=0.2), "two or more"),
        (lambda: stats.nadeau_bengio([1, 2], [1, 1], held_share=0), "above 0"),
        (lambda: stats.five_by_two([[1, 2]]), r"\(5, 2\)"),
        (lambda: stats.friedman([[1.0, np.nan], [1, 2]]), "finite"),
        (lambda: stats.critical_difference(1, 5), "two methods"),
        (lambda: stats.smallest_difference(1, power=1), "power"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
