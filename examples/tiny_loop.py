"""The whole loop in plain Python, nothing imported from Homeostat: what the system does, in small.

A shop predicts whether an order will be late. Outcomes come two days after the prediction. Half
way through the year the carrier changes its depot, and what used to be late no longer is. Read
from the bottom up: `loop` is a day; everything above it is one stage.

    python examples/tiny_loop.py
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass, field

DAYS, ORDERS_A_DAY, DELAY = 360, 120, 2
DEPOT_MOVES = 180


# --- the world: not ours to see -----------------------------------------------------------------


def orders(day: int, rng: random.Random) -> list[dict]:
    """What is known when an order comes in, and what will be known two days later."""
    made = []
    for _ in range(ORDERS_A_DAY):
        distance, rain = rng.randrange(4), rng.random() < 0.3
        slow = distance if day < DEPOT_MOVES else 3 - distance
        late = rng.random() < 0.05 + 0.18 * slow + 0.1 * rain
        made.append({"distance": distance, "rain": rain, "late": late})
    return made


# --- train: the simplest model first ------------------------------------------------------------


class Majority:
    """Phase one: everything is as likely late as everything was."""

    def fit(self, rows: list[dict]) -> Majority:
        self.rate = (sum(row["late"] for row in rows) + 1) / (len(rows) + 2)
        return self

    def predict(self, row: dict) -> float:
        return self.rate


class RuleOfThumb(Majority):
    """Phase two: the late share of orders like this one, shrunk to the share of all."""

    def fit(self, rows: list[dict]) -> RuleOfThumb:
        super().fit(rows)
        self.late, self.n = defaultdict(float), defaultdict(float)
        for row in rows:
            self.late[row["distance"], row["rain"]] += row["late"]
            self.n[row["distance"], row["rain"]] += 1
        return self

    def predict(self, row: dict) -> float:
        like = row["distance"], row["rain"]
        return (self.late[like] + 20 * self.rate) / (self.n[like] + 20)


# --- evaluate: a model is better only with evidence ---------------------------------------------


def loss(row: dict, p: float) -> float:
    """Log loss of one row, in nats."""
    return -math.log(p if row["late"] else 1 - p)


def difference(rows: list[dict], new: Majority, old: Majority) -> tuple[float, float]:
    """Mean loss of the new model minus the old one's, and its standard error: paired, by row."""
    gaps = [loss(row, new.predict(row)) - loss(row, old.predict(row)) for row in rows]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
    return mean, math.sqrt(variance / len(gaps))


# --- watch: calibrated on days, not on rows -----------------------------------------------------


@dataclass
class Watch:
    """Adds up how much more than usual each day loses; alarms when the sum is past a bound."""

    usual: list[float] = field(default_factory=list)
    total: float = 0.0

    def alarm(self, day_loss: float) -> bool:
        if len(self.usual) < 28:
            self.usual.append(day_loss)
            return False
        mean = sum(self.usual) / len(self.usual)
        spread = math.sqrt(sum((x - mean) ** 2 for x in self.usual) / (len(self.usual) - 1))
        self.total = max(0.0, self.total + (day_loss - mean) / spread - 0.5)  # Page's CUSUM
        return self.total > 6


# --- the loop -----------------------------------------------------------------------------------


@dataclass
class Loop:
    """A champion that answers, perhaps a challenger in shadow, and the record of it all."""

    champion: Majority
    challenger: Majority | None = None
    watch: Watch = field(default_factory=Watch)
    shadow: list[dict] = field(default_factory=list)
    alarmed: int | None = None
    record: list[tuple[int, str]] = field(default_factory=list)

    def learn(self, day: int, arrived: list[dict], known: list[dict]) -> float:
        """Outcomes of an earlier day arrive: score, watch, try the challenger, relearn."""
        day_loss = sum(loss(row, self.champion.predict(row)) for row in arrived) / len(arrived)
        if self.challenger is not None:
            self.shadow += arrived
            self.release(day)
        elif self.alarmed is None and self.watch.alarm(day_loss):
            self.alarmed = day
            self.record.append((day, "alarm: the loss has risen"))
        elif self.alarmed is not None and day == self.alarmed + 5:
            recent = known[-5 * ORDERS_A_DAY :]
            self.challenger, self.shadow, self.alarmed = RuleOfThumb().fit(recent), [], None
            self.record.append((day, "a challenger, fitted on the last five days, goes to shadow"))
        return day_loss

    def release(self, day: int) -> None:
        """Promote the challenger when it is shown to be better, drop it when shown to be worse."""
        mean, error = difference(self.shadow, self.challenger, self.champion)
        if mean + 3 * error < 0:
            self.champion, self.watch = self.challenger, Watch()
            self.record.append((day, f"promoted: {-mean:.3f} nats a row better in shadow"))
        elif mean - 3 * error > 0 or len(self.shadow) > 21 * ORDERS_A_DAY:
            self.record.append((day, "rejected: not shown to be better"))
        else:
            return
        self.challenger = None


def loop(*, relearn: bool, seed: int = 0) -> tuple[list[float], list[tuple[int, str]]]:
    """Live through the year; return each day's loss and what happened."""
    rng = random.Random(seed)
    history = [orders(day, rng) for day in range(30)]
    past = [row for day in history for row in day]
    rule, constant = RuleOfThumb().fit(past[:2400]), Majority().fit(past[:2400])
    mean, error = difference(past[2400:], rule, constant)
    state = Loop(rule if mean + 2 * error < 0 else constant)
    losses = []
    for day in range(30, DAYS):
        history.append(orders(day, rng))
        known = [row for rows in history[: day - DELAY + 1] for row in rows]
        if relearn:
            losses.append(state.learn(day, history[day - DELAY], known))
        else:
            rows = history[day - DELAY]
            losses.append(sum(loss(row, state.champion.predict(row)) for row in rows) / len(rows))
    return losses, state.record


if __name__ == "__main__":
    never, _ = loop(relearn=False)
    shifted, happened = loop(relearn=True)
    for day, what in happened:
        print(f"day {day:3d}  {what}")
    after = slice(DEPOT_MOVES - 30, None)
    for name, losses in (("never retrained", never), ("relearns on alarm", shifted)):
        mean = sum(losses[after]) / len(losses[after])
        print(f"{name:18s} log loss after the depot moved {mean:.3f}")
