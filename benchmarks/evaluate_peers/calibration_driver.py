"""One tool's calibration and conformal work on one table, timed; run by calibration.py."""

import importlib.abc
import importlib.machinery
import json
import sys
import time
import types

import numpy as np

BINS, ALPHA = 15, 0.1
CALIBRATION = 100_000  # rows that sets are calibrated on


class Absent(types.ModuleType):
    """Stands for a package that netcal imports and its ECE never calls."""

    __path__ = ()

    def __getattr__(self, name):
        """Return a class of that name."""
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda _self, *_args, **_more: None})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds torch and what hangs on it, without their being installed."""

    NAMES = ("torch", "pyro", "gpytorch", "tensorboard", "matplotlib", "tikzplotlib", "tqdm")

    def find_spec(self, name, path=None, target=None):
        """Return a package for those names."""
        del path, target
        if name.split(".")[0] in self.NAMES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        """Return an empty module."""
        return Absent(spec.name)

    def exec_module(self, module):
        """There is nothing to run."""


class Told:
    """A classifier whose features are the probabilities themselves."""

    def __init__(self, k):
        """Be fitted on k classes."""
        self.classes_ = np.arange(k)
        self.n_features_in_ = k
        self.is_fitted_ = True

    def fit(self, *_):
        """Be fitted already."""
        return self

    def predict_proba(self, x):
        """Return them."""
        return x

    def predict(self, x):
        """Return the most probable."""
        return x.argmax(axis=1)

    def __sklearn_is_fitted__(self):
        """Say so."""
        return True


def ours(data):
    """Return the works of homeostat, by name."""
    from homeostat import evaluate, stats

    label, p, number, whole = (data[name] for name in ("label", "p", "number", "whole"))

    def sets(score):
        made = evaluate.conformal_sets(
            number[:CALIBRATION],
            whole[:CALIBRATION],
            alpha=ALPHA,
            score=score,
            randomised=score == "aps",  # as MAPIE's is
        )
        return made(whole, rng=1).sum(axis=1).mean()

    return {
        "ECE": lambda: stats.ece(label, p, bins=BINS),
        "curve": lambda: np.sum(stats.reliability(label, p, bins=BINS).observed),
        "LAC sets": lambda: sets("lac"),
        "APS sets": lambda: sets("aps"),
        "Platt": lambda: stats.Platt.fit(label, p)([0.3])[0],
        "isotonic": lambda: stats.Isotonic.fit(label, p)([0.3])[0],
        "temperature": lambda: stats.TemperatureScaling.fit(number, whole).temperature,
    }


def mapie(data):
    """Return the works of MAPIE."""
    from mapie.classification import SplitConformalClassifier
    from mapie.metrics.calibration import expected_calibration_error

    label, p, number, whole = (data[name] for name in ("label", "p", "number", "whole"))

    def sets(score):
        made = SplitConformalClassifier(
            Told(whole.shape[1]), confidence_level=1 - ALPHA, conformity_score=score
        )
        made.conformalize(whole[:CALIBRATION], number[:CALIBRATION])
        only = {"include_last_label": "randomized"} if score == "aps" else None
        found = made.predict_set(whole, conformity_score_params=only)[1]
        return found[:, :, 0].sum(axis=1).mean()

    return {
        "ECE": lambda: expected_calibration_error(
            label,
            p,
            num_bins=BINS + 1,
            split_strategy="uniform",  # it makes one bin fewer
        ),
        "LAC sets": lambda: sets("lac"),
        "APS sets": lambda: sets("aps"),
    }


def sklearn(data):
    """Return the works of scikit-learn."""
    from sklearn import calibration
    from sklearn.calibration import _SigmoidCalibration, _TemperatureScaling
    from sklearn.isotonic import IsotonicRegression

    label, p, number, whole = (data[name] for name in ("label", "p", "number", "whole"))
    logit = np.log(p / (1 - p))

    def platt():
        inner = _SigmoidCalibration().fit(logit, label)
        return inner.predict(np.array([np.log(0.3 / 0.7)]))[0]

    return {
        "curve": lambda: np.sum(calibration.calibration_curve(label, p, n_bins=BINS)[0]),
        "Platt": platt,
        "isotonic": lambda: (
            IsotonicRegression(out_of_bounds="clip").fit(p, label).predict([0.3])[0]
        ),
        "temperature": lambda: 1 / _TemperatureScaling().fit(np.log(whole), number).beta_,
    }


def netcal(data):
    """Return the ECE of netcal; its torch is stood in for."""
    sys.meta_path.insert(0, Finder())
    from netcal.metrics import ECE

    label, p = data["label"].astype(int), data["p"]
    return {"ECE": lambda: ECE(BINS).measure(p, label)}


def main():
    """Time each work of a tool; prints JSON."""
    tool, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    data = dict(np.load(path))
    found = {}
    for name, work in globals()[tool](data).items():
        cpu = []
        for _ in range(rounds):
            start = time.process_time()
            try:
                said = float(work())
            except (AttributeError, MemoryError, TypeError, ValueError) as error:
                print(f"{tool} {name}: {error!r}"[:200], file=sys.stderr)
                break
            cpu.append(time.process_time() - start)
        else:
            found[name] = {"cpu_s": min(cpu), "said": said}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
