"""What every family of models must do, and the door they come in through."""

import copy
import io
import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import polars as pl
import pytest

from homeostat import train
from homeostat.core import InputError, Model, NotFoundError, SchemaError, Updatable, VersionError
from homeostat.train import _families

MAKERS = {
    "boosted": lambda: train.Boosted(trees=15, continue_trees=3),
    "leaf-head": lambda: train.LeafHead(train.Boosted(trees=15)),
    "logistic": train.Logistic,
    "majority": train.Majority,
    "previous-period": lambda: train.PreviousPeriod(rows=100),
    "random": lambda: train.RandomGuess(seed=3),
    "rule-of-thumb": lambda: train.RuleOfThumb(["carrier", "hour"]),
}
LEARNERS = ["boosted", "leaf-head", "logistic", "previous-period"]
USES_FEATURES = ["boosted", "leaf-head", "logistic", "rule-of-thumb"]


def flights(n=600, seed=0, *, turned=False):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "carrier": rng.choice(["AA", "UA", "DL", None], n).tolist(),
            "hour": rng.integers(5, 23, n),
            "wind": np.where(rng.random(n) < 0.1, np.nan, rng.normal(10, 4, n)),
            "holiday": rng.random(n) < 0.1,
            "always": np.ones(n),
        },
        nan_to_null=True,
    )
    score = (frame["hour"].to_numpy() - 14) / 4 + (
        frame["carrier"].fill_null("") == "UA"
    ).to_numpy()
    score = -score if turned else score
    return frame, (rng.random(n) < 1 / (1 + np.exp(-score))).astype(float)


@pytest.fixture(params=sorted(MAKERS))
def family(request):
    return request.param


@pytest.fixture
def model(family):
    fitted = MAKERS[family]()
    fitted.fit(*flights())
    return fitted


@pytest.fixture(params=LEARNERS)
def learner(request):
    fitted = MAKERS[request.param]()
    fitted.fit(*flights())
    return fitted


def test_every_family_of_ours_is_tried_here():
    assert set(MAKERS) == set(_families._OURS)
    assert {name for name in MAKERS if isinstance(MAKERS[name](), Updatable)} == set(LEARNERS)


def test_a_model_fits_the_protocol(family, model):
    assert isinstance(model, Model)
    assert model.family == family
    assert train.family(family) is type(model)


def test_predictions_are_probabilities_even_of_values_never_seen(model):
    frame, _ = flights(50, seed=1)
    strange = frame.with_columns(
        carrier=pl.lit("ZZ"), hour=pl.lit(99), wind=pl.lit(1e300), holiday=None
    )
    for rows in (frame, strange, strange.head(1)):
        p = model.predict(rows)
        assert p.shape == (rows.height,)
        assert p.dtype == np.float64
        assert ((p > 0) & (p < 1)).all()


def test_predictions_after_save_and_load_are_equal_to_the_last_bit(family, model):
    frame, _ = flights(200, seed=1)
    again = train.load(family, dict(model.save()))
    assert again.predict(frame).tobytes() == model.predict(frame).tobytes()
    assert dict(again.save()) == dict(model.save())


