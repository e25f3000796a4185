"""Hashes: where a key stands in [0, 1), by our own hash or by another tool's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b, sha1

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError, suggest

__all__ = ["HASHES", "assign", "position", "positions"]

_SCALE = 2.0**-64
_FNV_START, _FNV_PRIME, _32 = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_SHA_SCALE = float(0xFFFFFFFFFFFFFFF)  # 15 hexadecimal digits
_BELOW_ONE = 1 - 2.0**-53


def position(key: str, salt: str, *, method: str = "blake2b") -> float:
    """Return where a key stands in [0, 1): uniform, the same on every machine, for ever.

    ``"blake2b"`` is the first 8 bytes of BLAKE2b over the salt, a zero byte and the key, read as a
    big-endian fraction. The others take over tests that began elsewhere, so that users keep their
    arms: ``"fnv1a"`` and ``"fnv1a-v1"`` are GrowthBook's hash versions 2 and 1 (steps of 0.0001
    and 0.001; the salt is its seed), ``"sha1"`` is PlanOut's, whose salt is
    ``"experiment.parameter"``.

    Raises:
        InputError: If there is no such method.

    Example:
        >>> round(position("user-1", "v1/v2"), 6)
        0.166246
        >>> position("a", "seed", method="fnv1a")
        0.0505
    """
    return _method(method)(key, salt)


def positions(keys: Iterable[str], salt: str, *, method: str = "blake2b") -> NDArray[np.float64]:
    """Return where n keys stand in [0, 1), (n,): `position` of each, about 1 microsecond a key."""
    place = _method(method)
    return np.fromiter((place(key, salt) for key in keys), np.float64)


def assign(keys: Iterable[str], share: float, *, salt: str) -> NDArray[np.bool_]:
    """Say which keys go to the challenger.

    Assignments nest: those at 5 % are among those at 25 %, so a ramp moves nobody back. About
    1 microsecond a key. For plans of more arms, and for audiences, see `replay_plan`.

    Args:
        keys: n texts that identify who asks, such as users.
        share: Share of keys that go to the challenger, in [0, 1].
        salt: Names the trial; another salt draws other keys.

    Returns:
        Shape (n,), True where the challenger answers.

    Example:
        >>> users = [f"user-{i}" for i in range(10_000)]
        >>> few, more = (assign(users, share, salt="v1/v2") for share in (0.05, 0.25))
        >>> int(few.sum()), bool((more | ~few).all())
        (500, True)
    """
    if not 0 <= share <= 1:
        raise InputError(f"A share lies in [0, 1], got {share}.")
    return positions(keys, salt) < share


def _method(name: str) -> Callable[[str, str], float]:
    found = HASHES.get(name)
    if found is None:
        raise InputError(f"There is no hash {name!r}.{suggest(str(name), HASHES)}")
    return found


def _blake2b(key: str, salt: str) -> float:
    text = f"{salt}\0{key}"
    try:
        data = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, as JSON may hold
        data = text.encode("utf-8", "surrogatepass")
    place = int.from_bytes(blake2b(data, digest_size=8).digest(), "big") * _SCALE
    return place if place < 1 else _BELOW_ONE  # the highest 2**10 places would round up


def _fnv1a(text: str) -> int:
    """Return the 32-bit FNV-1a hash of a text's UTF-16 units, as JavaScript counts them."""
    found = _FNV_START
    data = text.encode("utf-16-le", "surrogatepass")
    for at in range(0, len(data), 2):
        found = ((found ^ (data[at] | data[at + 1] << 8)) * _FNV_PRIME) & _32
    return found


def _fnv1a_v2(key: str, salt: str) -> float:
    return _fnv1a(str(_fnv1a(salt + key))) % 10_000 / 10_000


def _fnv1a_v1(key: str, salt: str) -> float:
    return _fnv1a(key + salt) % 1000 / 1000


def _sha1(key: str, salt: str) -> float:
    digest = sha1(f"{salt}.{key}".encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return min(int(digest.hexdigest()[:15], 16) / _SHA_SCALE, _BELOW_ONE)


HASHES: dict[str, Callable[[str, str], float]] = {
    "blake2b": _blake2b,
    "fnv1a": _fnv1a_v2,
    "fnv1a-v1": _fnv1a_v1,
    "sha1": _sha1,
}
