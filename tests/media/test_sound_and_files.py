import io
import json
import subprocess
import sys
import wave

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from homeostat.core import InputError, MissingExtraError
from homeostat.media import (
    Audio,
    Histogram,
    Html,
    Image,
    Media,
    Molecule,
    Object3D,
    Plotly,
    Table,
    Video,
    as_media,
    from_row,
    sequence_row,
)


def test_samples_are_a_wav_that_other_programs_read(store):
    tone = np.sin(np.linspace(0, 100, 4_000))
    sound = Audio(np.stack([tone, -tone], axis=1), sample_rate=8_000, caption="a tone")
    row = sound.to_row(store.put)
    with wave.open(str(store.path(row["sha256"]))) as file:
        assert file.getparams()[:4] == (2, 2, 8_000, 4_000)
        samples = np.frombuffer(file.readframes(4_000), "<i2").reshape(-1, 2)
    assert np.allclose(samples[:, 0] / 32_767, tone, atol=1e-4)
    facts = {"sample_rate": 8_000, "duration_s": 0.5, "caption": "a tone", "format": "wav"}
    assert row | facts == row
    assert from_row(row, store.read).content() == sound.content()


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4"])
def test_whole_samples_are_kept_bit_by_bit(dtype):
    samples = np.array([1, 2, 100], dtype)
    with wave.open(io.BytesIO(Audio(samples, sample_rate=9).content())) as file:
        assert file.readframes(3) == samples.tobytes()
    assert Audio(np.array([1, 2], np.int64), sample_rate=9).duration_s == 2 / 9


def test_a_sound_file_is_kept_as_it_is(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"ID3...")
    sound = Audio(tmp_path / "a.mp3")
    assert (sound.content(), sound.format, sound.duration_s) == (b"ID3...", "mp3", None)


def test_frames_are_a_gif_of_as_many_frames(store):
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 10), dtype=np.uint8)
    row = Video(frames, fps=10).to_row(store.put)
    with Pillow.open(store.path(row["sha256"])) as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (5, (10, 8), 100)
    facts = {
        "_type": "video-file",
        "format": "gif",
        "width": 10,
        "height": 8,
        "frames": 5,
        "fps": 10,
    }
    assert row | facts == row
    assert from_row(row, store.path).frames == 5
    assert Video(np.zeros((2, 3, 1, 4, 4))).width == 8  # two clips side by side


def test_a_video_file_is_kept_and_another_format_of_frames_is_said(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"....ftyp")
    assert Video(str(tmp_path / "a.mp4")).format == "mp4"
    assert Video(io.BytesIO(b"...."), format="webm").format == "webm"
    with pytest.warns(UserWarning, match="written as GIF, not as mp4"):
        assert Video(np.zeros((2, 3, 4, 4)), format="mp4").format == "gif"


def test_a_histogram_counts_what_numpy_counts_and_sets_aside_what_is_not_finite(store):
    values = np.random.default_rng(0).normal(size=1_000)
    counts, edges = np.histogram(values, 32)
    found = Histogram([*values, np.nan, np.inf], num_bins=32)
    assert (found.histogram, found.bins) == (counts.tolist(), edges.tolist())
    row = found.to_row(store.put)
    assert row["_type"] == "histogram"
    assert row["not_finite"] == 2
    assert store.puts == []
    assert json.loads(json.dumps(row)) == row
    again = from_row(row, store.read)
    assert (again.histogram, again.bins, again.not_finite) == (counts.tolist(), edges.tolist(), 2)
    assert Histogram(np_histogram=(counts, edges)).histogram == counts.tolist()
    packed = {
        "_type": "histogram",
        "values": [1, 2],
        "packedBins": {"min": 0, "size": 2, "count": 2},
    }
    assert from_row(packed, store.read).bins == [0, 2, 4]
    assert Histogram.MAX_LENGTH == 512


