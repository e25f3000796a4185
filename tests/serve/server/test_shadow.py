import asyncio
import os
import time

import pytest

from homeostat.core import ServerError
from homeostat.serve import Plan, direct, joined, serving, unpack
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._server._shadow import Shadow


@pytest.fixture
def shadowed(kit, record):
    challenger = kit.release(record, 0.75, alias=None)
    with record.start_run("release") as run:
        direct(run, "delay", Plan(challenger.reference))
    return record


@pytest.mark.slow  # it starts two interpreters
@pytest.mark.timeout(1200)
def test_a_shadow_in_a_process_of_its_own_scores_rows_and_may_die_alone(load, shadowed):
    options = {"shadow": "process", "token": "secret"}
    with serving(shadowed, "delay", **options) as server:
        counters, shadow = server.counters, server._shadow
        with load.loading(server.url, connections=2, pause_s=0.01) as asking:
            wait_for(lambda: counters.mirrored >= 20)
            if hasattr(os, "SCHED_IDLE"):  # it runs when nothing else would
                assert os.sched_getscheduler(shadow._process.pid) == os.SCHED_IDLE
            os.kill(shadow._process.pid, 9)
            wait_for(lambda: counters.mirror_errors > 0)
            again = counters.mirrored
            wait_for(lambda: counters.mirrored > again)  # another was started
    assert set(asking.statuses) == {200}
    assert asking.lost == 0
    assert {rate for _, _, rate in asking.answers} == {0.25}
    found = joined(shadowed, "delay").frame
    assert set(found["challenger"].drop_nulls()) == {0.75}
    assert found["challenger"].count() == counters.mirrored
    total = counters.mirrored + counters.mirror_errors + counters.mirror_dropped
    assert total == len(asking.answers)


@pytest.mark.slow  # it starts an interpreter
@pytest.mark.timeout(1200)
def test_models_that_share_a_shadow_get_each_their_own_scores(load, kit, record):
    rates = {"late": 0.5, "lost": 0.75}
    for name, rate in rates.items():
        kit.release(record, 0.25, name=name)
        challenger = kit.release(record, rate, name=name, alias=None)
        with record.start_run("release") as run:
            direct(run, name, Plan(challenger.reference))
    with serving(record, None, shadow="process", token="secret") as server:
        paths = [f"/models/{name}/predict" for name in rates]
        with (
            load.loading(server.url, path=paths[0], connections=2, pause_s=0.01),
            load.loading(server.url, path=paths[1], connections=2, pause_s=0.01),
        ):
            wait_for(lambda: server.counters.mirrored >= 200)
    for name, rate in rates.items():
        found = joined(record, name).frame["challenger"].drop_nulls()
        assert len(found)
        assert set(found) == {rate}


@pytest.mark.slow  # it starts two interpreters
@pytest.mark.timeout(1200)
def test_scores_nobody_waits_for_any_more_are_not_taken_for_the_next_ones(kit, record):
    made = [kit.release(record, rate, alias=None) for rate in (0.5, 0.75)]
    first, second = (
        Deployed(one.reference, unpack({name: one.read(name) for name in one.files}))
        for one in made
    )

    async def scored():
        shadow = Shadow(record.path, None)
        await shadow(first, [kit.row], raw=False)
        given_up = asyncio.create_task(shadow(first, [kit.row], raw=False))
        await asyncio.sleep(0)  # it has asked
        given_up.cancel()
        await asyncio.wait([given_up])
        assert given_up.cancelled()
        for _ in range(10_000):
            try:
                return await shadow(second, [kit.row], raw=False)
            except ServerError:  # the process is started again, but not at once
                await asyncio.sleep(0.05)
            finally:
                shadow.close()
        raise AssertionError("It was never started again.")

    _, answers = asyncio.run(scored())
    assert answers.tolist() == [0.75]


def wait_for(true):
    end = time.monotonic() + 500
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_shadow_that_was_never_needed_is_no_process(record):
    shadow = Shadow(record.path, None)
    shadow.close()
    assert shadow._process is None
