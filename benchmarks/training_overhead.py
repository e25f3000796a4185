"""What tracking costs a real training: LightGBM and a small torch network, with and without.

    python benchmarks/training_overhead.py [ROUNDS]

Each round trains once without and once with tracking, in turn and in the same process, and counts
the CPU seconds of the process, all its threads included (console and machine are watched too).
What a run costs once (its start, and code and environment, which are captured in the background)
does not grow with the training and is printed apart. On a busy machine the two trainings differ
by more than tracking costs; the share of CPU spent in `log` itself is steadier there. (After a
step that used all of the cache, one plain `os.write` may cost ten times what it does in a tight
loop, and so does `log`.) Wanted:
under 1 %. Torch is left out where it is absent.
"""

import statistics
import sys
import tempfile
import threading
import time

import numpy as np

import homeostat.track as hs


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
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()


class Timed:
    """`hs.log`, with the CPU seconds that its calls take on the training thread."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self, row):
        began = time.thread_time()
        hs.log(row)
        self.seconds += time.thread_time() - began


def compare(name, train, rounds, **settings):
    ratios, once, spent = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        train(unlogged)
        for _ in range(rounds):
            plain = cost(lambda: train(unlogged))
            once.append(cost(lambda: start(name, folder, settings)))
            run = hs.run
            log = Timed()
            tracked = cost(lambda log=log: train(log))
            spent.append(log.seconds / tracked)
            run.finish()
            ratios.append(tracked / plain)
    print(
        f"{name:24} without {plain:.2f} s CPU; with tracking {statistics.median(ratios) - 1:+.2%} "
        f"(median of {rounds}, from {min(ratios) - 1:+.2%} to {max(ratios) - 1:+.2%}); "
        f"{statistics.median(spent):.2%} spent in log(), and "
        f"{statistics.median(once):.2f} s once a run"
    )


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
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
