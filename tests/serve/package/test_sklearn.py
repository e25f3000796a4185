import json
import os
import pickle
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from homeostat.core import CorruptionError, InputError, MissingExtraError
from homeostat.serve import check_package, pack, package_info, unpack
from homeostat.serve._package import _sklearn

pytest.importorskip("skops", reason="the skops extra is not installed")


def prepare():
    """Every step that is folded, as a real table is prepared."""
    number = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [
            ("number", number, ["delay"]),
            ("hour", MinMaxScaler(), ["hour"]),
            ("hour-hot", OneHotEncoder(handle_unknown="ignore"), ["hour"]),
            ("carrier", OneHotEncoder(drop="first"), ["carrier"]),
            (
                "origin",
                make_pipeline(
                    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                    RobustScaler(),
                ),
                ["origin"],
            ),
        ],
        remainder="passthrough",
    )


def fitted(last, rows, y):
    return Pipeline([("prepare", prepare()), ("last", last)]).fit(rows.to_pandas(), y)


def test_a_pipeline_is_packed_as_it_is_and_answers_the_same_to_the_last_bit(tools):
    rows = tools.frame()
    y = np.where(tools.target(rows) > 2, "late", "early")
    model = fitted(LogisticRegression(max_iter=500), rows, y)
    files = pack(model, tools.schema, sample=rows.head(20))
    package = unpack(files)
    assert (package.family, package.answers) == ("sklearn", "probability")
    assert package.labels == ("early", "late")
    again = tools.frame(seed=5)
    expected = model.predict_proba(again.to_pandas())[:, 1]
    assert (package.predict(again) == expected).all()
    assert all(finding.verdict == "ok" for finding in check_package(package))
    assert package.environment["packages"]["scikit-learn"]


@pytest.mark.parametrize(
    "last",
    [
        Ridge(),
        *(
            pytest.param(slow, marks=pytest.mark.slow)
            for slow in (LinearRegression(), Lasso(alpha=5.0), ElasticNet(alpha=0.5))
        ),
    ],
)
def test_a_linear_pipeline_of_a_value_is_folded_to_one_dot_product(tools, last):
    rows = tools.frame()
    deployed = tools.proven(fitted(last, rows, 1000 * tools.target(rows)))
    assert deployed.package.answers == "value"
    assert deployed.one is not None
    again = tools.frame(seed=9)
    found = [deployed.one(row) for row in again.iter_rows(named=True)]
    assert found == pytest.approx(deployed.predict(again), rel=1e-12)


def test_a_logistic_pipeline_of_two_classes_is_folded(tools):
    rows = tools.frame()
    deployed = tools.proven(fitted(LogisticRegression(max_iter=500), rows, tools.target(rows) > 2))
    again = tools.frame(seed=9)
    found = [deployed.one(row) for row in again.iter_rows(named=True)]
    assert found == pytest.approx(deployed.predict(again), abs=1e-12)


def test_a_logistic_pipeline_of_three_classes_is_folded_and_sums_to_one(tools):
    rows = tools.frame()
    y = np.digitize(tools.target(rows), [1, 3])
    deployed = tools.proven(fitted(LogisticRegression(max_iter=500), rows, y))
    assert deployed.package.answers == "classes"
    assert deployed.package.labels == ("0", "1", "2")
    again = tools.frame(seed=9)
    found = np.array([deployed.one(row) for row in again.iter_rows(named=True)])
    assert found == pytest.approx(deployed.predict(again), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-12)


def test_two_classes_are_answered_by_label_where_it_is_asked(tools):
    model = LogisticRegression().fit(tools.matrix(), tools.matrix()[:, 0] > 0)
    package = unpack(pack(model, tools.numbers, answers="classes"))
    assert package.labels == ("False", "True")
    assert package.predict(tools.as_rows(tools.matrix(5))).shape == (5, 2)


@pytest.mark.parametrize(
    "steps",
    [
        [MaxAbsScaler()],
        [StandardScaler(with_mean=False)],
        [StandardScaler(with_std=False), RobustScaler()],
        [RobustScaler(with_centering=False), SelectKBest(f_regression, k=2)],
        [FeatureUnion([("one", StandardScaler()), ("two", MinMaxScaler())])],
        [FunctionTransformer(), "passthrough", SimpleImputer()],
        [
            ColumnTransformer(
                [
                    ("some", StandardScaler(), [2, 0]),
                    ("mask", MinMaxScaler(), [False, True, False, False]),
                ]
            )
        ],
        [ColumnTransformer([("slice", StandardScaler(), slice(1, 3))], remainder="drop")],
        [ColumnTransformer([("out", "drop", [1])], remainder=MinMaxScaler())],
    ],
)
def test_arrays_without_names_are_folded_by_position(tools, steps):
    x = tools.matrix()
    named = [(f"s{i}", step) for i, step in enumerate(steps)]
    model = Pipeline([*named, ("last", Ridge())]).fit(x, x @ [1.0, 2.0, 3.0, 4.0])
    deployed = tools.proven(model, tools.numbers)
    assert deployed.one is not None
    row = dict(zip(tools.numbers.names, tools.matrix(1, seed=3)[0], strict=True))
    expected = model.predict([list(row.values())])[0]
    assert deployed.one(row) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(PolynomialFeatures(2), LogisticRegression()),
        make_pipeline(MinMaxScaler(clip=True), LogisticRegression()),
        make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)),
        SGDClassifier(loss="modified_huber"),
    ],
)
def test_what_is_not_linear_keeps_the_frame(tools, model):
    x = tools.matrix()
    trees = ["sklearn.tree._tree.Tree"]  # compiled: it follows indices that nobody checks
    deployed = tools.proven(model.fit(x, x[:, 0] > 0), tools.numbers, allow=trees)
    assert deployed.one is None
    assert deployed.predict(tools.as_rows(x)) == pytest.approx(model.predict_proba(x)[:, 1], abs=0)


