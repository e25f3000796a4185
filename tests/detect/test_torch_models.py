"""Torch modules as encoders, classifiers and ensembles; skipped where torch is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.detect import (
    BlackBoxShift,
    Classifier,
    ClassifierUncertainty,
    Encoder,
    RegressorUncertainty,
    mc_dropout,
)

torch = pytest.importorskip("torch", reason="the torch extra is not installed")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 16),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(16, 3),
    )


def rows(seed, n, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, size=(n, 4))


def test_a_hidden_layer_is_an_encoder_and_the_module_is_left_as_it_was(network):
    network.train()
    out = Encoder(network, layer="1", batch_size=7)(rows(0, 20))
    assert out.shape == (20, 16)
    with torch.no_grad():
        known = network[1](network[0](torch.as_tensor(rows(0, 20)).float()))
    assert out == pytest.approx(known.numpy(), abs=1e-5)
    assert network.training
    assert not network[1]._forward_hooks
    assert Encoder(network)(rows(0, 3)).shape == (3, 3)


def test_an_unknown_layer_is_refused_with_those_there_are(network):
    with pytest.raises(InputError, match="no layer 'fc'; it has: 0, 1, 2, 3"):
        Encoder(network, layer="fc")(rows(0, 3))


def test_a_classifier_test_runs_on_encoded_rows(network):
    detector = Classifier(reduce=Encoder(network, layer="1")).fit(rows(0, 300))
    assert detector.test(rows(1, 200, 1.0)).verdict is Verdict.FAIL


def test_logits_of_a_module_serve_the_uncertainty_and_black_box_tests(network):
    for kind in (ClassifierUncertainty, BlackBoxShift):
        detector = kind(network, logits=True).fit(rows(0, 300))
        assert detector.test(rows(1, 200)).verdict is Verdict.OK
        assert detector.test(4 * rows(2, 200, 1.0)).verdict is Verdict.FAIL


def test_dropout_passes_are_an_ensemble_and_torchs_own_draws_are_not_moved(network):
    members = mc_dropout(network, passes=6, seed=1)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    out = members(rows(0, 10))
    assert (torch.random.get_rng_state() == before).all()
    assert out.shape == (10, 6)
    assert (out.std(axis=1) > 0).all()
    assert (out == members(rows(0, 10))).all()
    assert network.training
    detector = RegressorUncertainty(members).fit(rows(0, 300))
    assert detector.test(rows(1, 200)).verdict is Verdict.OK
    assert detector.test(5 * rows(1, 200)).verdict is Verdict.FAIL


def test_a_module_without_dropout_has_no_passes():
    with pytest.raises(InputError, match="dropout layer"):
        mc_dropout(torch.nn.Linear(4, 1))(rows(0, 5))