@pytest.mark.parametrize("name", ["leaf-head", "logistic", "random"])
def test_another_process_predicts_the_same_bits(name, tmp_path):
    model = MAKERS[name]()
    model.fit(*flights())
    frame, _ = flights(100, seed=1)
    frame.write_ipc(tmp_path / "rows.arrow")
    for path, data in model.save().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    code = (
        "import pathlib, sys, polars as pl; from homeostat import train\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "files = {f.relative_to(root).as_posix(): f.read_bytes()"
        " for f in root.rglob('*') if f.is_file() and f.suffix != '.arrow'}\n"
        "rows = pl.read_ipc(root / 'rows.arrow')\n"
        "print(train.load(sys.argv[2], files).predict(rows).tobytes().hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path), name]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == model.predict(frame).tobytes().hex()


def test_a_loaded_model_learns_on_as_the_saved_one_would(learner):
    model, family = learner, learner.family
    again = train.load(family, model.save())
    for one in (model, again):
        one.update(*flights(100, seed=2))
    frame, _ = flights(200, seed=1)
    assert again.predict(frame).tobytes() == model.predict(frame).tobytes()


def test_files_run_no_code_when_read(model):
    for name, data in model.save().items():
        if name.endswith(".json"):
            json.loads(data)
        elif name.endswith(".npz"):
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                assert all(arrays[key].dtype != object for key in arrays.files)
        else:
            assert data.decode().startswith("tree\n")


def test_the_same_rows_and_seed_give_the_same_files(family, model):
    again = MAKERS[family]()
    again.fit(*flights())
    assert dict(again.save()) == dict(model.save())


def test_fitting_again_forgets_what_was_before(family, model):
    rows = flights(300, seed=7, turned=True)
    model.fit(*rows)
    fresh = MAKERS[family]()
    fresh.fit(*rows)
    assert dict(model.save()) == dict(fresh.save())


def test_a_copy_learns_alone(learner):
    model = learner
    frame, _ = flights(200, seed=1)
    before = model.predict(frame)
    copied = copy.deepcopy(model)
    copied.update(*flights(400, seed=2, turned=True))
    assert not np.array_equal(copied.predict(frame), before)
    np.testing.assert_array_equal(model.predict(frame), before)


def test_an_update_without_rows_changes_nothing(learner):
    model = learner
    frame, label = flights(200, seed=1)
    before = model.predict(frame)
    model.update(frame.head(0), label[:0])
    np.testing.assert_array_equal(model.predict(frame), before)


def test_the_order_of_columns_does_not_matter(model):
    frame, _ = flights(200, seed=1)
    turned = frame.select(reversed(frame.columns))
    np.testing.assert_array_equal(model.predict(turned), model.predict(frame))


def test_one_class_gives_its_smoothed_rate_and_can_be_learned_from_later(family):
    frame, _ = flights(100)
    model = MAKERS[family]()
    model.fit(*flights(100))
    model.fit(frame, np.zeros(100))
    p = model.predict(frame)
    assert ((p > 0) & (p < 0.05)).all()
    assert train.load(family, model.save()).predict(frame).tobytes() == p.tobytes()
    if isinstance(model, Updatable):
        model.update(*flights(400, seed=2))
        assert model.predict(frame).mean() > p.mean()


def test_one_row_is_enough(family):
    frame, _ = flights(1)
    model = MAKERS[family]()
    model.fit(frame, np.ones(1))
    assert 0.5 < model.predict(frame)[0] < 1


def test_features_that_say_nothing_give_about_the_base_rate(family):
    frame, label = flights(300)
    same = pl.concat([frame.head(1)] * 300)
    model = MAKERS[family]()
    model.fit(same, label)
    assert abs(model.predict(same).mean() - label.mean()) < 0.2


def test_wild_numbers_in_training_do_no_harm(family):
    frame, label = flights(300)
    wild = frame.with_columns(
        wind=pl.when(pl.int_range(pl.len()) % 7 == 0).then(1e308).otherwise(pl.col("wind")),
        always=pl.lit(float("-inf")),
    )
    model = MAKERS[family]()
    model.fit(wild, label)
    assert ((model.predict(wild) > 0) & (model.predict(frame) < 1)).all()


def test_an_empty_frame_is_predicted_and_not_fitted(family, model):
    frame, label = flights()
    assert model.predict(frame.head(0)).shape == (0,)
    with pytest.raises(InputError, match="at least one row"):
        MAKERS[family]().fit(frame.head(0), label[:0])


def test_an_unfitted_model_says_so(family):
    frame, _ = flights(3)
    for call in (lambda m: m.predict(frame), lambda m: m.save()):
        with pytest.raises(InputError, match=f"`{family}` model has learned nothing"):
            call(MAKERS[family]())


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.ones(3), r"shape \(3,\) for 5 rows"),
        (np.array([0, 1, np.nan, 1, 0]), "got 1 others, first nan: leave out rows"),
        (np.array([0, 1, 2, 1, 0]), "got 1 others, first 2"),
        (["late", "late", "late", "on time", "late"], "must be numbers"),
    ],
)
def test_labels_must_be_zero_or_one_for_each_row(family, label, message):
    with pytest.raises(InputError, match=message):
        MAKERS[family]().fit(flights(5)[0], label)


@pytest.mark.parametrize("name", USES_FEATURES)
def test_a_missing_column_is_named(name):
    model = MAKERS[name]()
    model.fit(*flights())
    with pytest.raises(SchemaError, match="needs the column `carrier`"):
        model.predict(flights(5)[0].drop("carrier"))


@pytest.mark.parametrize("name", USES_FEATURES)
def test_statistics_come_from_the_fitted_rows_alone(name):
    """Neither predicting nor updating may move scaling, vocabulary or codes."""
    model = MAKERS[name]()
    model.fit(*flights())
    before = json.loads(model.save().get("trunk/model.json", model.save()["model.json"]))
    frame, label = flights(300, seed=4)
    other = frame.with_columns(carrier=pl.lit("ZZ"), wind=pl.col("wind") * 1000)
    model.predict(other)
    if isinstance(model, Updatable):
        model.update(other, label)
    after = json.loads(model.save().get("trunk/model.json", model.save()["model.json"]))
    assert after["learned"]["encoder"] == before["learned"]["encoder"]
    if name == "logistic":
        assert model.design_.mean.max() < 100


def test_files_of_another_family_are_refused(family, model):
    other = "majority" if family != "majority" else "random"
    with pytest.raises(InputError, match=f"files of a `{family}` model|needs the file"):
        train.load(other, model.save())


def test_damaged_files_are_refused(family, model):
    for name in model.save():
        for damaged in (b"", b"\x80\x04not a model", b"{}"):
            with pytest.raises(InputError):
                train.load(family, {**model.save(), name: damaged})


def test_files_of_a_newer_version_are_refused(family, model):
    files = dict(model.save())
    files["model.json"] = files["model.json"].replace(b'"format": 1', b'"format": 2')
    with pytest.raises(VersionError, match="format 2"):
        train.load(family, files)


def test_a_family_that_is_not_there_gets_the_nearest_name():
    with pytest.raises(
        NotFoundError, match=r"no family of models `boost`\. Did you mean `boosted`"
    ):
        train.load("boost", {})


def test_a_plugin_comes_in_by_the_same_door_and_may_not_take_a_name(monkeypatch):
    plugin = EntryPoint("ours", "homeostat.train:Majority", "homeostat.models")
    monkeypatch.setattr(_families, "entry_points", lambda group: [plugin])
    assert train.family("ours") is train.Majority
    thief = EntryPoint("boosted", "elsewhere:Boosted", "homeostat.models")
    monkeypatch.setattr(_families, "entry_points", lambda group: [thief])
    with pytest.raises(InputError, match="Two packages name a family `boosted`"):
        train.families()


def test_importing_the_room_loads_no_estimator():
    code = "import sys, homeostat.train; print({'lightgbm', 'sklearn'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_every_public_name_is_listed_and_sorted():
    assert train.__all__ == sorted(train.__all__)
    assert all(hasattr(train, name) for name in train.__all__)