def test_rare_levels_that_share_a_column_keep_the_frame(tools):
    rows = tools.frame()
    encode = OneHotEncoder(min_frequency=0.4, handle_unknown="infrequent_if_exist")
    prepare = ColumnTransformer([("hot", encode, ["origin", "carrier"])])
    model = make_pipeline(prepare, LogisticRegression()).fit(rows.to_pandas(), rows["flag"])
    assert tools.proven(model).one is None


def test_a_fold_that_differs_anywhere_is_refused(tools, monkeypatch, caplog):
    from homeostat.serve._package import _terms

    model = make_pipeline(StandardScaler(), Ridge()).fit(tools.matrix(), tools.matrix()[:, 0])
    monkeypatch.setitem(_terms._STEPS, "StandardScaler", lambda step, terms: list(terms))
    assert tools.proven(model, tools.numbers).one is None
    assert "differs" in caplog.text


def test_a_null_that_the_schema_allows_and_the_model_does_not_is_refused_by_column(tools):
    rows = tools.frame().drop_nulls()
    only = tools.schema.select(["hour", "delay"])
    model = LogisticRegression(max_iter=500).fit(
        rows.select("hour", "delay").to_pandas(), rows["flag"]
    )
    with pytest.raises(InputError, match="`delay` that may hold a null"):
        pack(model, only)


def test_a_category_that_may_come_and_the_model_refuses_is_named(tools):
    rows = tools.frame()
    only = tools.schema.select(["origin"])
    model = make_pipeline(OneHotEncoder(), LogisticRegression())
    model.fit(rows.select("origin").to_pandas(), rows["flag"])
    with pytest.raises(InputError, match="`origin` that may hold a category it never saw"):
        pack(model, only)
    closed = only.with_column("origin", type="category", categories=("EWR", "JFK", "LGA"))
    assert tools.proven(model, closed).one is not None


def test_the_reader_may_allow_names_in_its_environment(tools, monkeypatch):
    x = tools.matrix()
    model = RandomForestClassifier(2, random_state=0).fit(x, x[:, 0] > 0)
    files = pack(model, tools.numbers)
    with pytest.raises(InputError, match="Tree"):
        unpack(files)
    monkeypatch.setenv("HOMEOSTAT_ALLOW", "sklearn.tree._tree.Tree, other:name")
    assert unpack(files).family == "sklearn"
    with pytest.raises(InputError, match="Tree"):
        unpack(files, allow=())


def test_features_are_taken_by_name_in_the_order_of_training(tools):
    x = pd.DataFrame(tools.matrix(), columns=["x3", "x1", "x0", "x2"])
    model = LinearRegression().fit(x, x["x3"] - 2 * x["x2"])
    rows = tools.as_rows(tools.matrix(7, seed=2))
    expected = rows["x3"] - 2 * rows["x2"]
    assert unpack(pack(model, tools.numbers)).predict(rows) == pytest.approx(expected.to_numpy())


def test_a_model_of_other_columns_is_refused(tools):
    model = LinearRegression().fit(pd.DataFrame({"x0": [0.0, 1], "x9": [1.0, 1]}), [0, 1])
    with pytest.raises(InputError, match="trained on 2 columns, the schema has 4"):
        pack(model, tools.numbers)
    with pytest.raises(InputError, match="trained on `x9`, which is no feature"):
        pack(model, tools.numbers.select(["x0", "x1"]))


def test_classifiers_without_probabilities_and_transformers_are_refused(tools):
    x = tools.matrix()
    with pytest.raises(InputError, match="CalibratedClassifierCV"):
        pack(LinearSVC().fit(x, x[:, 0] > 0), tools.numbers)
    with pytest.raises(InputError, match="neither"):
        pack(StandardScaler().fit(x), tools.numbers)


