import asyncio

import pytest

from homeostat.serve._http._admission import DEADLINE, Admission
from homeostat.serve._http._message import Refused

MS = 1_000_000


def test_a_deadline_is_a_header_in_milliseconds():
    admission = Admission(wait_s=2.0, threads=1)
    assert admission.deadline({}, 5) == 5 + 2_000 * MS
    assert admission.deadline({DEADLINE: b"1.5"}, 5) == 5 + 1_500_000
    for wrong in (b"soon", b"0", b"-1", b"nan", b"inf", b"1e99", b""):
        with pytest.raises(Refused, match="homeostat-deadline-ms") as refused:
            admission.deadline({DEADLINE: wrong}, 5)
        assert refused.value.status == 400


def test_a_body_that_would_wait_too_long_is_refused_and_told_when_to_come_again():
    admission = Admission(wait_s=1.0, threads=2)
    thought = admission.enter(1000, 10**9, 0)  # of the first nothing is known
    admission.leave(1000, thought, 4_000 * MS)  # 4 s a kB
    first = admission.enter(1000, 1_000 * MS, 0)
    with pytest.raises(Refused) as refused:  # 4 s are owed to 2 threads: a wait of 2 s
        admission.enter(1, 1_000 * MS, 0)
    assert refused.value.status == 429
    assert refused.value.response().headers == {"retry-after": "2"}
    admission.enter(1, 2_500 * MS, 0)
    admission.leave(1000, first, 4_000 * MS)
    admission.enter(1, 1_000 * MS, 0)


def test_bodies_of_late_say_what_a_body_takes():
    admission = Admission(wait_s=1.0, threads=1)
    for _ in range(50):
        admission.leave(100, admission.enter(100, 10**15, 0), 100 * MS)
    for _ in range(50):
        admission.leave(100, admission.enter(100, 10**15, 0), MS)
    assert admission.enter(100, 10**15, 0) == pytest.approx(MS, rel=0.05)


def test_who_waited_in_a_turn_of_the_loop_past_the_deadline_is_refused():
    class Loop(asyncio.SelectorEventLoop):
        at = 0.0

        def time(self):  # as uvloop's: the same within a turn
            return self.at

    async def turn():
        admission = Admission(wait_s=0.010, threads=1)
        admission.admit(admission.deadline({}, 0), 0)
        admission.admit(admission.deadline({}, 9 * MS), 9 * MS)
        with pytest.raises(Refused, match="deadline passed") as refused:
            admission.admit(admission.deadline({}, 11 * MS), 11 * MS)
        assert refused.value.response().headers == {"retry-after": "1"}
        asyncio.get_running_loop().at = 0.012
        admission.admit(admission.deadline({}, 12 * MS), 12 * MS)
        asyncio.get_running_loop().at = 0.0

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(turn())
