"""Served values against those of training: equal to the bit, or the first difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict, require_columns

__all__ = ["check_served"]

_CHECK = "features.served"


def check_served(
    served: pl.DataFrame,
    offline: pl.DataFrame,
    features: Sequence[str],
    *,
    key: str | None = None,
    nan_is_null: bool = False,
) -> list[Finding]:
    """Judge whether what was served is what training computes for the same requests.

    Values are compared bit by bit: 0.0 is not -0.0, a null is not a NaN, 0.1 + 0.2 is not 0.3.
    Only the width of a number may differ, and text may stand for a category, where nothing is
    lost by it.

    Args:
        served: Features as they were served, one row a request.
        offline: The same requests as the definitions or the point-in-time join give them.
        features: Names to compare.
        key: Column of both that identifies a request; None takes rows as they stand.
        nan_is_null: Take a NaN for a null: a log in JSON has no NaN.

    Returns:
        One finding a feature, check ``features.served``: fail with the first request that
        differs, both values and how many differ; unknown where there is no request. A last
        finding on ``requests`` fails where requests were not computed offline.

    Raises:
        SchemaError: If a column is missing.
        InputError: If there is no key and the numbers of rows differ, or a key is not unique.

    Example:
        >>> served = pl.DataFrame({"x": [0.3, 0.1 + 0.2]})
        >>> [found] = check_served(served, pl.DataFrame({"x": [0.3, 0.3]}), ["x"])
        >>> found.verdict, found.evidence["request"], found.evidence["served"]
        (<Verdict.FAIL: 'fail'>, 1, '0.30000000000000004')
    """
    require_columns(served, [*features, *([key] if key else [])])
    require_columns(offline, [*features, *([key] if key else [])])
    lost: list[Finding] = []
    if key is not None:
        served, offline, lost = _paired(served, offline, key)
    elif served.height != offline.height:
        raise InputError(
            f"{served.height} rows were served and {offline.height} computed: pass the key that "
            "tells which belong together."
        )
    names = served[key] if key is not None else pl.Series(range(served.height), dtype=pl.Int64)
    found = [_judge(n, served[n], offline[n], names, nan_is_null=nan_is_null) for n in features]
    return found + lost


def _paired(
    served: pl.DataFrame, offline: pl.DataFrame, key: str
) -> tuple[pl.DataFrame, pl.DataFrame, list[Finding]]:
    """Bring requests of both frames together, in the order of serving."""
    for frame, name in ((served, "served"), (offline, "offline")):
        if frame[key].is_duplicated().any():
            raise InputError(f"`{key}` must tell requests apart, it does not in `{name}`.")
    numbered = offline.select(key).with_row_index("_row")
    rows = served.select(key).join(numbered, on=key, how="left", maintain_order="left")["_row"]
    missing = rows.is_null()
    n = int(missing.sum())
    lost = Finding(
        check=_CHECK,
        subject="requests",
        verdict=Verdict.FAIL if n else Verdict.OK,
        statistic=float(n),
        threshold=0.0,
        summary=(
            f"{n} of {served.height} served requests were not computed offline, the first is "
            f"{served[key].filter(missing)[0]}."
            if n
            else f"All {served.height} served requests were computed offline."
        ),
    )
    return served.filter(~missing), offline[rows.drop_nulls()], [lost]


def _judge(
    name: str, served: pl.Series, offline: pl.Series, requests: pl.Series, *, nan_is_null: bool
) -> Finding:
    if not len(served):
        return Finding(
            check=_CHECK,
            subject=name,
            verdict=Verdict.UNKNOWN,
            summary=f"No request was served, so nothing is known of {name}.",
        )
    differ = np.flatnonzero(_differ(served, offline, nan_is_null=nan_is_null))
    if not differ.size:
        return Finding(
            check=_CHECK,
            subject=name,
            verdict=Verdict.OK,
            statistic=0.0,
            threshold=0.0,
            summary=f"{name} was served as training computes it in all {len(served):,} requests.",
        )
    first = int(differ[0])
    request, there, here = requests[first], served[first], offline[first]
    return Finding(
        check=_CHECK,
        subject=name,
        verdict=Verdict.FAIL,
        statistic=float(differ.size),
        threshold=0.0,
        effect=differ.size / len(served),
        summary=(
            f"{name} was served otherwise than training computes it in {differ.size:,} of "
            f"{len(served):,} requests, first in {request}: {there!r} served, {here!r} computed."
        ),
        evidence={
            "request": request,
            "row": first,
            "served": repr(there),
            "offline": repr(here),
            "types": [str(served.dtype), str(offline.dtype)],
            "differ": int(differ.size),
            "requests": len(served),
        },
    )


def _differ(served: pl.Series, offline: pl.Series, *, nan_is_null: bool) -> NDArray[np.bool_]:
    """Return where two columns differ in a bit."""
    if nan_is_null:
        served, offline = (
            one.fill_nan(None) if one.dtype.is_float() else one for one in (served, offline)
        )
    dtype = _common(served.dtype, offline.dtype)
    if dtype is None:
        both_null = served.is_null() & offline.is_null()
        return np.asarray(~both_null.to_numpy(), dtype=np.bool_)
    wide = [one.cast(dtype, strict=False) for one in (served, offline)]
    lossy = np.zeros(len(served), dtype=np.bool_)
    for one, widened in zip((served, offline), wide, strict=True):
        back = widened.cast(one.dtype, strict=False)
        lossy |= one.ne_missing(back).to_numpy()
    return np.asarray(lossy | wide[0].ne_missing(wide[1]).to_numpy() | _bits(*wide), dtype=np.bool_)


def _bits(left: pl.Series, right: pl.Series) -> NDArray[np.bool_]:
    """Return where two columns of floats have other bits; equal numbers may, as 0.0 and -0.0."""
    if not left.dtype.is_float():
        return np.zeros(len(left), dtype=np.bool_)
    kind = np.uint64 if left.dtype == pl.Float64 else np.uint32
    first, second = (one.fill_null(0.0).to_numpy().view(kind) for one in (left, right))
    return np.asarray(first != second, dtype=np.bool_)


def _common(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return a type that holds the values of both; None where they are not comparable."""
    if left == right:
        return left
    if left.is_numeric() and right.is_numeric():
        both_whole = left.is_integer() and right.is_integer()
        return pl.Int128() if both_whole else pl.Float64()
    if all(isinstance(one, (pl.String, pl.Categorical, pl.Enum)) for one in (left, right)):
        return pl.String()
    if isinstance(left, pl.Datetime) and isinstance(right, pl.Datetime):
        return pl.Datetime("ns" if "ns" in {left.time_unit, right.time_unit} else "us", "UTC")
    if left == pl.Null:
        return right
    return left if right == pl.Null else None
