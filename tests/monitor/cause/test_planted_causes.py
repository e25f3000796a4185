"""A cause is planted in a simulated world; what `explain` looks at first is that cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.monitor import explain

START = datetime(2026, 3, 1, tzinfo=UTC)
AIRPORTS, CARRIERS = [f"A{i}" for i in range(8)], ["UA", "DL", "AA", "B6", "WN"]
FEATURES = ["wind", "temp", "rain", "dist", "hour", "airport", "carrier", "holiday"]
FED = {
    "weather": ["wind", "temp", "rain"],
    "schedule": ["dist", "hour", "airport", "carrier"],
    "calendar": ["holiday"],
}
SOURCES = {feature: [source] for source, fed in FED.items() for feature in fed}
KINDS = ["feature", "category", "new", "broken", "everyone", "source", "within", "none"]


def world(seed: int, kind: str):
    """Return a reference, a window, and what must be named: kind of root and a part of its name."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    by_airport, by_carrier = rng.normal(0, 0.5, 9), rng.normal(0, 0.3, 5)
    mix = rng.dirichlet(np.full(8, 8.0))
    slopes = rng.choice([-1, 1], 4) * rng.uniform(0.5, 0.9, 4)
    column, place, carrier = rng.integers(4), rng.integers(8), rng.integers(5)
    expected = {
        "feature": ("feature", FEATURES[column]),
        "category": ("segment", f"airport = A{place}"),
        "new": ("segment", "airport = NEW"),
        "broken": ("segment", f"airport = A{place}"),
        "everyone": ("everyone", ""),
        "source": ("source", "weather"),
        "within": ("segment", f"carrier = {CARRIERS[carrier]}"),
        "none": ("none", ""),
    }[kind]

    def rows(n: int, *, after: bool) -> pl.DataFrame:
        x = rng.normal(size=(n, 4))
        x[:, 1] += 0.5 * x[:, 0]  # temp goes with wind
        shares, k = mix.copy(), rng.choice(5, n)
        if after and kind == "category":
            shares = shares * 0.6 + 0.4 * np.eye(8)[place]
        a = rng.choice(8, n, p=shares)
        if after and kind == "new":
            a[rng.random(n) < 0.25] = 8
        if after and kind == "feature":
            x[:, column] += 0.8
        if after and kind == "source":
            x[:, :3] += np.sign(slopes[:3]) * 0.8
        if after and kind == "within":
            x[k == carrier, :2] += 1.6 * np.sign(slopes[:2])
        places = np.append(by_airport[:8], 2.0)
        if kind == "category":
            places[place] = 2.0
        logit = x @ slopes + places[a] + by_carrier[k] - 1.0
        logit_said = logit.copy()
        if after and kind == "broken":
            logit[a == place] += 2.5
        if after and kind == "everyone":
            logit += 0.8
        p = 1 / (1 + np.exp(-logit))
        hours = np.sort(rng.uniform(0, 1 if after else 3, n)) * 24 * 4 + (288 if after else 0)
        return pl.DataFrame(
            {
                **dict(zip(FEATURES, x.T, strict=False)),
                "hour": rng.integers(0, 24, n),
                "airport": np.array([*AIRPORTS, "NEW"])[a],
                "carrier": np.array(CARRIERS)[k],
                "holiday": rng.random(n) < 0.1,
                "late": rng.random(n) < p,
                "said": 1 / (1 + np.exp(-logit_said)),
                "at": [START + timedelta(hours=h) for h in hours],
            }
        )

    return rows(4000, after=False), rows(3000, after=True), expected


def named(seed: int, kind: str) -> tuple[bool, str]:
    """Return whether the planted cause was named first, and what was."""
    reference, window, (root, name) = world(seed, kind)
    # what a model says changes with its inputs; what happens may change without them
    prediction = kind in {"feature", "source", "within"} and seed % 2 == 0
    found = explain(
        reference,
        window,
        "said" if prediction else "late",
        of="prediction" if prediction else "metric",
        features=FEATURES,
        sources=SOURCES,
        level=0.99,
    )
    parts = sum(one.change for one in found.features)
    assert parts + found.on_top == pytest.approx(found.change, abs=1e-12)
    assert sum(one.change for one in found.sources) == pytest.approx(found.inputs, abs=1e-12)
    for mix in found.mixes:
        assert sum(one.total for one in mix.segments) == pytest.approx(found.change, abs=1e-12)
    return found.root.kind == root and name in found.root.name, str(found.root)


@pytest.mark.parametrize("kind", ["source", "within", "none"])
def test_the_planted_cause_is_what_to_look_at_first(kind):
    right, said = named(1, kind)
    assert right, f"{kind} was told as {said}"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_in_a_hundred_worlds_the_planted_cause_is_named_in_at_least_95():
    results = [(kind, *named(seed, kind)) for seed in range(2, 15) for kind in KINDS][:100]
    wrong = [(kind, said) for kind, right, said in results if not right]
    assert len(wrong) <= 5, wrong
