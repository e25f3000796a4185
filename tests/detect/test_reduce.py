"""Dimension reduction: what comes out, what is learned, and what happens to bad rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA as KnownPCA  # noqa: N811 - the known answer
from sklearn.preprocessing import StandardScaler

from homeostat.core import InputError
from homeostat.detect import (
    PCA,
    Chain,
    Encoder,
    RandomConvolutions,
    RandomProjection,
    Reducer,
    SeriesFeatures,
    TextEmbedding,
    WordCounts,
    series_windows,
)


@pytest.mark.parametrize("shape", [(60, 5), (8, 20)])
@pytest.mark.parametrize("whiten", [False, True])
def test_principal_components_are_scikit_learns_up_to_sign(shape, whiten):
    rows = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
    ours = PCA(3, whiten=whiten).fit(rows)(rows)
    known = KnownPCA(3, whiten=whiten).fit_transform(rows)
    assert np.abs(ours) == pytest.approx(np.abs(known), abs=1e-8)


def test_components_flatten_images_and_never_exceed_the_rank():
    images = np.random.default_rng(0).normal(size=(6, 4, 4))
    assert PCA(50).fit(images)(images).shape == (6, 5)
    assert PCA(3).fit(np.ones((5, 4)))(np.ones((5, 4))).shape == (5, 0)


def test_rows_with_nan_are_not_learned_from_and_come_back_as_nan():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    bad = np.vstack([rows, [np.nan, 0, 0, 0], [np.inf, 0, 0, 0]])
    for reducer in (PCA(2).fit(bad), RandomProjection(2)):
        out = reducer(bad)
        assert np.isnan(out[-2:]).all()
        assert out[:-2] == pytest.approx(reducer(rows))
    assert PCA(2).fit(bad)(rows) == pytest.approx(PCA(2).fit(rows)(rows))


def test_components_ask_for_fit_and_for_rows_of_the_same_width():
    with pytest.raises(InputError, match="call `fit"):
        PCA(2)(np.ones((3, 3)))
    with pytest.raises(InputError, match="two complete rows"):
        PCA(2).fit(np.ones((1, 3)))
    with pytest.raises(InputError, match="3 numbers as in `fit`, got 4"):
        PCA(2).fit(np.eye(3))(np.ones((2, 4)))


@pytest.mark.parametrize("kind", ["gaussian", "sparse"])
def test_random_projections_keep_squared_lengths_on_average(kind):
    rows = np.random.default_rng(0).normal(size=(200, 300))
    out = RandomProjection(64, kind=kind, seed=1)(rows)
    ratio = (out**2).sum(axis=1) / (rows**2).sum(axis=1)
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    assert (out == RandomProjection(64, kind=kind, seed=1)(rows)).all()
    assert not (out == RandomProjection(64, kind=kind, seed=2)(rows)).all()


def test_random_convolutions_encode_grey_and_coloured_images_and_series():
    rng = np.random.default_rng(0)
    for shape in [(5, 28, 28), (5, 16, 16, 3), (5, 40), (5, 40, 2)]:
        images = rng.random(shape)
        images[2].flat[0] = np.nan
        out = RandomConvolutions(7)(images)
        assert out.shape == (5, 7)
        assert np.isnan(out[2]).all()
        assert np.isfinite(out[[0, 1, 3, 4]]).all()


def test_random_convolutions_give_a_row_the_same_code_wherever_it_stands():
    images = np.random.default_rng(0).random((1100, 8, 8))
    encoder = RandomConvolutions(5, filters=(4,))
    assert encoder(images)[[3, 700]] == pytest.approx(encoder(images[[3, 700]]))


def test_a_convolution_is_scipys():
    from scipy.signal import correlate2d

    image = np.random.default_rng(0).random((1, 7, 7, 1))
    layer = np.arange(9.0).reshape(9, 1)
    ours = RandomConvolutions()._convolve(image, layer)[0, :, :, 0]
    known = correlate2d(image[0, :, :, 0], layer.reshape(3, 3), mode="valid")[::2, ::2]
    assert ours == pytest.approx(known)


def test_rows_too_small_for_a_filter_are_refused():
    with pytest.raises(InputError, match="smaller than a filter"):
        RandomConvolutions()(np.ones((2, 4, 4)))


def test_texts_are_rows_of_length_one_with_the_missing_as_nan():
    out = TextEmbedding(size=64)(["a cat sat", "", None, "a cat sat"])
    assert np.linalg.norm(out[0]) == pytest.approx(1)
    assert (out[0] == out[3]).all()
    assert (out[1] == 0).all()
    assert np.isnan(out[2]).all()


def test_an_embedding_is_called_with_the_known_texts_only():
    class Model:
        def encode(self, texts):
            assert None not in texts
            return [[len(text), 1.0] for text in texts]

    out = TextEmbedding(embed=Model())(["abc", None, "é"])
    assert out[[0, 2]].tolist() == [[3, 1], [1, 1]]
    with pytest.raises(InputError, match="one row a text"):
        TextEmbedding(embed=lambda texts: [1.0] * len(texts))(["a"])


def test_texts_must_be_texts():
    with pytest.raises(InputError, match="got 3 at position 1"):
        TextEmbedding()(["a", 3])


def test_words_are_a_frame_of_the_most_frequent():
    texts = ["red car", "red bus", "Red bus naïve", None]
    frame = WordCounts(most=2).fit(texts)(texts)
    assert frame.columns == ["bus", "red"]
    assert frame["bus"].to_list()[:3] == [0, 1, 1]
    assert np.isnan(frame["red"][3])
    assert WordCounts().fit(["", "!"])(["", "!"]).shape == (2, 1)
    with pytest.raises(InputError, match="call `fit"):
        WordCounts()(texts)


def test_a_series_is_cut_into_pieces_in_order():
    assert series_windows(np.arange(10), 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert series_windows(np.arange(6), 4, step=1).shape == (3, 4)
    assert series_windows(np.ones((10, 2)), 5).shape == (2, 5, 2)
    assert series_windows(np.arange(3), 4).shape == (0, 4)
    with pytest.raises(InputError, match="at least 1 step"):
        series_windows(np.arange(3), 0)


def test_the_features_of_a_series_are_what_their_names_say():
    time = np.arange(64)
    rows = np.stack([np.sin(2 * np.pi * 16 * time / 64), time * 1.0, np.ones(64)])
    out = SeriesFeatures(lags=(1, 4), bands=3)(rows)
    assert out["mean"].to_list() == pytest.approx([0, 31.5, 1])
    assert out["sd"].to_list() == pytest.approx([np.sqrt(0.5), time.std(), 0])
    assert out["trend"].to_list() == pytest.approx([0, 1, 0], abs=0.05)
    assert out["memory at lag 4"][0] == pytest.approx(15 / 16)
    assert out["rhythm band 1"][0] == pytest.approx(1)  # 16 of 32 cycles
    assert out["max"].to_list() == pytest.approx([1, 63, 1])
    assert out["longest run"][1] == 0.5
    assert np.isfinite(out.to_numpy()).all()


def test_channels_have_features_of_their_own_and_an_empty_series_is_nan():
    rows = np.random.default_rng(0).normal(size=(4, 20, 2))
    rows[1, :, 0] = np.nan
    rows[2, 3, 1] = np.nan
    out = SeriesFeatures()(rows)
    assert "mean of channel 1" in out.columns
    assert np.isnan(out["mean of channel 0"][1])
    assert np.isfinite(out["sd of channel 1"].to_numpy()).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-1e300, 1e300) | st.just(float("nan")), min_size=5, max_size=5),
        min_size=1,
        max_size=4,
    )
)
def test_series_features_are_numbers_for_any_series(rows):
    out = SeriesFeatures()(rows).to_numpy()
    empty = np.isnan(rows).all(axis=1)
    assert np.isfinite(out[~empty]).all()
    assert np.isnan(out[empty]).all()


def test_an_encoder_takes_functions_and_fitted_transformers_in_batches():
    rows = np.arange(20.0).reshape(10, 2)
    sizes = []
    Encoder(lambda batch: sizes.append(len(batch)) or batch, batch_size=4)(rows)
    assert sizes == [4, 4, 2]
    assert Encoder(StandardScaler().fit(rows))(rows).mean() == pytest.approx(0)
    with pytest.raises(InputError, match="one row a case"):
        Encoder(lambda batch: batch[:1])(rows)
    with pytest.raises(InputError, match="`layer` names"):
        Encoder(lambda batch: batch, layer="x")(rows)
    with pytest.raises(InputError, match="An encoder is a function"):
        Encoder(3)(rows)


def test_a_chain_learns_where_its_parts_do():
    texts = [f"word{i % 7} other{i % 3}" for i in range(40)]
    chain = Chain(TextEmbedding(size=32), PCA(3))
    assert isinstance(chain, Reducer)
    assert not chain.fitted
    assert chain.fit(texts)(texts).shape == (40, 3)
    assert chain.fitted
    assert Chain(TextEmbedding()).fitted


def test_a_frame_is_reduced_as_its_numbers():
    frame = pl.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0, 1, 0]})
    assert PCA(1).fit(frame)(frame).shape == (3, 1)


def test_without_torch_a_torch_module_is_refused_by_name():
    try:
        import torch  # noqa: F401
    except ImportError:
        from homeostat.core import MissingExtraError

        module = type("Module", (), {"__module__": "torch.nn"})()
        with pytest.raises(MissingExtraError, match=r"homeostat\[torch\]"):
            Encoder(module)(np.ones((2, 2)))
    else:
        pytest.skip("torch is installed")
