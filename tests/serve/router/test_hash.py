import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.serve import assign, position

# GrowthBook's shared test cases, spec 0.5.4: seed, value, hash version, expected.
GROWTHBOOK = [
    ("", "a", 1, 0.22),
    ("", "b", 1, 0.077),
    ("b", "a", 1, 0.946),
    ("ef", "d", 1, 0.652),
    ("asdf", "8952klfjas09ujk", 1, 0.549),
    ("", "123", 1, 0.011),
    ("", '___)((*":&', 1, 0.563),
    ("seed", "a", 2, 0.0505),
    ("seed", "b", 2, 0.2696),
    ("foo", "ab", 2, 0.2575),
    ("foo", "def", 2, 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 2, 0.124),
    ("90850943850283058242805", "123", 2, 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 2, 0.0128),
]


@pytest.mark.parametrize(("seed", "value", "version", "expected"), GROWTHBOOK)
def test_growthbooks_hash_vectors(seed, value, version, expected):
    method = {1: "fnv1a-v1", 2: "fnv1a"}[version]
    assert position(value, seed, method=method) == expected


def test_a_hash_that_growthbook_does_not_have_is_refused_as_there():
    with pytest.raises(InputError, match=r"no hash 'fnv1a-v99'\. Did you mean"):
        position("def", "abc", method="fnv1a-v99")


def test_planouts_published_values():
    assert position("0", "exp1.x", method="sha1") == pytest.approx(0.65992886, abs=1e-8)
    assert position("1", "exp1.x", method="sha1") == pytest.approx(0.07236306, abs=1e-8)


@pytest.mark.parametrize("method", ["blake2b", "fnv1a", "fnv1a-v1", "sha1"])
@settings(max_examples=30)
@given(key=st.text(), salt=st.text())
def test_every_key_has_a_place_below_one(method, key, salt):
    assert 0 <= position(key, salt, method=method) < 1


def test_half_a_surrogate_pair_has_a_place_too():
    assert 0 <= position("\ud800", "s") < 1
    assert position("\ud800", "s") != position("\ud801", "s")


def test_another_process_gives_the_same_places():
    code = "from homeostat.serve import position as p; print([p(str(i), 's') for i in range(20)])"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told.strip() == str([position(str(i), "s") for i in range(20)])


def test_places_are_uniform_and_independent_of_the_salt():
    keys = [f"user-{i}" for i in range(20_000)]
    first = np.array([position(key, "a") for key in keys])
    second = np.array([position(key, "b") for key in keys])
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert np.abs(np.sort(first) - (np.arange(20_000) + 0.5) / 20_000).max() < 1.95 / 20_000**0.5


def test_the_ends_of_the_range():
    users = [f"user-{number}" for number in range(1000)]
    assert not assign(users, 0.0, salt="s").any()
    assert assign(users, 1.0, salt="s").all()
    assert assign([], 0.5, salt="s").dtype == np.bool_
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError):
            assign(users[:1], share, salt="s")
