"""Failing Loudly (Rabanser et al. 2019) on MNIST: which share of 27 shifts each test finds."""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

DELTAS = (0.1, 0.5, 1.0)
SIZES = (10, 20, 50, 100, 200, 500)
# What a first trial of this table found best: pixels, Laplace kernel, largest of 10 bandwidths.
PILOT = (0.24, 0.38, 0.47, 0.58, 0.65, 0.71)
# MMDAgg, Laplace, as published for MNIST without the adversarial shift (FL-MMDAgg, MIT).
PUBLISHED = (0.32, 0.42, 0.57, 0.61, 0.68, 0.76)
# Rotation in degrees, shift, shear, zoom, whether mirrored: of small, medium and large.
IMAGE = {
    "small": (10, 0.05, 0.1, 0.1, False),
    "medium": (40, 0.2, 0.2, 0.2, False),
    "large": (90, 0.4, 0.3, 0.4, True),
}
NOISE = {"small": 1.0, "medium": 10.0, "large": 100.0}


def read_idx(path):
    import gzip

    raw = gzip.decompress(path.read_bytes())
    sides = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sides)


def mnist(folder):
    images = read_idx(folder / "mnist-t10k" / "t10k-images-idx3-ubyte.gz") / 255.0
    return images, read_idx(folder / "mnist-t10k" / "t10k-labels-idx1-ubyte.gz")


def moved(image, strength, rng):
    """Return an image turned, moved, sheared, zoomed and mirrored at random."""
    degrees, shift, shear, zoom, mirror = IMAGE[strength]
    angle, lean = np.deg2rad(rng.uniform(-degrees, degrees)), rng.uniform(-shear, shear)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, -lean], [0, 1]]) @ np.diag(rng.uniform(1 - zoom, 1 + zoom, 2))
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - matrix @ middle + rng.uniform(-shift, shift, 2) * image.shape
    out = ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")
    if mirror:
        out = out[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return out


def noisy(images, strength, delta, rng):
    images = images.copy()
    some = rng.random(len(images)) < delta
    noise = rng.normal(0, NOISE[strength] / 255, images[some].shape)
    images[some] = np.clip(images[some] + noise, 0, 1)
    return images


def warped(images, strength, delta, rng):
    images = images.copy()
    for i in np.flatnonzero(rng.random(len(images)) < delta):
        images[i] = moved(images[i], strength, rng)
    return images


def knocked_out(labels, delta, rng):
    """Return the rows that stay when a share of the digit 0 goes."""
    return np.flatnonzero((labels != 0) | (rng.random(len(labels)) >= delta))


def shifts():
    """Return 27 shifts: name -> function of images, labels, rows wanted and rng -> images."""
    found = {}
    for delta in DELTAS:
        for strength in ("small", "medium", "large"):
            found[f"{strength}_gn_{delta}"] = lambda x, _y, n, rng, s=strength, d=delta: noisy(
                x[rng.choice(len(x), n, replace=False)], s, d, rng
            )
            found[f"{strength}_img_{delta}"] = lambda x, _y, n, rng, s=strength, d=delta: warped(
                x[rng.choice(len(x), n, replace=False)], s, d, rng
            )
        found[f"ko_{delta}"] = lambda x, y, n, rng, d=delta: x[
            rng.choice(knocked_out(y, d, rng), n, replace=False)
        ]
        found[f"medium_img+ko_{delta}"] = lambda x, y, n, rng, d=delta: warped(
            x[rng.choice(knocked_out(y, d, rng), n, replace=False)], "medium", 0.5, rng
        )
        found[f"zero+medium_img_{delta}"] = lambda x, y, n, rng, d=delta: warped(
            x[rng.choice(np.flatnonzero(y == 0), n, replace=True)], "medium", d, rng
        )
    return found


def detectors(permutations):
    from homeostat.detect import MMD, AggregatedMMD

    plain = {"kernels": ["laplace"], "permutations": permutations}
    return {
        "default": AggregatedMMD(permutations=permutations),
        "laplace": AggregatedMMD(**plain),
        "laplace, values": AggregatedMMD(**plain, views=["values"]),
        "MMD": MMD(permutations=permutations),
    }


def rates(found, wanted):
    return " ".join(f"{np.mean(found[n]):5.2f}" if n in found else "    -" for n in wanted)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("HOMEOSTAT_DATA"))
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--null", type=int, default=100, help="pairs without a shift, a size")
    parser.add_argument("--permutations", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=list(detectors(1)), choices=detectors(1))
    options = parser.parse_args(arguments)
    if options.data is None:
        parser.exit(message="Name the folder that has mnist-t10k: --data or HOMEOSTAT_DATA.\n")
    images, labels = mnist(Path(options.data))
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    reference, test = images[5000:7500], (images[7500:], labels[7500:])
    every = shifts()
    same = {f"same_{i}": lambda x, _y, n, rng: x[rng.choice(len(x), n, replace=False)]
            for i in range(options.null)}  # fmt: skip
    found = {name: ({}, {}) for name in options.only}
    start = time.process_time()
    for n in options.sizes:
        for seed in range(options.seeds):
            for shift, make in (every | (same if seed == 0 else {})).items():
                rng = np.random.default_rng([seed, n, *shift.encode()])
                window = make(*test, n, rng)
                known = reference[rng.choice(len(reference), n, replace=False)]
                for name in options.only:
                    detector = detectors(options.permutations)[name]
                    p = detector.fit(known).test(window).p_value
                    found[name][shift in same].setdefault(n, []).append(p <= 0.05)
    print(f"Failing Loudly on MNIST, {len(every)} shifts x {options.seeds} seeds, n a side; "
          f"{time.process_time() - start:.0f} CPU s")  # fmt: skip
    print(f"{'share of shifts found':32}" + " ".join(f"{n:5}" for n in options.sizes))
    for name, (hits, _) in found.items():
        print(f"{name:32}{rates(hits, options.sizes)}")
    for name, row in (("a first trial's best", PILOT), ("MMDAgg as published", PUBLISHED)):
        known = dict(zip(SIZES, row, strict=True))
        print(f"{name:32}{rates(known, options.sizes)}")
    print(f"false alarms of {options.null} pairs without a shift")
    for name, (_, alarms) in found.items():
        print(f"{name:32}{rates(alarms, options.sizes)}")


if __name__ == "__main__":
    main()
