"""What every kernel test shares is told, checked and said in one way."""

import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.detect import LSDD, MMD, AggregatedMMD, ContextMMD, FourierMMD, KernelTest

KINDS = [MMD, AggregatedMMD, FourierMMD, LSDD, lambda **told: ContextMMD(context=0, **told)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_test_takes_the_settings_they_share(kind):
    rng = np.random.default_rng(0)
    told = {"level": 0.2, "permutations": 19, "block": 2, "margin": 0.5, "scale": "columns"}
    detector = kind(**told, reduce=lambda rows: rows[:, :2], most_rows=30, seed=3)
    assert isinstance(detector, KernelTest)
    finding = detector.fit(rng.normal(size=(60, 3))).test(rng.normal(size=(40, 3)))
    assert finding.evidence["level"] == 0.2
    assert finding.evidence["permutations"] == 19
    assert finding.evidence["block"] == 2
    assert finding.evidence["margin"] == 0.5
    assert finding.evidence["rows_compared"] == 60
    assert finding.verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_that_is_not_there_or_makes_no_sense_is_an_error(kind):
    with pytest.raises(TypeError, match="levle"):
        kind(levle=0.05)
    for bad in ({"level": 1.5}, {"permutations": 0}, {"block": 0}, {"most_rows": 2}):
        with pytest.raises(InputError, match=f"`{next(iter(bad))}`"):
            kind(**bad)


def test_what_they_share_is_no_test_by_itself():
    with pytest.raises(TypeError, match="abstract"):
        KernelTest()
