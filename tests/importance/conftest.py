import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def one_thread():
    """Many small fits on a busy machine wait for each other's threads."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def rows():
    """600 rows of 8 columns, two of them categories, a tenth missing; labels of three kinds."""
    rng = np.random.default_rng(0)
    full = rng.normal(size=(600, 8))
    full[:, 3], full[:, 6] = rng.integers(0, 12, 600), rng.integers(0, 5, 600)
    score = full[:, 0] * full[:, 1] + full[:, 3] % 3 + full[:, 2] + rng.normal(size=600) * 0.3
    holes = full.copy()
    holes[rng.random(full.shape) < 0.1] = np.nan
    return {
        "full": full,
        "holes": holes,
        "value": score,
        "binary": (score > np.median(score)).astype(float),
        "three": np.digitize(score, np.quantile(score, [0.3, 0.7])),
    }
