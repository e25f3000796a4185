"""Random generators are seeded together, and their states are told apart."""

import random
import subprocess
import sys

import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.record import random_state, seed_everything


def draw():
    return random.random(), float(np.random.random())  # noqa: NPY002 - the global one is seeded


def test_the_same_seed_gives_the_same_numbers_and_the_same_digests():
    told = seed_everything(2**40 + 7)
    first, numbers = random_state(), draw()
    seed_everything(2**40 + 7)
    assert (random_state(), draw()) == (first, numbers)
    assert told["seed"] == 2**40 + 7
    assert told["seeded"][:2] == ["random", "numpy"]


def test_a_generator_that_was_used_has_another_digest():
    before = random_state()
    random.random()
    after = random_state()
    assert before["random"] != after["random"]
    assert before["numpy"] == after["numpy"]


def test_torch_is_not_imported_for_it():
    code = (
        "import sys; from homeostat.record import seed_everything, random_state\n"
        "seed_everything(1); random_state(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("seed", [-1, 2**53, 1.5, "7", True])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InputError, match="A seed must be an integer"):
        seed_everything(seed)