def test_a_type_of_a_persons_own_is_refused_unless_it_is_allowed_by_name(tools, own_module):
    x = tools.matrix()
    model = make_pipeline(own_module.Doubled(), LinearRegression()).fit(x, x[:, 0])
    files = pack(model, tools.numbers)
    info = package_info(files)
    assert info.needs == ("own_steps.Doubled",)
    assert "own_steps.Doubled" in info.types
    assert "sklearn.linear_model._base.LinearRegression" in info.types
    assert "own_steps.Doubled" in info.describe()
    with pytest.raises(InputError, match=r"allow=\['own_steps.Doubled'\]"):
        unpack(files)
    with pytest.raises(InputError, match=r"own_steps\.Doubled"):
        unpack(files, allow=["own_steps", "own_steps.*", "sklearn"])
    package = unpack(files, allow=["own_steps.Doubled"])
    assert package.predict(tools.as_rows(x)) == pytest.approx(model.predict(x), abs=0)
    with pytest.raises(InputError, match="list of names"):
        unpack(files, allow="own_steps.Doubled")


def test_a_malicious_skops_file_is_refused_before_anything_of_it_is_built(
    tools, tmp_path, resealed
):
    x = tools.matrix()
    files = pack(LinearRegression().fit(x, x[:, 0]), tools.numbers)
    mark = tmp_path / "ran"
    arguments = {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": [
            {
                "__class__": "str",
                "__module__": "builtins",
                "__loader__": "JsonNode",
                "content": json.dumps(f"touch {mark}"),
                "is_json": True,
            }
        ],
    }
    kinds = {
        "FunctionNode": {"content": {"module_path": "os", "function": "system"}},
        "ReduceNode": {
            "content": arguments,
            "reduce": {"args": arguments},
            "constructor": {"__class__": "system", "__module__": "posix", "__loader__": "TypeNode"},
        },
        "ObjectNode": {"content": arguments},
        "OperatorFuncNode": {"attrs": arguments},
        "MethodNode": {"content": {"func": "system", "obj": arguments}},
    }
    for loader, parts in kinds.items():
        held = BytesIO()
        node = {
            "__class__": "system",
            "__module__": "os",
            "__loader__": loader,
            "__id__": 1,
            **parts,
        }
        with ZipFile(held, "w") as archive:
            archive.writestr(
                "schema.json", json.dumps(node | {"protocol": 2, "_skops_version": "0"})
            )
        planted = resealed(files, "model/model.skops", held.getvalue())
        with pytest.raises(InputError):
            unpack(planted)
        assert not mark.exists()


def test_a_pickle_in_the_place_of_the_model_is_never_read(tools, tmp_path, resealed):
    mark = tmp_path / "ran"
    x = tools.matrix()
    files = pack(LinearRegression().fit(x, x[:, 0]), tools.numbers)
    with pytest.raises(InputError, match="not the files"):
        unpack(resealed(files, "model/model.skops", pickle.dumps(Evil(mark))))
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists()  # so it would have


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_a_changed_file_is_told_before_it_is_read(tools):
    files = pack(LinearRegression().fit(tools.matrix(), tools.matrix()[:, 0]), tools.numbers)
    with pytest.raises(CorruptionError, match=r"model\.skops"):
        unpack(files | {"model/model.skops": b"PK"})
    with pytest.raises(CorruptionError, match=r"model\.skops"):
        package_info(files | {"model/model.skops": b"PK"})


def test_what_skops_cannot_write_is_refused_in_a_sentence(tools):
    x = tools.matrix()
    model = make_pipeline(FunctionTransformer(lambda rows: rows), LinearRegression()).fit(
        x, x[:, 0]
    )
    with pytest.raises(InputError):
        pack(model, tools.numbers)


def test_a_missing_extra_is_named(tools, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skops.io", None)
    with pytest.raises(MissingExtraError, match="skops"):
        pack(LinearRegression().fit(tools.matrix(), tools.matrix()[:, 0]), tools.numbers)


@pytest.mark.slow
def test_a_frame_it_answers_otherwise_than_pandas_asks_which_it_was_trained_on(tools, monkeypatch):
    rows = tools.frame()
    model = fitted(LogisticRegression(max_iter=500), rows, rows["flag"])
    held = _sklearn.contained
    monkeypatch.setattr(
        _sklearn,
        "contained",
        lambda frame, kind, columns: held(
            frame.with_columns(pl.lit(1.0).alias("delay")) if kind == "pandas" else frame,
            kind,
            columns,
        ),
    )
    with pytest.raises(InputError, match="`inputs`"):
        pack(model, tools.schema)
    assert unpack(pack(model, tools.schema, inputs="polars")).family == "sklearn"
    with pytest.raises(InputError, match="`inputs` is one of"):
        pack(model, tools.schema, inputs="panda")


def test_no_row_is_answered_with_no_answer(tools):
    model = LinearRegression().fit(tools.matrix(), tools.matrix()[:, 0])
    assert unpack(pack(model, tools.numbers)).predict(tools.as_rows(tools.matrix(0))).shape == (0,)


def test_a_sample_that_is_answered_otherwise_fails_and_no_sample_is_unknown(tools):
    x = tools.matrix()
    model = LinearRegression().fit(x, x[:, 0])
    package = unpack(pack(model, tools.numbers, sample=tools.as_rows(x[:3])))
    package.model.model.intercept_ += 0.5
    _, sample = check_package(package)
    assert sample.verdict == "fail"
    assert sample.statistic == pytest.approx(0.5, rel=0.3)
    assert check_package(unpack(pack(model, tools.numbers)))[1].verdict == "unknown"
