"""Every detector of the room meets bad windows with a stated outcome: a finding, or an error."""

import warnings

import numpy as np
import polars as pl
import pytest

import homeostat.detect as room
from homeostat.core import Finding, HomeostatError, InputError, SchemaError, Verdict
from homeostat.detect import (
    ADWIN,
    DDM,
    EDDM,
    KSWIN,
    ChiSquared,
    CramerVonMises,
    Detector,
    Distance,
    ErrorRate,
    FisherExact,
    KolmogorovSmirnov,
    OnlineDetector,
    PageHinkley,
    SlidingKS,
    Tabular,
)

_RNG = np.random.default_rng(0)
N = 120


def numbers(n=N):
    return np.random.default_rng(n).normal(size=(n, 3))


DETECTORS = {
    "ks": KolmogorovSmirnov,
    "cvm": CramerVonMises,
    "tabular": Tabular,
    "chi_squared": ChiSquared,
    "fisher": FisherExact,
    "js": Distance,
    "psi": lambda: Distance(kind="psi"),
    "wasserstein": lambda: Distance(kind="wasserstein", bins=20),
    "mmd": lambda: room.MMD(permutations=99),
    "aggregated": lambda: room.AggregatedMMD(permutations=99),
    "fourier": lambda: room.FourierMMD(permutations=99),
    "lsdd": lambda: room.LSDD(permutations=99),
    "context": lambda: room.ContextMMD(context=0, permutations=99),
    "classifier": room.Classifier,
    "spot": room.SpotTheDiff,
}
STREAMS = {
    "adwin": ADWIN,
    "page_hinkley": PageHinkley,
    "ddm": DDM,
    "eddm": EDDM,
    "kswin": KSWIN,
    "sliding_ks": lambda: SlidingKS(window=50, bins=16, expected_run_time=1000),
    "error_rate": ErrorRate,
    "online_mmd": lambda: room.OnlineMMD(window=20, expected_run=500),
    "online_lsdd": lambda: room.OnlineLSDD(window=20, expected_run=500),
    "online_cvm": lambda: room.OnlineCvM(window=20, expected_run=500),
}


def changed(**columns):
    table = numbers()
    for column, values in columns.items():
        table[: len(np.atleast_1d(values)) if np.ndim(values) else N, int(column[1])] = values
    return table


BAD = {
    "empty": np.empty((0, 3)),
    "one row": numbers(1),
    "all missing": np.full((N, 3), np.nan),
    "one column missing": changed(x1=np.nan),
    "half missing": changed(x0=np.full(N // 2, np.nan)),
    "infinite": changed(x0=np.full(3, np.inf), x1=np.full(2, -np.inf)),
    "constant": np.ones((N, 3)),
    "outlier": changed(x2=np.array([1e8])),
    "huge": changed(x2=np.array([1e300])),
    "many rows": numbers(5 * N),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def of(name):
        if name not in made:
            made[name] = DETECTORS[name]().fit(numbers())
        return made[name]

    return of


def stated(found):
    """Check that a finding says something of use, and no number in it is NaN."""
    assert isinstance(found, Finding)
    assert found.summary.endswith(".")
    assert "nan" not in found.summary.lower().replace("nan and", "").replace("nan or", "").split()
    for number in (found.statistic, found.threshold, found.p_value, found.effect):
        assert number is None or np.isfinite(number)
    return found


@pytest.mark.parametrize("window", BAD, ids=str)
@pytest.mark.parametrize("name", DETECTORS)
def test_a_bad_window_gives_a_finding_that_says_so(fitted, name, window):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = stated(fitted(name).test(BAD[window]))
    if window in {"empty", "one row"}:
        assert found.verdict is Verdict.UNKNOWN
    if window in {"all missing", "one column missing", "half missing"}:
        assert found.verdict in {Verdict.FAIL, Verdict.WARN}
    if window == "constant" and name not in {"fisher", "chi_squared", "context"}:
        assert found.verdict is Verdict.FAIL


@pytest.mark.parametrize("name", DETECTORS)
def test_it_fits_the_interface_and_a_test_changes_nothing(fitted, name):
    detector = fitted(name)
    assert isinstance(detector, Detector)
    window = numbers(N + 1)
    first = detector.test(window)
    assert detector.test(window) == first
    assert first.check.split(".")[0] in {"shift", "schema", "accuracy", "prediction"}
    assert first.evidence["level"] > 0


@pytest.mark.parametrize("name", sorted(set(DETECTORS) - {"fisher", "chi_squared", "context"}))
def test_a_large_shift_fails(fitted, name):
    found = fitted(name).test(numbers(N + 2) + 3)
    assert found.verdict is Verdict.FAIL


@pytest.mark.parametrize("name", DETECTORS)
def test_without_a_reference_or_with_another_shape_it_is_an_error_in_words(fitted, name):
    with pytest.raises(InputError, match="fit"):
        DETECTORS[name]().test(numbers())
    with pytest.raises((SchemaError, InputError)):
        stated(fitted(name).test(np.ones((N, 5))))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_frame_with_odd_names_is_as_good_as_an_array(name):
    names = ["città", "a b", ""]
    frame = pl.DataFrame(numbers(), schema=names, orient="row")
    stated(DETECTORS[name]().fit(frame).test(frame))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_reference_that_says_nothing_is_refused_or_leaves_windows_unknown(name):
    for bad in (np.empty((0, 3)), np.full((N, 3), np.nan), numbers(1)):
        try:
            found = DETECTORS[name]().fit(bad).test(numbers())
        except HomeostatError as error:
            assert str(error).endswith(".")  # noqa: PT017 - either outcome will do, if in words
        else:
            assert stated(found).verdict in {Verdict.UNKNOWN, Verdict.FAIL}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_detector_states_an_outcome_for_every_update(name):
    errors = (_RNG.random(200) < 0.3).astype(float)
    watch = STREAMS[name]().fit(errors)
    assert isinstance(watch, OnlineDetector)
    for batch in (1.0, errors, [], [np.nan], [np.inf, 0.0], pl.Series([0, 1, None]), [True, False]):
        stated(watch.update(batch))
    with pytest.raises((SchemaError, InputError)):
        watch.update(["a"])
