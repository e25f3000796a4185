import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.evaluate import PERTURBATIONS, perturb

IMAGE_KINDS = [name for name, one in PERTURBATIONS.items() if one.kind == "image"]
RNG = np.random.default_rng(0)
IMAGES = {
    "grey bytes": RNG.integers(0, 256, (40, 12, 16), dtype=np.uint8),
    "colour bytes": RNG.integers(0, 256, (40, 12, 16, 3), dtype=np.uint8),
    "floats": RNG.random((40, 12, 16)),
    "floats of 16": RNG.random((40, 8, 8), dtype=np.float32) * 16,
}


@pytest.mark.parametrize("images", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize("name", IMAGE_KINDS)
def test_shape_type_and_range_stay_and_every_image_changes(name, images):
    before = images.copy()
    strength = PERTURBATIONS[name].strengths[-1]
    changed = perturb(images, name, strength, rng=1)
    assert (changed.shape, changed.dtype) == (images.shape, images.dtype)
    assert changed.min() >= 0
    assert changed.max() <= (255 if images.dtype == np.uint8 else max(1, images.max()))
    assert np.all(np.any(changed != images, axis=tuple(range(1, images.ndim))))
    assert np.array_equal(images, before)
    assert np.array_equal(changed, perturb(images, name, strength, rng=1))
    assert np.array_equal(perturb(images, name, 0), images)


def test_noise_and_brightness_are_as_strong_as_told():
    grey = np.full((50, 32, 32), 0.5)
    assert np.std(perturb(grey, "pixel_noise", 0.1) - grey) == pytest.approx(0.1, rel=0.02)
    lighter = perturb(grey, "brightness", 0.2) - grey
    assert np.allclose(np.abs(lighter), 0.2)
    assert 10 < np.sum(lighter[:, 0, 0] > 0) < 40


def test_contrast_keeps_the_mean_and_scales_what_differs_from_it():
    images = 0.5 + 0.1 * (RNG.random((60, 9, 9)) - 0.5)
    changed = perturb(images, "contrast", 0.5)
    assert np.allclose(changed.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=1e-6)
    factor = changed.std(axis=(1, 2)) / images.std(axis=(1, 2))
    assert set(np.round(factor, 3)) == {0.5, 1.5}


def test_an_occlusion_hides_its_share_in_one_square():
    images = np.zeros((30, 20, 20))
    images[:, ::2] = 1
    hidden = perturb(images, "occlusion", 0.25) != images
    assert np.all(hidden.sum(axis=(1, 2)) == 100)


def test_a_shift_moves_a_dot_by_its_pixels_and_a_turn_keeps_the_middle():
    dot = np.zeros((40, 9, 9))
    dot[:, 4, 4] = 1
    moved = np.argwhere(perturb(dot, "shift", 2))[:, 1:] - 4
    assert {tuple(one) for one in moved.tolist()} == {(2, 0), (-2, 0), (0, 2), (0, -2)}
    assert np.allclose(perturb(dot, "rotation", 20)[:, 4, 4], 1)


def test_a_quarter_turn_is_exact():
    images = RNG.random((6, 5, 5))
    turned = perturb(images, "rotation", 90, rng=0)
    either = [np.rot90(images, k, axes=(1, 2)) for k in (1, -1)]
    for i in range(6):
        assert any(np.allclose(turned[i], one[i], atol=1e-6) for one in either)


def test_blur_equals_that_of_scipy_and_does_not_mix_images_or_channels():
    images = np.zeros((2, 9, 9, 2))
    images[0, 4, 4, 0] = 1
    blurred = perturb(images, "blur", 1.0)
    assert blurred[0, ..., 0].sum() == pytest.approx(1, abs=1e-5)
    assert not blurred[1].any()
    assert not blurred[0, ..., 1].any()


@pytest.mark.parametrize(
    ("images", "name", "strength", "says"),
    [
        (np.full((3, 4, 4), np.nan), "blur", 1, "NaN or infinite"),
        (np.zeros((0, 4, 4)), "blur", 1, "at least one row"),
        (np.zeros((3, 4, 4), dtype=bool), "blur", 1, "must be numbers"),
        (np.zeros((3, 4, 4)), "shift", 0.5, "whole number of pixels"),
        (np.zeros((3, 4, 4, 5)), "jpeg", 50, "1 or 3 channels"),
    ],
)
def test_bad_input_is_named_in_a_sentence(images, name, strength, says):
    with pytest.raises(InputError, match=says):
        perturb(images, name, strength)
