"""Random generators: seeded together, and their states told apart by digests."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from types import ModuleType
from typing import Any

from homeostat.core import InputError, Json

__all__ = ["random_state", "seed_everything"]

_MAX_SEED = 2**53


def seed_everything(seed: int, *, deterministic: bool = False) -> dict[str, Json]:
    """Seed the global random generators of Python, NumPy and, where it is imported, PyTorch.

    A generator of your own, such as ``numpy.random.default_rng()``, has no global state: give it
    the seed yourself.

    Args:
        seed: Below 2**53, so that JSON can hold it; NumPy gets it modulo 2**32.
        deterministic: Whether PyTorch must use only operations that give the same result each
            time (slower; some then raise an error).

    Returns:
        What a run should record: ``seed``, what was ``seeded``, ``hash_seed``
        (``PYTHONHASHSEED``, which can only be set before Python starts; None is drawn anew each
        time), and ``deterministic``.

    Raises:
        InputError: If the seed is no integer from 0 to 2**53 - 1.

    Example:
        >>> seed_everything(7)["seeded"][:2]
        ['random', 'numpy']
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _MAX_SEED:
        raise InputError(f"A seed must be an integer from 0 to 2**53 - 1, got {seed!r}.")
    import numpy as np  # noqa: PLC0415 - it takes a tenth of a second, and only seeding needs it

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the global generator is what must be seeded
    seeded: list[Json] = ["random", "numpy"]
    torch = _imported("torch")
    if torch is not None:
        torch.manual_seed(seed)  # the graphics cards too
        seeded.append("torch")
        if deterministic:
            _only_deterministic(torch)
    return {
        "seed": seed,
        "seeded": seeded,
        "hash_seed": os.environ.get("PYTHONHASHSEED"),
        "deterministic": deterministic and torch is not None,
    }


def random_state() -> dict[str, str]:
    """Return a digest of the state of each global random generator that is imported.

    Two runs that start from the same state have the same digests; a generator whose digest at
    the end is that of the start was not used. It takes about 0.2 ms.
    """
    states = {"random": _digest(repr(random.getstate()).encode())}
    numpy_random = _imported("numpy.random")
    if numpy_random is not None:
        name, keys, *rest = numpy_random.get_state()
        states["numpy"] = _digest(repr((name, rest)).encode() + keys.tobytes())
    torch = _imported("torch")
    if torch is not None:
        states["torch"] = _digest(torch.get_rng_state().numpy().tobytes())
    return states


def _only_deterministic(torch: Any) -> None:  # noqa: ANN401 - an optional module
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False


def _imported(name: str) -> Any:  # noqa: ANN401 - an optional module
    """Return a module that is imported to its end; None if it is not."""
    module: ModuleType | None = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return None if getattr(spec, "_initializing", False) else module


def _digest(state: bytes) -> str:
    return hashlib.sha256(state).hexdigest()[:16]
