"""Run by slices.py, maybe in sliceline's environment: times one tool on the data in a folder."""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

tool, folder, depth, k, minimum, alpha, rounds = sys.argv[1:]
folder, depth, k, minimum = Path(folder), int(depth), int(k), int(minimum)
alpha, rounds = float(alpha), int(rounds)
table, errors = np.load(folder / "table.npy"), np.load(folder / "errors.npy")


def ours():
    import polars as pl

    from homeostat.evaluate import cube, cut

    frame = pl.DataFrame({f"c{i}": column for i, column in enumerate(table.T)})

    def search():
        cuts = [cut(frame, name) for name in frame.columns]
        # SliceLine leaves out no slice for being large, only those below its score of 0.
        found = cube(errors, cuts, depth=depth, minimum=minimum)
        return np.sort(found.sliceline(alpha))[::-1][:k]

    return search


def sliceline():
    from sliceline.slicefinder import Slicefinder

    def search():
        finder = Slicefinder(alpha=alpha, k=k, max_l=depth, min_sup=minimum, verbose=False)
        finder.fit(table, errors)
        return np.array([one["slice_score"] for one in finder.top_slices_statistics_])

    return search


def main():
    warnings.simplefilter("ignore")
    search = {"ours": ours, "sliceline": sliceline}[tool]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = [], []
    for _ in range(rounds):
        began = time.process_time(), time.perf_counter()
        scores = search()
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {"cpu": min(cpu), "wall": min(wall), "peak": (after - before) / 1024}
    print(json.dumps(told | {"scores": [float(score) for score in scores]}))


main()
