"""Which process wrote, and whether it lives."""

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from homeostat.core import SimulatedClock
from homeostat.record import _identity
from homeostat.record._identity import Process, id_from_bytes, id_to_bytes, new_id


def test_a_process_is_dead_only_where_that_is_sure():
    me = Process.current()
    assert not me.is_dead()
    assert replace(me, started=me.started - 1).is_dead(), "the number was given to another"
    assert replace(me, boot="before").is_dead(), "the machine was booted anew"
    assert not replace(me, boot="before", host="elsewhere").is_dead(), "another machine"
    assert not replace(me, namespace=1, pid=2**22).is_dead(), "another container's numbers"
    assert not replace(me, boot="").is_dead(), "a system that does not tell"


def test_a_killed_process_is_dead_before_its_parent_has_noticed():
    child = os.fork()
    if child == 0:
        signal.pause()
    started = _identity._start_ticks(child)
    process = replace(Process.current(), pid=child, started=started)
    assert not process.is_dead()
    os.kill(child, 9)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # a corpse, not yet buried
    assert process.is_dead()
    os.waitpid(child, 0)
    assert process.is_dead()


def test_a_system_without_proc_takes_runs_at_their_word(monkeypatch, tmp_path):
    monkeypatch.setattr(_identity, "_PROC", tmp_path)
    assert Process.current() == replace(Process.current(), boot="", namespace=0, started=0)
    assert not Process.current().is_dead()


def test_ids_sort_by_time_and_go_to_bytes_and_back():
    clock = SimulatedClock(datetime(1969, 12, 31, tzinfo=UTC))
    ids = [new_id(clock)]
    for days in (2, 400, 40_000):
        clock.advance(timedelta(days=days))
        ids.append(new_id(clock))
    assert ids == sorted(ids)
    assert [id_from_bytes(id_to_bytes(one)) for one in ids] == ids
    assert all(len(one) == 26 and one.isalnum() and one == one.lower() for one in ids)


@pytest.mark.parametrize("raw", [bytes(16), bytes([255]) * 16])
def test_the_least_and_the_greatest_id_go_back(raw):
    assert id_to_bytes(id_from_bytes(raw)) == raw
