"""Review: which features of a store can be retired or need a person, and who uses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from homeostat.core import Clock, Finding, Json, RealClock, Verdict, duration
from homeostat.features._feature import Feature
from homeostat.features._group import FeatureGroup
from homeostat.features._store import FeatureStore
from homeostat.features._useless import useless

__all__ = ["review"]

_DEAD = 3  # cadences without a value after which a feature is not late but dead


def review(
    store: FeatureStore,
    groups: Sequence[FeatureGroup],
    *,
    used_by: Mapping[str, Sequence[str]] | None = None,
    importance: Mapping[str, float] | None = None,
    effect: Mapping[str, tuple[float, float]] | None = None,
    clock: Clock | None = None,
) -> list[Finding]:
    """Find features that are useless, stale, duplicated, unused or without an owner.

    Args:
        store: Where their values are.
        groups: Materialised in these versions.
        used_by: By feature, the models and systems that use it; `homeostat.loop.feature_users`
            collects that from a record. None where nobody knows.
        importance: How much a model uses each, see :func:`useless`.
        effect: By feature, how much worse the metric is without it, see :func:`useless`.
        clock: What "now" is.

    Returns:
        The warnings of :func:`useless`, and ``features.stale`` (no value for longer than the
        group's cadence: warn; for three times as long: fail), ``features.duplicate`` (defined as
        another one is, under another name), ``features.unused`` (in no model), ``features.unowned``
        and ``features.undescribed``. Each has in its evidence the group, the owner and who uses
        the feature. One finding ``features.useful`` if there is nothing to say.

    Raises:
        InputError: If a group was never materialised.
    """
    now = (clock or RealClock()).now()
    found = [
        replace(one, evidence={**one.evidence, **_whose(group, one.subject, used_by)})
        for group in groups
        for one in _group(store, group, used_by, importance, effect, now)
    ]
    found += [
        replace(one, evidence={**one.evidence, **_whose(group, one.subject, used_by)})
        for group, one in _duplicates(groups)
    ]
    n = sum(len(group.features) for group in groups)
    return found or [
        Finding(
            check="features.useful",
            subject="features",
            verdict=Verdict.OK,
            summary=f"All {n} features are fresh, owned, described and used.",
        )
    ]


def _group(
    store: FeatureStore,
    group: FeatureGroup,
    used_by: Mapping[str, Sequence[str]] | None,
    importance: Mapping[str, float] | None,
    effect: Mapping[str, tuple[float, float]] | None,
    now: datetime,
) -> Iterator[Finding]:
    names = group.features.names
    values = store.scan(group).sort(group.time, maintain_order=True).select(names).collect()
    found = useless(values, names, importance=importance, effect=effect)
    yield from (one for one in found if one.check != "features.useful")
    last = store.last_values(group)
    for feature in group.features:
        yield from _kept_up(group, feature, last[feature.name], now)
        if used_by is not None and not used_by.get(feature.name):
            yield _warn("unused", feature, "is in no model: retire it")
        if not (feature.owner or group.owner):
            yield _warn("unowned", feature, "has no owner: name who answers for it")
        if not feature.description:
            yield _warn("undescribed", feature, "has no description: say what it means")


def _kept_up(
    group: FeatureGroup, feature: Feature, last: datetime | None, now: datetime
) -> Iterator[Finding]:
    """Judge whether the last value is as recent as the source promises."""
    if group.cadence is None or last is None:
        return
    promised = duration(group.cadence)
    age = now - last
    if age > promised:
        yield Finding(
            check="features.stale",
            subject=feature.name,
            verdict=Verdict.FAIL if age > _DEAD * promised else Verdict.WARN,
            statistic=age.total_seconds(),
            threshold=promised.total_seconds(),
            summary=(
                f"{feature.name} had its last value at {last:%Y-%m-%d %H:%M} UTC, "
                f"{age.total_seconds() / promised.total_seconds():.1f} times as long ago as "
                f"{group.source or group.name} promises."
            ),
        )


def _duplicates(groups: Sequence[FeatureGroup]) -> Iterator[tuple[FeatureGroup, Finding]]:
    first: dict[tuple[str, ...], str] = {}
    for group in groups:
        for feature in group.features:
            what = (*group.by, group.time, group.source, feature.definition_digest)
            twin = first.setdefault(what, feature.name)
            if twin != feature.name:
                yield group, _warn("duplicate", feature, f"is defined as {twin} is: keep one")


def _warn(check: str, feature: Feature, words: str) -> Finding:
    return Finding(
        check=f"features.{check}",
        subject=feature.name,
        verdict=Verdict.WARN,
        summary=f"{feature.name} {words}.",
    )


def _whose(
    group: FeatureGroup, name: str, used_by: Mapping[str, Sequence[str]] | None
) -> dict[str, Json]:
    owner = group.features[name].owner or group.owner
    users = None if used_by is None else list(used_by.get(name, ()))
    return {"group": group.name, "owner": owner, "used_by": users}
