"""How often each design is wrong, how often it finds an effect, and how soon.

Normal metrics, 2,000 experiments each: A/A tests read at every look, and an effect that a fixed
test of the same end finds with 80 % and with 99 %.

Run: python benchmarks/experiment_peers/decisions.py [--runs 2000] [--units 4000] [--looks 200]
"""

import argparse
import math

import numpy as np

from homeostat.experiment import AlwaysValid, FixedHorizon, GroupSequential, SequentialRatio


def simulate(design, delta, *, runs, n, seed):
    """Return the share that ever cross, and units an arm at the end on average."""
    rng = np.random.default_rng(seed)
    steps = np.diff(n, prepend=0)
    noise = rng.normal(0, np.sqrt(2 * steps), (runs, len(n)))
    z = (np.cumsum(noise, axis=1) + delta * n) / np.sqrt(2 * n)
    widths = [
        design.width(2.0 * k, 0.05) if design.ready(int(2 * k)) else math.inf for k in n.tolist()
    ]
    crossed = np.abs(z) > np.array(widths)
    ended = np.where(crossed.any(axis=1), n[crossed.argmax(axis=1)], n[-1])
    return crossed.any(axis=1).mean(), ended.mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--units", type=int, default=4000)
    parser.add_argument("--looks", type=int, default=200)
    args = parser.parse_args()
    end, each = args.units, np.linspace(0, args.units, args.looks + 1)[1:].astype(int)
    five = np.linspace(0, end, 6)[1:].astype(int)
    fair = math.sqrt(2 / end)
    effects = {"80 %": 2.8016 * fair, "99 %": 4.286 * fair}
    designs = {
        "fixed, read once": (FixedHorizon(2 * end), each),
        "fixed, read at each look": (FixedHorizon(0), each),
        "group-sequential, 5 looks": (GroupSequential(2 * end, tuple(2.0 * five[:-1])), five),
        "always-valid": (AlwaysValid(horizon=2 * end), each),
        "mSPRT, tuned to the effect": (SequentialRatio(effects["80 %"] / 2), each),
        "mSPRT, tuned 5 times too large": (SequentialRatio(2.5 * effects["80 %"]), each),
    }
    print(f"{args.runs} runs, {end} units an arm, {args.looks} looks; units of the fixed test = 1")
    print(f"{'':31} wrong in A/A" + "".join(f"   power, end at {e}" for e in effects))
    for name, (design, n) in designs.items():
        wrong, _ = simulate(design, 0.0, runs=args.runs, n=n, seed=0)
        text = f"{name:31} {100 * wrong:9.1f} %  "
        for delta in effects.values():
            power, ended = simulate(design, delta, runs=args.runs, n=n, seed=1)
            text += f"   {100 * power:6.1f} %  {ended / end:5.2f}     "
        print(text)


if __name__ == "__main__":
    main()
