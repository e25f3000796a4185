"""Rollouts that decide: false alarms, incidents and time to a rollback, beside fixed thresholds.

Simulated minutes of two arms go through `homeostat.serve.Progress`, which decides after each of
them, and through the rule of Flagger (``thresholdRange`` on a success rate and a latency of the
canary alone, rolled back after a number of failed checks), with the same counts.

    python benchmarks/rollouts.py [--runs 2000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat.serve import Rollout, no_more_errors, no_slower

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GUARDS = (no_slower(0.99), no_slower(0.5), no_more_errors())


@dataclass(frozen=True)
class Scene:
    """A service and its challenger, minute by minute.

    Args:
        rpm: Requests a minute in both arms.
        share: The challenger's share of them.
        minutes: How long it lasts.
        errors: Error rates of champion and challenger.
        slow: How many times as slow the challenger is.
        incident: Minutes (from, to) in which both fail 15 % more and are three times as slow.
    """

    rpm: int = 200
    share: float = 0.25
    minutes: int = 30
    errors: tuple[float, float] = (0.008, 0.008)
    slow: float = 1.0
    incident: tuple[int, int] = (0, 0)

    def looks(self, seed: int) -> Iterator[dict[str, tuple[np.ndarray, int]]]:
        """Yield each minute's latencies in ms and errors, by arm."""
        rng = np.random.default_rng(seed)
        shares = {"champion": 1 - self.share, "challenger": self.share}
        for minute in range(self.minutes):
            bad = self.incident[0] <= minute < self.incident[1]
            found = {}
            for (arm, share), rate, slow in zip(
                shares.items(), self.errors, (1.0, self.slow), strict=True
            ):
                n = int(rng.poisson(self.rpm * share))
                failed = int(rng.binomial(n, rate + 0.15 * bad))
                scale = slow * (3.0 if bad else 1.0)
                found[arm] = (rng.lognormal(np.log(20 * scale), 0.5, n - failed), failed)
            yield found


def ours(scene: Scene, seed: int, *, every: int = 1) -> int | None:
    """Return the minute in which the challenger is rolled back, or None."""
    rollout = Rollout(
        shadow="0m", canary=(scene.share,), soak="30d", guard=GUARDS, undecided="keep"
    )
    progress = rollout.begin(START, challenger="v2", champion="v1")
    for minute, look in enumerate(scene.looks(seed), 1):
        for arm, (latency, failed) in look.items():
            progress.observe_requests(arm, latency_ms=latency, errors=failed, share=scene.share)
        if minute % every:
            progress.look()
        elif progress.decide(START + minute * MINUTE).action == "rollback":
            return minute
    return None


def thresholds(scene: Scene, seed: int, *, failures: int = 5) -> int | None:
    """Return the minute in which fixed thresholds roll it back: 99 % success, p99 below 100 ms."""
    failed_checks = 0
    for minute, look in enumerate(scene.looks(seed), 1):
        latency, failed = look["challenger"]
        n = len(latency) + failed
        if n and (failed / n > 0.01 or (len(latency) and np.quantile(latency, 0.99) > 100)):
            failed_checks += 1
        if failed_checks >= failures:
            return minute
    return None


SCENES = {
    "identical, 200 rpm": Scene(),
    "identical, 2,000 rpm": Scene(rpm=2000, share=0.05),
    "identical, an incident hits both for 10 min": Scene(incident=(10, 20)),
    "errors 0.8 % -> 5 %, 2,000 rpm, canary 5 %": Scene(rpm=2000, share=0.05, errors=(0.008, 0.05)),
    "errors 0.8 % -> 2 %, 2,000 rpm, canary 25 %": Scene(rpm=2000, errors=(0.008, 0.02)),
    "twice as slow, 2,000 rpm, canary 5 %": Scene(rpm=2000, share=0.05, slow=2.0),
    "twice as slow, 200 rpm, canary 25 %": Scene(slow=2.0),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    print(f"{'half an hour, asked every minute':<46} {'ours':>16} {'thresholds (5)':>16}")
    started = time.process_time()
    for name, scene in SCENES.items():
        n = runs if scene == Scene() else max(runs // 10, 10)
        cells = []
        for rule in (ours, thresholds):
            ends = [rule(scene, seed) for seed in range(n)]
            known = [end for end in ends if end is not None]
            mean = f", {np.mean(known):.1f} min" if known else ""
            cells.append(f"{len(known) / n:.1%}{mean}")
        print(f"{name:<46} {cells[0]:>16} {cells[1]:>16}   ({n} runs)", flush=True)
    print(f"{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
