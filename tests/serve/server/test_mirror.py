import asyncio
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from homeostat.serve._server._counters import Counters
from homeostat.serve._server._mirror import Mirror
from homeostat.serve._server._score import score_in_thread

FEATURES = ("hour",)


def version(name):
    def predict(frame):
        return frame["hour"].to_numpy() / 1000

    def predict_rows(rows):
        return np.array([row["hour"] / 1000 for row in rows])

    return SimpleNamespace(
        version=name, features=FEATURES, predict=predict, predict_rows=predict_rows
    )


class Log:
    """What a mirror writes down."""

    def __init__(self):
        self.written = []

    def mirror(self, name, ids, answers, arm):
        self.written.append((name, arm, list(ids), answers.tolist()))


@pytest.fixture
def log():
    return Log()


def counts(counters):
    return counters.mirrored, counters.mirror_dropped, counters.mirror_errors


def test_rows_are_scored_in_small_parts_each_of_one_version_and_arm(log):
    one, other = version("m:v1"), version("m:v2")
    counters, sizes = Counters(), []

    async def score(deployed, rows, *, raw):
        sizes.append(len(rows))
        return await score_in_thread(deployed, rows, raw=raw)

    async def main():
        mirror = Mirror(log, counters, score=score)
        for number in range(150):
            mirror.offer(one, f"a-{number}", {"hour": number}, arm="small")
            mirror.offer(other, f"a-{number}", {"hour": number}, arm="big")
        frame = pl.DataFrame({"hour": range(2500)})
        mirror.offer_batch(one, [f"b-{number}" for number in range(2500)], frame, arm="small")
        mirror.offer_batch(one, ["c-0"], pl.DataFrame({"day": [1]}), arm="small")
        assert not log.written  # nothing is done while an answer is given
        await mirror.drain()

    asyncio.run(main())
    assert sorted(sizes) == [22, 22, 64, 64, 64, 64, 500, 1000, 1000]
    assert counts(counters) == (300 + 2500, 1, 0)
    for name, arm in (("m:v1", "small"), ("m:v2", "big")):
        mine = [
            pair
            for by, where, ids, answers in log.written
            if (by, where) == (name, arm) and ids[0].startswith("a")
            for pair in zip(ids, answers, strict=True)
        ]
        assert mine == [(f"a-{number}", number / 1000) for number in range(150)]


def test_a_challenger_that_hangs_costs_no_more_memory_than_was_allowed_and_all_is_counted(log):
    counters = Counters()

    async def hang(deployed, rows, *, raw):
        await asyncio.Event().wait()

    async def main():
        mirror = Mirror(log, counters, capacity=100, score=hang)
        for number in range(80):
            mirror.offer(version("m:v1"), f"a-{number}", {"hour": 1})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mirror.drain(), 0.05)
        for number in range(80, 200):  # those that are with the challenger count as well
            mirror.offer(version("m:v1"), f"a-{number}", {"hour": 1})
        assert counts(counters) == (0, 100, 0)
        mirror.close()

    asyncio.run(main())
    assert counts(counters) == (0, 200, 0)
    assert not log.written


def test_a_challenger_that_fails_on_a_part_fails_alone_and_the_next_part_is_scored(log):
    counters, version_ = Counters(), version("m:v1")

    async def score(deployed, rows, *, raw):
        if rows[0]["hour"] == 0:
            raise ValueError("no zero")
        kept, answers = await score_in_thread(deployed, rows, raw=raw)
        return kept[1:], answers[1:]  # one that the version refuses

    async def main():
        mirror = Mirror(log, counters, score=score)
        for number in range(128):
            mirror.offer(version_, f"a-{number}", {"hour": number})
        await mirror.drain()

    asyncio.run(main())
    assert counts(counters) == (63, 0, 65)
    assert [ids for _, _, ids, _ in log.written] == [[f"a-{number}" for number in range(65, 128)]]
