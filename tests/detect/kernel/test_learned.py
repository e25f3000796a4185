import numpy as np
import pytest
from sklearn.datasets import load_digits

from homeostat.core import InputError, MissingExtraError, Verdict
from homeostat.detect import LearnedMMD


def test_without_torch_the_command_that_installs_it_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"homeostat\[torch\]"):
        LearnedMMD().fit(np.zeros((20, 1)))


def test_a_share_outside_0_and_1_is_refused():
    with pytest.raises(InputError, match="train_share"):
        LearnedMMD(train_share=1)


@pytest.mark.slow
def test_level_holds_and_the_reference_itself_is_no_shift():
    pytest.importorskip("torch", reason="needs homeostat[torch]")
    rng = np.random.default_rng(0)
    detector = LearnedMMD(permutations=99, steps=15)
    alarms = sum(
        detector.fit(rng.normal(size=(60, 3))).test(rng.normal(size=(60, 3))).verdict
        is Verdict.FAIL
        for _ in range(60)
    )
    assert alarms <= 9
    same = rng.normal(size=(100, 3))
    assert detector.fit(same).test(same).verdict is Verdict.OK


def test_a_digit_that_vanished_is_found_in_images():
    pytest.importorskip("torch", reason="needs homeostat[torch]")
    rng = np.random.default_rng(1)
    digits = load_digits()
    order = rng.permutation(1797)
    images, labels = digits.images[order] / 16, digits.target[order]
    window, kept = images[900:], labels[900:] > 2
    finding = LearnedMMD(permutations=99).fit(images[:900]).test(window[kept])
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["rows_trained_on"] > 500
    again = LearnedMMD(permutations=99).fit(images[:900]).test(window[kept])
    assert again.to_json() == finding.to_json()


def test_too_few_rows_to_train_and_test_are_unknown():
    pytest.importorskip("torch", reason="needs homeostat[torch]")
    detector = LearnedMMD().fit(np.random.default_rng(2).normal(size=(100, 2)))
    assert detector.test(np.zeros((9, 2))).verdict is Verdict.UNKNOWN
