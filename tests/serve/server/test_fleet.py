import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
import pytest

from homeostat.serve import pack, read_predictions, serving
from homeostat.train import Boosted

ROW = {"hour": 5, "delay": 1.5, "carrier": "AA"}


def predict(load, server, name):
    path = f"/models/{quote(name, safe='')}/predict"
    status, content = load.ask(server.url, "POST", path, ROW)
    return status, orjson.loads(content)


@pytest.fixture
def many(kit, record):
    for number in range(1, 9):
        kit.release(record, number / 100, name=f"modèle {number}")
    return record


def test_many_models_are_served_by_one_process_each_loaded_when_asked(load, many):
    with serving(many, None, token="secret") as server:
        assert orjson.loads(load.ask(server.url, "GET", "/healthz")[1])["models"] == 0
        for number in range(1, 9):
            status, answer = predict(load, server, f"modèle {number}")
            assert (status, answer["probability"]) == (200, number / 100)
            assert answer["version"] == f"modèle {number}:v0"
        status, content = load.ask(server.url, "GET", "/models")
        assert len(orjson.loads(content)["models"]) == 8
        model = orjson.loads(load.ask(server.url, "GET", "/models/delay")[1])
        assert model["version"] == "delay:v0"
        text = load.ask(server.url, "GET", "/metrics")[1].decode()
        assert text.count("homeostat_model_info{") == 9
        id_ = answer["id"]
        feedback = {"id": id_, "outcome": 1}
        assert load.ask(server.url, "POST", "/models/mod%C3%A8le%208/feedback", feedback)[0] == 200
    assert read_predictions(many, "modèle 8")["id"].to_list() == [id_]


def test_models_that_idle_make_room_and_come_back(load, many):
    with serving(many, None, token="secret", memory_bytes=1) as server:
        for _ in range(2):
            for number in (1, 2, 3):
                assert predict(load, server, f"modèle {number}")[1]["probability"] == number / 100
        listed = orjson.loads(load.ask(server.url, "GET", "/models")[1])["models"]
        assert [one["name"] for one in listed] == ["modèle 3"]
        assert server.counters.evicted == 5
    for number in (1, 2, 3):
        assert read_predictions(many, f"modèle {number}").height == 2


def test_no_answer_is_lost_where_models_come_and_go_under_load(load, many):
    with serving(many, None, token="secret", memory_bytes=1) as server:
        paths = [f"/models/mod%C3%A8le%20{number}/predict" for number in (1, 2)]
        with (
            load.loading(server.url, path=paths[0], connections=2, pause_s=0.005) as one,
            load.loading(server.url, path=paths[1], connections=2, pause_s=0.005) as other,
        ):
            while min(len(one.answers), len(other.answers)) < 100:
                assert one.lost + other.lost == 0
        assert server.counters.evicted > 0
    for asked, version, rate in ((one, "modèle 1:v0", 0.01), (other, "modèle 2:v0", 0.02)):
        assert set(asked.statuses) == {200}
        assert {answer[1:] for answer in asked.answers} == {(version, rate)}
        name = version.removesuffix(":v0")
        assert {answer[0] for answer in asked.answers} <= set(read_predictions(many, name)["id"])


def test_a_model_that_is_not_there_not_named_or_damaged_is_said(load, many):
    with serving(many, ["delay", "modèle 1"], token="secret", poll_s=0.01) as server:
        assert predict(load, server, "modèle 2")[0] == 404
        assert predict(load, server, "../../etc/passwd")[0] == 404
        assert predict(load, server, "")[0] == 404
        assert predict(load, server, "delay")[0] == 200
        assert load.ask(server.url, "POST", "/models/delay/predict", ROW, token="x")[0] == 401
        assert load.ask(server.url, "POST", "/models/mod%C3%A8le%201/predict", ROW, token="x") == (
            load.ask(server.url, "GET", "/metrics", token="x")
        )
        path = many.artifact("modèle 1:production").path("manifest.json")
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"majority", b"logistic"))
        status, answer = predict(load, server, "modèle 1")
        assert status == 503
        assert "the log says why" in answer["error"]  # no path of the server's


