import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import count
from urllib.parse import urlsplit

import orjson
import pytest

from homeostat.serve import Client, joined, read_failures, seal_predictions

# Each server is forked from a process that has imported everything, so a hundred starts are quick.
NURSERY = """
import os, sys
import homeostat.serve._server._server, homeostat.train._baselines
from homeostat.serve import serve
for line in sys.stdin:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        serve(sys.argv[1], "delay", port=int(sys.argv[2]))
        os._exit(0)
    os.wait()
"""


KEYS = count()


def refused(url, kit):
    """Ask what reaches an arm and is refused there: a large batch that must be done in no time."""
    at, key = urlsplit(url), f"refused-{next(KEYS)}"
    headers = {"homeostat-deadline-ms": "0.000001", "homeostat-key": key}
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
    try:
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/predict", orjson.dumps([kit.row] * 500), headers)
            if connection.getresponse().status == 429:
                return [key]
    finally:
        connection.close()
    return []


def load(url, kit, acknowledged, told, failed, busy):
    """Ask until the server dies; keep what was acknowledged, or refused."""
    with Client(url, attempts=1) as client:
        try:
            while True:
                id_ = client.predict(kit.row).id
                acknowledged.append(id_)
                if len(acknowledged) % 3 == 0:
                    client.feedback(id_, 1)
                    told.append(id_)
                if len(acknowledged) % 20 == 0:
                    busy.extend(refused(url, kit))
                if len(acknowledged) % 50 == 0:
                    acknowledged.extend(client.predict_frame(kit.frame)["id"])
        except Exception as error:  # noqa: BLE001 - a thread's, told to the test
            if "did not answer" not in str(error):
                failed.append(error)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_9_under_load_loses_no_acknowledged_prediction(kit, record, kills):
    port, rng = free_port(), random.Random(kills)
    acknowledged, told, failed, busy = [], [], [], []
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(record.path), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(kills):
        nursery.stdin.write("go\n")
        nursery.stdin.flush()
        pid = int(nursery.stdout.readline())
        url = nursery.stdout.readline().rsplit(" ", 1)[1].strip()
        threads = [
            threading.Thread(target=load, args=(url, kit, acknowledged, told, failed, busy))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        target = len(acknowledged) + rng.randrange(1, 120)
        while len(acknowledged) < target and not failed:
            threads[0].join(0.001)
        os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
        seal_predictions(record, "delay")
    nursery.stdin.close()
    nursery.stdout.close()
    assert nursery.wait(30) == 0
    assert not failed, failed[:3]

    frame = joined(record, "delay").frame
    kept = set(frame["id"])
    assert len(kept) == len(frame)
    assert len(set(acknowledged)) == len(acknowledged) >= kills
    assert set(acknowledged) <= kept
    outcomes = dict(zip(frame["id"], frame["outcome"], strict=True))
    assert all(outcomes[id_] == 1 for id_ in told)

    failures = read_failures(record, "delay")
    assert failures["id"].n_unique() == failures["key"].n_unique() == failures.height
    assert set(failures["reason"]) == {"busy"}
    assert set(busy) <= set(failures["key"])
    assert busy
