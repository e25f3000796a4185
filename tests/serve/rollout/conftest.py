from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from homeostat.core import SimulatedClock
from homeostat.serve import assign, plan_of
from homeostat.serve._log._frames import Stamp, log_folder, prediction_id
from homeostat.serve._log._prediction_log import PredictionLog

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Traffic:
    """Requests of a simulated server, written as a server writes them: by the plan in force."""

    def __init__(self, record, kit, *, seed=0, users=5000):
        self.record, self.kit, self.rng, self.users = (
            record,
            kit,
            np.random.default_rng(seed),
            users,
        )
        self.clock = SimulatedClock(START)
        self.log = PredictionLog(log_folder(record.path, "delay"), clock=self.clock)
        self.versions = set()

    def serve(
        self,
        at,
        n,
        *,
        p=None,
        slow=1.0,
        lose=0.0,
        mirror=True,
        feedback=True,
        share=None,
        fail=None,
    ):
        """Answer n requests within a minute.

        p: chance of the outcome; slow: how much slower the challenger is; lose: which share of the
        challenger's rows never reach the log; share: what is done in spite of the plan; fail: by
        arm, which share of its requests it fails.
        """
        if at > self.clock.now():
            self.clock.sleep_until(at)
        plan = plan_of(self.record, "delay")
        champion = self.record.artifact("delay:production").reference
        asked = plan.share if plan.challenger else 0.0
        keys = [f"u{number}" for number in self.rng.integers(0, self.users, n)]
        salt = plan.trial or "none"
        drawn = assign(keys, asked if share is None else share, salt=salt)
        times = np.sort(self.rng.integers(0, 60_000_000, n)) + round(at.timestamp() * 1e6)
        base = self.rng.gamma(4.0, 3000.0, n)
        truth = self.rng.random(n) < 0.3
        for key, mine, t, us, y in zip(keys, drawn, times, base, truth, strict=True):
            arm = "challenger" if mine else "champion"
            said = {"champion": 0.25, "challenger": 0.25 if p is None else p}
            if mine and self.rng.random() < lose:
                continue
            version = plan.challenger if mine else champion
            if version not in self.versions:
                self.log.announce(version, self.kit.schema)
                self.versions.add(version)
            share_ = asked if mine else 1 - asked
            stamp = Stamp(
                int(t), version, arm, int(us * (slow if mine else 1)), key, share_ or 1.0, salt
            )
            if fail and self.rng.random() < fail.get(arm, 0.0):
                self.log.failure(stamp, "model", 500, rows=1)
                continue
            number = self.log.prediction(stamp, self.kit.row, said[arm])
            id_ = prediction_id(self.log.epoch, number)
            if mirror and plan.challenger:
                other = "champion" if mine else "challenger"
                named = champion if mine else plan.challenger
                self.log.mirror(named, [id_], np.array([said[other]]), other)
            if feedback:
                self.log.feedback(id_, int(y), int(t) + 1_000_000)


@pytest.fixture
def challenger(record, kit):
    return kit.release(record, 0.3, alias=None).reference


@pytest.fixture
def traffic(record, kit):
    return Traffic(record, kit)