def test_a_new_version_of_a_model_in_memory_is_followed(load, kit, many):
    with serving(many, None, token="secret", poll_s=0.01) as server:
        assert predict(load, server, "modèle 1")[1]["probability"] == 0.01
        newer = kit.release(many, 0.5, name="modèle 1")
        answers = (predict(load, server, "modèle 1")[1] for _ in range(1000))
        first = next(one for one in answers if one["version"] == newer.reference)
        assert first["probability"] == 0.5


N = 300
LIMIT = 48 << 20
COUNTED = 100_000  # bytes at most that stay of a model that made room, such as its counts


@pytest.fixture
def hundreds(kit, record):
    """Three hundred models of trees; what each answers to the row."""
    rng, told = np.random.default_rng(0), {}
    frame = pl.DataFrame(
        {
            "hour": rng.integers(0, 24, 500),
            "delay": rng.normal(size=500),
            "carrier": rng.choice(["AA", "UA"], 500),
        }
    )
    row = pl.DataFrame(ROW)
    with record.start_run("release") as run:
        for number in range(N):
            model = Boosted(trees=150, learning_rate=0.02, seed=number)
            model.fit(frame, rng.integers(0, 2, 500).astype(float))
            files = pack(model, kit.schema, sample=frame.head(3))
            run.make(f"m{number}", "model", files, aliases=("production",))
            told[f"m{number}"] = model.predict(row)[0]
    assert len(set(told.values())) == N  # so an answer tells who gave it
    return told


@pytest.fixture
def fleet(record):
    """A process that serves them all, and where it is."""
    code = (
        "import sys; from homeostat.serve import serve\n"
        f"serve(sys.argv[1], None, port=0, token='secret', memory_bytes={LIMIT})"
    )
    command = [sys.executable, "-c", code, str(record.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().rsplit(" ", 1)[1].strip()
        yield SimpleNamespace(url=url, home=Path(f"/proc/{process.pid}"))
        process.terminate()
        assert process.wait(60) == 0


def resident(fleet):
    """Return the bytes of memory that a process has now."""
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", (fleet.home / "status").read_text())[1])


def in_memory(load, fleet):
    models = orjson.loads(load.ask(fleet.url, "GET", "/models")[1])["models"]
    return {one["name"]: one["bytes"] for one in models}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_hundreds_of_models_in_one_process_keep_a_memory_limit_and_answer_right(
    load, hundreds, fleet
):
    def asked(name):
        status, answer = predict(load, fleet, name)
        assert (status, answer["version"]) == (200, f"{name}:v0")
        assert answer["probability"] == pytest.approx(hundreds[name], abs=1e-12)

    def evicted():
        text = load.ask(fleet.url, "GET", "/metrics")[1].decode()
        return int(re.search(r"^homeostat_evicted\w* (\d+)", text, re.MULTILINE)[1])

    assert in_memory(load, fleet) == {}  # none is loaded before it is asked for
    asked("m0")
    before, sizes, most = resident(fleet), in_memory(load, fleet), 0
    for number in range(1, N):
        asked(f"m{number}")
        held = in_memory(load, fleet)
        assert sum(held.values()) <= LIMIT
        assert set(held) == {f"m{one}" for one in range(number + 1 - len(held), number + 1)}
        sizes, most = sizes | held, max(most, resident(fleet))
    assert sum(sizes.values()) > 5 * LIMIT  # all of them would not fit by far
    assert evicted() == N - len(held)
    assert most - before < 1.5 * LIMIT + N * COUNTED

    oldest, second, *_ = sorted(held, key=lambda name: int(name[1:]))
    asked(oldest)  # so that it is not the one to go
    for name in ("m0", "m1", "m2", "m3"):  # together they are larger than what is free
        asked(name)
    assert oldest in in_memory(load, fleet)
    assert second not in in_memory(load, fleet)

    often = np.random.default_rng(1).zipf(1.3, 800) % N  # few are asked for often, most seldom
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(asked, [f"m{number}" for number in often]):
            pass
    assert sum(in_memory(load, fleet).values()) <= LIMIT
    assert resident(fleet) - before < 1.5 * LIMIT + N * COUNTED
    assert len(list((fleet.home / "fd").iterdir())) < 3 * len(in_memory(load, fleet)) + 60
