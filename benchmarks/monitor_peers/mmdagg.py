"""MMDAgg's published experiments: perturbed uniforms, and its cells of Failing Loudly on MNIST.

Run: python benchmarks/monitor_peers/mmdagg.py [--data FOLDER] [--repeats 100]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

# Schrab et al. 2023, d = 1, n = m = 500, best power over their settings, for 1 to 4 bumps.
PUBLISHED = {"gaussian": (1.0, 1.0, 0.476, 0.148), "laplace": (1.0, 0.998, 0.418, 0.126)}


def bump(t):
    """Return the perturbation on (-1, 0): a bump up, then the same bump down."""
    with np.errstate(over="ignore", divide="ignore"):
        left = np.where(
            (t > -1) & (t < -0.5), np.exp(-1 / np.clip(1 - (4 * t + 3) ** 2, 1e-9, 1)), 0
        )
        right = np.where(
            (t > -0.5) & (t < 0), np.exp(-1 / np.clip(1 - (4 * t + 1) ** 2, 1e-9, 1)), 0
        )
    return left - right


def perturbed(rng, rows, bumps):
    """Draw from 1 + 2.7 / P sum of theta G(P u - i), theta random signs (their equation 17)."""
    signs = rng.choice([-1, 1], bumps)
    found = np.empty(0)
    while len(found) < rows:
        u = rng.uniform(size=4 * rows)
        height = sum(
            sign * bump(bumps * u - i) for i, sign in zip(range(1, bumps + 1), signs, strict=True)
        )
        density = 1 + 2.7 / bumps * height
        found = np.append(found, u[rng.uniform(size=len(u)) * 2 < density])
    return found[:rows, None]


def power(shapes, bumps, repeats, permutations):
    from homeostat.detect import AggregatedMMD

    hits = []
    for seed in range(repeats):
        rng = np.random.default_rng([bumps, seed])
        window = perturbed(rng, 500, bumps) if bumps else rng.uniform(size=(500, 1))
        detector = AggregatedMMD(kernels=shapes, permutations=permutations, seed=seed)
        hits.append(detector.fit(rng.uniform(size=(500, 1))).test(window).p_value <= 0.05)
    return float(np.mean(hits))


def cells(folder):
    """Print the published cells of MNIST without the adversarial shift."""
    import polars as pl

    table = pl.read_csv(Path(folder) / "fl-mmdagg" / "fl_mmdagg.csv")
    some = table.filter(
        pl.col("dataset") == "mnist",
        pl.col("shift_class") != "adversarial_shift",
        pl.col("version").is_in(["mmdagg_laplace", "mmdagg_gaussian", "mmdagg_laplace_gaussian"]),
    )
    print("published, Failing Loudly on MNIST without the adversarial shift (beside ours in")
    print("failing_loudly.py):")
    for (version,), part in some.group_by("version", maintain_order=True):
        mean = part.group_by("n").agg(pl.col("detect_rate").mean()).sort("n")
        print(f"  {version:26}" + " ".join(f"{n}: {r:.2f} " for n, r in mean.iter_rows()))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("HOMEOSTAT_DATA"))
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--permutations", type=int, default=500)
    options = parser.parse_args(arguments)
    start = time.process_time()
    print(f"perturbed uniforms, d = 1, n = m = 500, {options.repeats} repeats; power at level 0.05")
    print(f"{'bumps':34}{'none':>6}{'1':>6}{'2':>6}{'3':>6}{'4':>6}")
    for shapes in (["gaussian"], ["laplace"], ["laplace", "gaussian"]):
        row = [power(shapes, bumps, options.repeats, options.permutations) for bumps in range(5)]
        print(f"{'ours, ' + ' and '.join(shapes):34}" + "".join(f"{rate:6.2f}" for rate in row))
    for shape, row in PUBLISHED.items():
        print(f"{'MMDAgg as published, ' + shape:34}{'':6}" + "".join(f"{r:6.2f}" for r in row))
    print(f"{time.process_time() - start:.0f} CPU s")
    if options.data:
        cells(options.data)


if __name__ == "__main__":
    main()
