import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import CorruptionError, InputError, NotFoundError, VersionError
from homeostat.serve import pack, unpack
from homeostat.train import Logistic


@pytest.fixture
def files(kit):
    model = Logistic()
    model.fit(kit.frame, np.array([0.0, 1.0]))
    return pack(model, kit.schema, sample=kit.frame, profile=b"reference", metadata={"data": "v3"})


def test_what_is_packed_comes_back_with_the_same_predictions(kit, files):
    package = unpack(files)
    again = Logistic.load(
        {n.removeprefix("model/"): c for n, c in files.items() if n.startswith("model/")}
    )
    assert (package.predict(kit.frame) == again.predict(kit.frame)).all()
    assert package.schema == kit.schema
    assert package.family == "logistic"
    assert package.profile == b"reference"
    assert package.manifest["metadata"] == {"data": "v3"}
    assert pl.DataFrame(package.sample).to_dicts() == kit.frame.to_dicts()


def test_the_same_model_packs_to_the_same_bytes(kit, files):
    model = Logistic()
    model.fit(kit.frame, np.array([0.0, 1.0]))
    again = pack(model, kit.schema, sample=kit.frame, profile=b"reference", metadata={"data": "v3"})
    assert again == files


def test_a_change_to_any_byte_of_any_file_is_found_and_named(kit, files):
    for name, content in files.items():
        for place in range(0, len(content), max(1, len(content) // 25)):
            changed = bytearray(content)
            changed[place] ^= 0x20
            with pytest.raises((CorruptionError, VersionError)) as caught:
                unpack(files | {name: bytes(changed)})
            assert name in str(caught.value)


def test_a_missing_or_added_file_is_found_and_named(kit, files):
    for name in files:
        with pytest.raises(CorruptionError, match=name):
            unpack({other: content for other, content in files.items() if other != name})
    with pytest.raises(CorruptionError, match="model/extra"):
        unpack(files | {"model/extra": b""})
    assert unpack(files | {"notes.txt": b"no part of the package"}).family == "logistic"


def test_a_package_of_a_newer_homeostat_is_refused(kit, files):
    manifest = json.loads(files["manifest.json"]) | {"format": 99}
    with pytest.raises(VersionError, match="format 99"):
        unpack(files | {"manifest.json": json.dumps(manifest).encode()})


def test_a_manifest_that_is_none_is_refused(kit, files):
    for content in (b"", b"[]", b"{}", b"\xff", b'{"sha256": 1}', b'{"format": "x", "sha256": ""}'):
        with pytest.raises(CorruptionError):
            unpack(files | {"manifest.json": content})


def test_no_pickle_is_ever_loaded(kit, files):
    with pytest.raises(NotFoundError, match="no family"):
        unpack(pack(Pickled(), kit.schema))


class Pickled:
    family = "pickle"

    def save(self):
        return {"model.pkl": b"cos\nsystem\n(S'false'\ntR."}


class Escaping:
    family = "escaping"

    def save(self):
        return {"../../outside": b""}


def test_names_that_leave_the_package_and_metadata_without_json_are_refused(kit):
    with pytest.raises(InputError, match="inside"):
        pack(Escaping(), kit.schema)
    with pytest.raises(InputError, match="JSON"):
        pack(kit.constant(0.5), kit.schema, metadata={"at": object()})
    with pytest.raises(InputError, match="JSON"):
        pack(kit.constant(0.5), kit.schema, metadata={"score": float("nan")})
