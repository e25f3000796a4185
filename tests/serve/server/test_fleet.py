from urllib.parse import quote

import orjson
import pytest

from homeostat.serve import read_predictions, serving

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