def test_pages_molecules_and_scenes_are_files(store, tmp_path):
    (tmp_path / "page.html").write_text("<p>page</p>")
    (tmp_path / "water.pdb").write_text("HETATM")
    (tmp_path / "cube.obj").write_text("v 0 0 0")
    values = [
        Html(str(tmp_path / "page.html")),
        Html("<i>text</i>"),
        Html(io.StringIO("<u>file</u>")),
        Html("see a.html", data_is_not_path=True),
        Molecule(tmp_path / "water.pdb", caption="water"),
        Molecule(io.StringIO("HETATM"), file_type="pdb"),
        Object3D(tmp_path / "cube.obj"),
        Object3D(np.arange(12).reshape(2, 6)),
        Object3D({"type": "lidar/beta", "points": np.eye(3)}),
        Plotly({"data": [{"y": np.arange(2)}]}),
        Plotly('{"data": []}'),
    ]
    types = ["html-file"] * 4 + ["molecule-file"] * 2 + ["object3D-file"] * 3 + ["plotly-file"] * 2
    rows = [value.to_row(store.put) for value in values]
    assert [row["_type"] for row in rows] == types
    for value, row in zip(values, rows, strict=True):
        back = from_row(row, store.read)
        assert type(back) is type(value)
        assert back.content() == value.content()
        assert back.to_row(store.put) == row
    assert json.loads(values[7].content()) == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert json.loads(values[9].content()) == {"data": [{"y": [0, 1]}]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Audio(np.zeros(3)), "need a `sample_rate`"),
        (lambda: Audio(np.zeros((2, 99)), sample_rate=9), "at most 32 channels.*transpose"),
        (lambda: Audio("a", sample_rate=9), "does not exist"),
        (lambda: Audio(np.array([1, 99_999]), sample_rate=9), "lie in -32768..32767"),
        (lambda: Video(np.zeros((3, 4, 4))), "an array \\(time, channels, height, width\\)"),
        (lambda: Video(np.zeros((3, 3, 4, 4)), fps=99), "above 0 and up to 50"),
        (lambda: Video(np.zeros((3, 3, 4, 4)), format="avi"), "one of gif, mp4"),
        (Histogram, "got neither"),
        (lambda: Histogram([1], ([1], [0, 1])), "got both"),
        (lambda: Histogram([1], num_bins=513), "1 to 512 bins, got 513"),
        (lambda: Histogram(["a"]), "counts numbers"),
        (lambda: Histogram(np_histogram=([1, 2], [0, 1])), "one edge more"),
        (lambda: Histogram(np_histogram=([1], [0, np.inf])), "finite counts and edges"),
        (lambda: Html(3), "a text, a path or a file, got int"),
        (lambda: Molecule(io.StringIO("x")), "file_type= one of pdb"),
        (lambda: Object3D(np.zeros((2, 5))), "\\(n, 6\\), got \\(2, 5\\)"),
        (lambda: Object3D({"points": []}), "has a `type`"),
        (lambda: Plotly("{}"), "JSON with `data`"),
        (lambda: Plotly(3), "got int"),
        (lambda: from_row({"_type": "image-file"}, None), "a `_type` such as 'image-file'"),
        (lambda: from_row({"loss": 1}, None), "a `_type` such as 'image-file'"),
    ],
)
def test_bad_media_are_refused_in_a_sentence(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_what_other_libraries_make_becomes_media():
    assert isinstance(as_media(Pillow.new("L", (2, 2))), Image)
    assert isinstance(as_media(pl.DataFrame({"a": [1]})), Table)
    assert isinstance(as_media(np.arange(100)), Histogram)
    assert isinstance(as_media(Html("x")), Html)
    for plain in (np.arange(3), 1.5, "text", None, {"a": 1}, np.array(["a"] * 99), pl.Series([1])):
        assert as_media(plain) is None
    assert all(isinstance(one, Media) for one in (Html("x"), Histogram([1]), Table()))


def test_several_images_are_one_row(store):
    images = [Image(np.full((2, 3), i, np.uint8), caption=f"{i}") for i in range(3)]
    row = sequence_row(images, store.put)
    assert row["_type"] == "images/separated"
    assert (row["count"], row["captions"], row["width"]) == (3, ["0", "1", "2"], 3)
    assert [one.caption for one in from_row(row, store.path)] == ["0", "1", "2"]
    with pytest.raises(InputError, match="one class of them, got Html, Image"):
        sequence_row([images[0], Html("x")], store.put)


def test_importing_the_room_loads_nothing_heavy():
    code = "import sys, homeostat.media; print({'numpy', 'polars', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_pillow_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'homeostat\[media\]'"):
        Image(np.zeros((2, 2)))
