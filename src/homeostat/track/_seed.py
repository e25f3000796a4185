"""Seeding every source of randomness that is loaded, and saying so in the record."""

from __future__ import annotations

import os
import random
import sys

from homeostat.core import InputError, Json
from homeostat.track import _session

__all__ = ["seed"]

_MOST = 2**32


def seed(n: int, *, deterministic: bool = False) -> None:
    """Seed Python, and NumPy and torch where they are loaded; the run's config keeps the seed.

    What is imported later, and generators of one's own (`numpy.random.default_rng`), are not
    reached: import first, and give those the seed yourself.

    Args:
        n: From 0 to 2**32 - 1.
        deterministic: Whether torch is told to use deterministic algorithms only.

    Example:
        >>> seed(7)
        >>> first = random.random()
        >>> seed(7)
        >>> random.random() == first
        True
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < _MOST:
        raise InputError(f"A seed is a whole number from 0 to 2**32 - 1, got {n!r}.")
    random.seed(n)
    seeded: list[Json] = ["python"]
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(n)
        seeded.append("numpy")
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(n)
        seeded.append("torch")
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
    run = _session._run  # noqa: SLF001 - of this very room
    if run is not None and not run.ended:
        run.config.setdefaults({"seed": n})
        run.event("seed", seed=n, seeded=seeded, deterministic=deterministic)
