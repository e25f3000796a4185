import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from homeostat.core import InputError
from homeostat.media import Image, from_row

RNG = np.random.default_rng(0)
BOX = {"position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4}, "class_id": 1}


def pixels(image):
    return np.asarray(image.image)


class Tensor:
    """What a torch tensor looks like from outside."""

    def __init__(self, array, dtype="torch.float32"):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    cpu = float = detach

    def numpy(self):
        return self.array


class Figure:
    """What a matplotlib figure looks like from outside."""

    def savefig(self, out, format):  # noqa: A002 - matplotlib's name
        Pillow.new("RGB", (6, 4)).save(out, format)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 2), (4, 6, 3), (4, 6, 4)])
def test_an_array_comes_back_pixel_by_pixel(shape):
    array = RNG.integers(0, 256, shape, dtype=np.uint8)
    image = Image(array)
    assert image.content()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (image.width, image.height, image.format) == (6, 4, "png")
    assert np.array_equal(pixels(image), array[:, :, 0] if shape[-1] == 1 else array)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        ([[0.0, 0.5, 1.0]], [0, 127, 255]),
        ([[0.0, 128.0, 300.0]], [0, 128, 255]),
        ([[-1.0, 0.0, 1.0]], [0, 127, 255]),
        ([[np.nan, 1.0, np.inf]], [0, 255, 255]),
        ([[False, True]], [0, 255]),
        ([[0, 1, 300]], [0, 1, 255]),
    ],
)
def test_numbers_are_scaled_as_the_docs_say(array, expected):
    assert pixels(Image(np.array(array))).ravel().tolist() == expected


def test_floats_are_taken_as_they_are_if_asked():
    assert pixels(Image(np.array([[0.0, 1.0, 9.0]]), normalize=False)).tolist() == [[0, 1, 9]]


def test_what_is_logged_does_not_change_with_the_array():
    array = np.zeros((2, 2), np.uint8)
    image = Image(array)
    array[:] = 9
    assert not pixels(image).any()


def test_a_tensor_has_its_channels_first_and_a_batch_is_a_grid():
    array = RNG.random((3, 4, 6))
    assert np.array_equal(
        pixels(Image(Tensor(array))), (np.moveaxis(array, 0, -1) * 255).astype("u1")
    )
    batch = Image(Tensor(RNG.random((10, 3, 4, 6)), "torch.bfloat16"))
    assert (batch.width, batch.height) == (8 * 6, 2 * 4)
    assert Image(Tensor(np.zeros((4, 6)))).image.mode == "L"


def test_pictures_figures_files_and_images_are_taken(tmp_path):
    picture = Pillow.new("CMYK", (6, 4))
    picture.save(tmp_path / "a.jpg")
    assert Image(picture).image.mode == "RGB"
    assert Image(picture.convert("LA")).image.mode == "LA"
    assert Image(Figure()).width == 6
    kept = Image(tmp_path / "a.jpg", caption="as it is")
    assert kept.content() == (tmp_path / "a.jpg").read_bytes()
    assert kept.format == "jpg"
    assert Image(io.BytesIO(kept.content())).height == 4
    assert Image(str(tmp_path / "a.jpg"), mode="L").image.mode == "L"
    assert Image(kept).content() == kept.content()
    assert Image(np.zeros((4, 6, 4), np.uint8), file_type="jpg").format == "jpg"


def test_a_row_holds_the_facts_and_the_digests_of_what_was_put(store):
    image = Image(
        np.zeros((4, 6), np.uint8),
        caption="a road",
        grouping=2,
        masks={"truth": {"mask_data": np.eye(4, dtype=int), "class_labels": {0: "road", 1: "car"}}},
        boxes={"guess": {"box_data": [BOX], "class_labels": {1: "car"}}},
    )
    row = image.to_row(store.put)
    assert row == {
        "_type": "image-file",
        "sha256": store.puts[0].sha256,
        "size": store.puts[0].size,
        "format": "png",
        "width": 6,
        "height": 4,
        "caption": "a road",
        "grouping": 2,
        "masks": {
            "truth": {
                "_type": "mask",
                **store.puts[1]._asdict(),
                "class_labels": {"0": "road", "1": "car"},
            }
        },
        "boxes": {"guess": {"_type": "boxes2D", **store.puts[2]._asdict()}},
    }
    back = from_row(row, store.path)
    assert (back.caption, back.width, back.grouping) == ("a road", 6, 2)
    assert back.content() == image.content()
    assert back.boxes["guess"].box_data == [BOX]
    mask = np.asarray(Pillow.open(io.BytesIO(back.masks["truth"].png())))
    assert np.array_equal(mask, np.eye(4))
    assert back.to_row(store.put) == row


def test_a_mask_may_have_thousands_of_classes_and_shared_names():
    data = np.array([[0, 60_000]])
    image = Image(
        np.zeros((1, 2)), classes=[{"id": 60_000, "name": "far"}], masks={"m": {"mask_data": data}}
    )
    found = np.asarray(Pillow.open(io.BytesIO(image.masks["m"].png())))
    assert np.array_equal(found, data)
    assert image.masks["m"].class_labels == {"60000": "far"}


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([None, 3, 4]), st.integers(0, 99))
def test_any_picture_survives(height, width, channels, seed):
    shape = (height, width) if channels is None else (height, width, channels)
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(pixels(Image(array)), array)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (np.zeros((3, 4, 6)), {}, "got \\(3, 4, 6\\): move the channels last"),
        (np.zeros(5), {}, "got \\(5,\\)"),
        (np.zeros((0, 5)), {}, "shape \\(0, 5\\)"),
        (np.array([["a"]]), {}, "made of numbers"),
        (object(), {}, "a matplotlib figure or a path, got object"),
        ("missing.png", {}, "missing.png does not exist"),
        ("notes.txt", {}, "is a file of type png"),
        (b"no picture", {}, "no image that can be read"),
        (b"", {}, "at least one byte"),
        (np.zeros((2, 2)), {"masks": {"m": {}}}, "mask `m` is a dict with `mask_data` or `path`"),
        (np.zeros((2, 2)), {"masks": {"m": {"mask_data": np.zeros((2, 2))}}}, "of whole numbers"),
        (np.zeros((2, 2)), {"masks": {"m": {"mask_data": [[-1]]}}}, "lie in 0..65535, got -1"),
        (np.zeros((2, 2)), {"masks": [1]}, "`masks` is a dict of name to dict"),
        (np.zeros((2, 2)), {"boxes": {"b": {}}}, "a dict with a list `box_data`"),
        (
            np.zeros((2, 2)),
            {"boxes": {"b": {"box_data": [{}]}}},
            "position of box 0 of `b` has minX",
        ),
        (
            np.zeros((2, 2)),
            {"boxes": {"b": {"box_data": [BOX | {"class_id": "car"}]}}},
            "class_id of box 0 of `b` is a whole number, got 'car'",
        ),
        (
            np.zeros((2, 2)),
            {"boxes": {"b": {"box_data": [BOX | {"domain": "percent"}]}}},
            "'pixel' or left out",
        ),
        (
            np.zeros((2, 2)),
            {"boxes": {"b": {"box_data": [BOX | {"scores": {"p": np.nan}}]}}},
            "are finite, got nan",
        ),
        (np.zeros((2, 2)), {"file_type": "docx"}, "cannot be written as 'docx'"),
        (np.zeros((2, 2)), {"classes": ["road"]}, "a list of dicts with `id` and `name`"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(data, settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(InputError, match=message):
        Image(data, **settings)
