"""What tracking costs a real training: LightGBM and a small torch network, with and without.

    python benchmarks/training_overhead.py [ROUNDS]

CPU seconds are counted, not the clock on the wall. Each round trains three times in one process:

- without tracking and with it, by turns first: the whole process, all its threads included
  (console and machine are watched too);
- with a run open and a `log` at one step of each two neighbours, drawn by chance. The difference
  of the two, over the one without, is what a logged step costs, with whatever it does to the step
  after it (`log` empties caches). The CPU that the thread spent within `log`, over a step without
  it, is the same without those effects, and steadier on a busy machine.

What a run costs once (its start, and code and environment, which are captured in the background)
does not grow with the training and is printed apart. Each figure is the median of the rounds and
an interval for that median from their order statistics: of nine rounds the second and the eighth
hold it with 96 %, whatever the distribution. Wanted: under 1 %. Torch is left out where it is
absent.
"""

import statistics
import sys
import tempfile
import threading
import time

import numpy as np
from scipy.stats import binom

import homeostat.track as hs

FEWEST = 6
"""Rounds of which the extremes hold the median with 95 %."""


def boosted(log):
    """300 rounds of boosting on 20,000 rows, four metrics a round."""
    import lightgbm as lgb

    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 20))
    y = (x[:, 0] + rng.normal(size=20_000) > 0).astype(int)
    train = lgb.Dataset(x[:15_000], y[:15_000])
    valid = lgb.Dataset(x[15_000:], y[15_000:], reference=train)

    def callback(env):
        log({f"{data}/{name}": value for data, name, value, _ in env.evaluation_result_list})

    lgb.train(
        {
            "objective": "binary",
            "metric": ["auc", "binary_logloss"],
            "verbose": -1,
            "num_threads": 1,
        },
        train,
        num_boost_round=300,
        valid_sets=[train, valid],
        callbacks=[callback],
    )


def network(log, watch=None):
    """400 steps of a perceptron with 0.4 million weights, two metrics a step."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Sequential(
        nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 1)
    )
    if watch is not None:
        watch(model)
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(4096, 64), torch.randn(4096, 1)
    for step in range(400):
        batch = slice(step * 128 % 4096, step * 128 % 4096 + 128)
        optimizer.zero_grad()
        loss = (model(x[batch]) - y[batch]).square().mean()
        loss.backward()
        optimizer.step()
        log({"loss": loss.item(), "lr": optimizer.param_groups[0]["lr"]})


def unlogged(row):
    """Log nothing."""


def cost(train):
    began = time.process_time()
    train()
    return time.process_time() - began


def start(name, folder, settings):
    """Start a run and wait for what it captures."""
    hs.init(name, record=folder, settings={"silent": True} | settings)
    settle()


def settle():
    """Wait for what is done in the background."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()


class Sampled:
    """`hs.log` at one step of each two neighbours, and the CPU seconds of both."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)
        self._coins = []
        self._began = None
        self.logged, self.steps, self.within = [], [], []

    def __call__(self, row):
        now = time.process_time()
        if self._began is not None:
            self.steps.append(now - self._began)
        if not self._coins:
            self._coins = self._rng.permutation([False, True]).tolist()
        self._began = now
        self.logged.append(self._coins.pop())
        if self.logged[-1]:
            began = time.thread_time()
            hs.log(row)
            self.within.append(time.thread_time() - began)

    def shares(self):
        """Return the cost of a logged step, and of `log` alone, over a step without it."""
        whole = len(self.steps) // 2 * 2
        logged, steps = np.array(self.logged[:whole]), np.array(self.steps[:whole])
        plain = steps[~logged].mean()
        return steps[logged].mean() / plain - 1, np.mean(self.within) / plain


def stated(shares):
    """Return the median of some shares, and its interval of at least 95 %."""
    cut = int(binom.ppf(0.025, len(shares), 0.5))
    ordered = sorted(shares)
    return (
        f"{statistics.median(shares):+.2%} "
        f"({ordered[cut - 1]:+.2%} to {ordered[len(shares) - cut]:+.2%})"
    )


def one_round(name, train, folder, settings, turn):
    """Return the shares of a round, what the run cost once, and the plain training's cost."""
    plain = cost(lambda: train(unlogged)) if turn % 2 else 0.0
    once = cost(lambda: start(name, folder, settings))
    tracked = cost(lambda: train(hs.log))
    sampled = Sampled(turn)
    train(sampled)
    hs.run.finish()
    settle()
    plain = plain or cost(lambda: train(unlogged))
    return tracked / plain - 1, *sampled.shares(), once, plain


def compare(name, train, rounds, **settings):
    with tempfile.TemporaryDirectory() as folder:
        train(unlogged)
        taken = [one_round(name, train, folder, settings, turn) for turn in range(rounds)]
    whole, logged, within, once, plain = zip(*taken, strict=True)
    print(
        f"{name:15} {statistics.median(plain):.2f} s CPU without; a logged step {stated(logged)}; "
        f"within log() {stated(within)}; whole training {stated(whole)}; "
        f"{statistics.median(once):.2f} s once a run",
        flush=True,
    )


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    if rounds < FEWEST:
        sys.exit(f"an interval of 95 % takes at least {FEWEST} rounds, got {rounds}")
    print(f"medians of {rounds} rounds, with intervals of at least 95 %")
    compare("LightGBM", boosted, rounds)
    try:
        import torch  # noqa: F401
    except ImportError:
        print("torch is not installed: its loop is left out")
        return
    compare("torch", network, rounds)
    watched = lambda log: network(  # noqa: E731
        log, None if log is unlogged else lambda model: hs.watch(model, log_freq=100)
    )
    compare("torch, watched", watched, rounds)


if __name__ == "__main__":
    main()
