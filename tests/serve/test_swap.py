import http.client
import threading
from urllib.parse import urlsplit

import orjson
import pytest

from homeostat.serve import Client, joined, serving

RATES = {"delay:v0": 0.25, "delay:v1": 0.5, "delay:v2": 0.75, "delay:v3": 0.125}


def put_route(server, route):
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    headers = {"authorization": "Bearer secret", "content-type": "application/json"}
    connection.request("PUT", "/route", orjson.dumps(route), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def hammer(server, kit, frame, *, seen, failed, done):
    """Ask until told to stop; each answer must come, and from one version as a whole."""
    with Client(server.url, token="secret", attempts=1) as client:
        try:
            while not done.is_set():
                answer = client.predict(kit.row)
                seen.append((answer.version, answer.probability))
                if len(seen) % 10 == 0:
                    batch = client.predict_frame(frame)["probability"]
                    assert batch.n_unique() == 1
        except Exception as error:  # noqa: BLE001 - a thread's, told to the test
            failed.append(error)


@pytest.mark.parametrize("swaps", [60, pytest.param(400, marks=pytest.mark.slow)])
def test_versions_are_swapped_under_load_without_a_failed_or_mixed_answer(
    kit, record, frame, swaps
):
    for rate in list(RATES.values())[1:]:
        kit.release(record, rate, alias=None)
    with serving(record, "delay", token="secret", poll_s=0.01) as server:
        done, failed = threading.Event(), []
        seen = [[] for _ in range(8)]
        threads = [
            threading.Thread(
                target=hammer,
                args=(server, kit, frame),
                kwargs={"seen": mine, "failed": failed, "done": done},
            )
            for mine in seen
        ]
        for thread in threads:
            thread.start()
        for number in range(swaps):
            champion = list(RATES)[number % 4]
            if number % 3 == 0:  # by the record, which the server follows
                record.alias(champion, "production")
            else:
                challenger = list(RATES)[(number + 1) % 4]
                route = {"champion": champion, "challenger": challenger, "share": 0.3}
                assert put_route(server, route) == 200
        done.set()
        for thread in threads:
            thread.join()
        taken = server.counters.swaps
    assert not failed, failed[:3]
    answers = [one for mine in seen for one in mine]
    assert all(RATES[version] == rate for version, rate in answers)
    assert {version for version, _ in answers} == set(RATES)
    assert taken >= swaps / 2
    frame = joined(record, "delay").frame
    assert all(RATES[v] == p for v, p in frame.select("version", "probability").unique().rows())


def test_the_alias_alone_swaps_within_the_poll(kit, record):
    with serving(record, "delay", poll_s=0.01) as server, Client(server.url) as client:
        newer = kit.release(record, 0.5)
        answers = (client.predict(kit.row) for _ in range(10_000))
        first = next(one for one in answers if one.version == newer.reference)
        assert first.probability == 0.5
    swap = record.events(kind="swap").row(0, named=True)
    assert orjson.loads(swap["payload"]) == {"version": "delay:v1", "replaced": "delay:v0"}
