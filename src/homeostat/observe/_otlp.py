"""OpenTelemetry: what was counted, sent to a collector by OTLP over HTTP, in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from homeostat.core import InputError, ServerError
from homeostat.observe._bucket import LOWEST, PER_OCTAVE
from homeostat.observe._buckets import Distribution
from homeostat.observe._families import Family, families
from homeostat.observe._observed import Observed, observed
from homeostat.observe._page import Kind
from homeostat.observe._state import Level, Value

__all__ = ["otlp", "send_otlp"]

_CUMULATIVE = 2
_SCALE = 6  # of an exponential histogram with 2 ** 6 buckets an octave: ours, without loss
_UNITS = {"seconds": "s", "bytes": "By", "": "1"}


def otlp(
    seen: Observed | None = None, *, service: str = "homeostat", **resource: str
) -> dict[str, Any]:
    """Return what was counted as an ``ExportMetricsServiceRequest`` of OTLP, in its JSON form.

    Counts are monotonic sums, timers are exponential histograms of scale 6 with all of our buckets,
    both cumulative: what one lost message said, the next says too.

    Args:
        seen: What to tell; that of now, over all processes that share a folder, unless told.
        service: The resource's ``service.name``.
        resource: Other attributes of the resource.

    Example:
        >>> from homeostat.observe import timer
        >>> timer("score").add(0.25)
        >>> metrics = otlp()["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        >>> [metric["unit"] for metric in metrics if metric["name"] == "score_seconds"]
        ['s']
    """
    seen = seen or observed()
    times = {"timeUnixNano": str(seen.at_ns), "startTimeUnixNano": str(seen.since_ns)}
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes({"service.name": service} | resource)},
                "scopeMetrics": [
                    {
                        "scope": {"name": "homeostat.observe"},
                        "metrics": [
                            metric
                            for family in families(seen.state)
                            for metric in _metrics(family, times)
                        ],
                    }
                ],
            }
        ]
    }


def send_otlp(
    endpoint: str | None = None,
    *,
    seen: Observed | None = None,
    service: str = "homeostat",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
) -> int:
    """Send what was counted to an OpenTelemetry collector; ``every(30, send_otlp)`` keeps at it.

    Args:
        endpoint: Such as ``"http://localhost:4318"``; ``OTEL_EXPORTER_OTLP_ENDPOINT`` unless told.
            ``/v1/metrics`` is appended to an address without a path.
        seen: What to tell; that of now unless told.
        service: The resource's ``service.name``.
        headers: Such as a token.
        timeout_s: For the whole answer.

    Returns:
        How many data points the collector refused, which is 0 where all is well.

    Raises:
        InputError: If the endpoint is no address.
        ServerError: If the collector cannot be reached or does not take it. Nothing is lost: what
            is sent next says all of it.
    """
    address = endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"An OTLP endpoint is like http://localhost:4318, got {address!r}.")
    body = json.dumps(otlp(seen, service=service)).encode()
    open_ = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = open_(parts.hostname, parts.port, timeout=timeout_s)
    path = parts.path if parts.path.strip("/") else "/v1/metrics"
    try:
        connection.request(
            "POST", path, body, {"Content-Type": "application/json"} | dict(headers or {})
        )
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, HTTPException) as error:
        raise ServerError(f"The collector at {address} cannot be reached: {error}.") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise ServerError(
            f"The collector at {address} answered {answer.status} {answer.reason}: "
            f"{content[:200].decode(errors='replace')}"
        )
    return _refused(content)


def _refused(content: bytes) -> int:
    try:
        answer = json.loads(content or b"{}")
        return int(answer.get("partialSuccess", {}).get("rejectedDataPoints", 0))
    except (ValueError, AttributeError):  # an answer in protobuf, which says no more
        return 0


def _metrics(family: Family, times: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    unit = _UNITS.get(family.unit, family.unit)
    about = {"name": family.name, "description": family.said, "unit": unit}
    if family.kind is Kind.COUNT:
        yield about | _sum([(labels, value) for labels, value in family.series], times)
    elif family.kind is Kind.GAUGE:
        points = [
            {
                "attributes": _attributes(dict(labels)),
                "asDouble": value.value,
                "timeUnixNano": str(value.set_ns),
            }
            for labels, value in family.series
            if isinstance(value, Level)
        ]
        yield about | {"gauge": {"dataPoints": points}}
    elif family.kind is Kind.TIMES:
        found = [(labels, v) for labels, v in family.series if isinstance(v, Distribution)]
        points = [_exponential(dict(labels), value, times) for labels, value in found]
        yield about | {
            "exponentialHistogram": {"dataPoints": points, "aggregationTemporality": _CUMULATIVE}
        }
        failures = _sum([(labels, value.failed) for labels, value in found], times)
        yield {
            "name": f"{family.name}_failed",
            "description": f"{family.said}, failed",
            "unit": "1",
        } | failures


def _sum(
    series: list[tuple[tuple[tuple[str, str], ...], Value]], times: Mapping[str, str]
) -> dict[str, Any]:
    points = [
        {"attributes": _attributes(dict(labels)), "asInt": str(value), **times}
        for labels, value in series
    ]
    return {
        "sum": {
            "dataPoints": points,
            "aggregationTemporality": _CUMULATIVE,
            "isMonotonic": True,
        }
    }


def _exponential(
    labels: Mapping[str, str], value: Distribution, times: Mapping[str, str]
) -> dict[str, Any]:
    """Return a data point; the bucket at offset i holds (2**(i/64), 2**((i+1)/64)]."""
    there = np.flatnonzero(value.counts)
    first, last = (int(there[0]), int(there[-1]) + 1) if there.size else (0, 0)
    point: dict[str, Any] = {
        "attributes": _attributes(labels),
        "count": str(value.n),
        "sum": value.total,
        "scale": _SCALE,
        "zeroCount": "0",
        "positive": {
            "offset": first + LOWEST * PER_OCTAVE,
            "bucketCounts": [str(n) for n in value.counts[first:last].tolist()],
        },
        **times,
    }
    if there.size:
        point |= {"min": value.least, "max": value.largest}
    return point


def _attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
