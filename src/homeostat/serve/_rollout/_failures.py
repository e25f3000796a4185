"""Failures: requests that an arm failed on, as a server counts them."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.error import URLError
from urllib.request import Request, urlopen

from homeostat.core import InputError, ServerError

__all__ = ["failures_in", "rollout_failures"]

_LINE = re.compile(r"^homeostat_request_seconds_failed_total\{([^}]*)\} (\d+)", re.MULTILINE)
_ARM = re.compile(r'(?:^|,)arm="(champion|challenger)"')
_WAIT_S = 10


def rollout_failures(url: str, *, token: str | None = None) -> Callable[[], dict[str, int]]:
    """Return what asks a server how many requests each arm has failed: for `rollout_watch`.

    A request that fails is answered with an error and is on no prediction log. The server counts
    it, over all its workers, and shows the count under ``/metrics``.

    Args:
        url: Of the server, such as ``"http://127.0.0.1:8000"``.
        token: Its token, if it has one.

    Raises:
        InputError: If the URL is none of http or https.
        ServerError: When it is called, and the server does not answer.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"A server's URL begins with http:// or https://, got {url!r}.")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = Request(f"{url.rstrip('/')}/metrics", headers=headers)  # noqa: S310 - checked above

    def ask() -> dict[str, int]:
        try:
            with urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310 - checked above
                return failures_in(answer.read().decode())
        except (URLError, OSError) as error:
            raise ServerError(f"The metrics of {url} cannot be read: {error}.") from error

    return ask


def failures_in(metrics: str) -> dict[str, int]:
    """Return the failed requests of each arm from metrics in Prometheus' text format.

    Example:
        >>> failures_in('homeostat_request_seconds_failed_total{arm="challenger",version="a:v1"} 3')
        {'champion': 0, 'challenger': 3}
    """
    found = {"champion": 0, "challenger": 0}
    for labels, count in _LINE.findall(metrics):
        if (arm := _ARM.search(labels)) is not None:
            found[arm[1]] += int(count)
    return found
