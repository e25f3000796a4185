import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, TrackedRows
from homeostat.split import exact_copies, k_fold, random_split

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def table(rng, rows):
    return pl.DataFrame(
        {
            "id": rng.permutation(rows),
            "y": rng.choice(3, rows, p=[0.9, 0.07, 0.03]),
            "site": rng.choice(["a", "b", "ü"], rows),
            "patient": rng.integers(0, max(rows // 4, 1), rows),
        }
    )


def parts(splits, frame):
    """Ids of each part, in order."""
    return {part: sorted(splits.take(part, frame)["id"]) for part in SHARES}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(30, 300))
def test_each_combination_of_strata_comes_out_to_within_one_row(seed, rows):
    frame = table(np.random.default_rng(seed), rows)
    splits = random_split(frame, rng=seed, stratify=["y", "site"], key=["id"])
    part = pl.Series("part", splits.codes)
    for (_, _), held in frame.with_columns(part).group_by("y", "site"):
        counts = np.bincount(held["part"], minlength=4)[1:]
        assert np.abs(counts - held.height * np.array([0.6, 0.2, 0.2])).max() < 1 + 1e-9
    whole = np.bincount(splits.codes, minlength=4)[1:]
    assert np.abs(whole - rows * np.array([0.6, 0.2, 0.2])).max() <= 3


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([{}, {"stratify": "y"}, {"groups": ["patient"]}, {"stable": True}]),
)
def test_a_rows_part_depends_on_its_key_not_on_its_place(seed, asked):
    rng = np.random.default_rng(seed)
    frame = table(rng, 120)
    shuffled = frame[rng.permutation(120)].select(reversed(frame.columns))
    one = random_split(frame, rng=seed, key=["id"], **asked)
    two = random_split(shuffled, rng=seed, key=["id"], **asked)
    assert parts(one, frame) == parts(two, shuffled)
    assert one.row_sets == two.row_sets


def test_without_a_key_the_content_of_a_row_decides():
    frame = table(np.random.default_rng(0), 200)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert parts(random_split(frame, rng=1), frame) == parts(
        random_split(shuffled, rng=1), shuffled
    )


def test_a_stable_split_keeps_a_rows_part_when_rows_are_added():
    frame = table(np.random.default_rng(0), 5_000)
    first = random_split(frame.head(3_000), rng=4, key=["id"], stable=True)
    later = random_split(frame, rng=4, key=["id"], stable=True)
    np.testing.assert_array_equal(later.codes[:3_000], first.codes)
    assert later.test.mean() == pytest.approx(0.2, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_groups_stay_whole_while_classes_are_shared_out(seed):
    rng = np.random.default_rng(seed)
    frame = table(rng, 2_000)
    splits = random_split(frame, rng=seed, stratify="y", groups=["patient"], key=["id"])
    held = [set(splits.take(part, frame)["patient"]) for part in SHARES]
    assert sum(map(len, held)) == len(set.union(*held))
    for y in range(3):
        rows = (frame["y"] == y).to_numpy()
        for part, share in SHARES.items():
            assert splits.masks[part][rows].mean() == pytest.approx(share, abs=0.03)


def test_groups_with_rare_classes_are_parted_as_evenly_as_scikit_learn_does():
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(3)
    size = rng.geometric(0.1, 400)
    group = np.repeat(np.arange(400), size)
    y = (rng.random(group.size) < np.repeat(rng.beta(0.2, 2, 400), size)).astype(int)
    frame = pl.DataFrame({"id": np.arange(group.size), "g": group, "y": y})

    def worst(tests):
        return max(abs(y[one].mean() - y.mean()) + abs(one.size / y.size - 0.2) for one in tests)

    ours = k_fold(frame, folds=5, rng=0, stratify="y", groups=["g"], key=["id"])
    theirs = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(y, y, group)
    assert worst(test for _, test in ours.split()) < 0.003
    assert worst(test for _, test in ours.split()) <= worst(test for _, test in theirs)


def test_a_class_with_fewer_rows_than_parts_is_said():
    frame = pl.DataFrame({"id": range(101), "y": [0] * 100 + [1]})
    splits = random_split(frame, rng=0, stratify="y", key=["id"])
    [shares, strata] = splits.findings
    assert (shares.check, shares.verdict) == ("split.shares", "ok")
    assert (strata.check, strata.verdict, strata.statistic) == ("split.strata", "warn", 1.0)
    assert "1 of 2 values of y are not in every part, the rarest has 1 rows" in strata.summary


def test_a_group_that_is_too_large_is_said():
    frame = pl.DataFrame({"id": range(100), "g": [0] * 70 + list(range(1, 31))})
    [shares] = random_split(frame, rng=0, groups=["g"], key=["id"]).findings
    assert shares.verdict == "warn"
    assert "groups are too large" in shares.summary


def test_rows_that_are_linked_only_through_others_stay_together():
    frame = pl.DataFrame(
        {"id": range(60), "a": [n // 2 for n in range(60)], "b": [(n + 1) // 2 for n in range(60)]}
    )
    with pytest.raises(InputError, match="at least 3 groups that are not linked, there are 1"):
        random_split(frame, rng=0, groups=["a", "b"])


def test_copies_stay_on_one_side():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=300)})
    frame = pl.concat([frame, frame.sample(200, seed=1)])
    loose = random_split(frame, rng=0)
    kept = random_split(frame, rng=0, copies=exact_copies(frame))

    def shared(splits):
        train, test = (set(splits.take(part, frame)["x"]) for part in ("train", "test"))
        return len(train & test)

    assert shared(loose) > 10
    assert shared(kept) == 0
    assert kept.test.mean() == pytest.approx(0.2, abs=0.01)


def test_rows_with_one_key_are_one_case():
    frame = pl.DataFrame({"id": [n % 50 for n in range(200)], "x": range(200)})
    splits = random_split(frame, rng=0, key=["id"])
    held = [set(splits.take(part, frame)["id"]) for part in SHARES]
    assert sum(map(len, held)) == 50


def test_a_number_is_shared_out_by_its_deciles():
    frame = pl.DataFrame({"y": np.random.default_rng(0).lognormal(size=1_000)})
    splits = random_split(frame, rng=0, stratify="y")
    middle = [splits.take(part, frame)["y"].quantile(q) for q in (0.1, 0.5, 0.9) for part in SHARES]
    assert np.ptp(np.reshape(middle, (3, 3)), axis=1) == pytest.approx([0, 0, 0], abs=0.35)


def test_made_rows_never_leave_training():
    rows = TrackedRows.of(pl.DataFrame({"id": range(100)}), key=["id"])
    mixed = np.stack([np.arange(99), np.arange(1, 100)], axis=1)
    made = rows + rows.made_from(pl.DataFrame({"id": range(100, 199)}), mixed)
    splits = random_split(made, rng=0)
    assert not (splits.validation | splits.test)[100:].any()
    train = splits.train[:100]
    np.testing.assert_array_equal(splits.train[100:], train[:-1] & train[1:])
    assert splits.ledger().findings()[0].verdict == "ok"


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"id": [1, 2, 3], "y": [None, None, None]}),
        pl.DataFrame({"id": [1, 2, 3], "y": [float("nan"), float("inf"), 0.0]}),
        pl.DataFrame({"id": ["ä", "日本", ""], "y": [1, 1, 1]}),
        pl.DataFrame({"id": [[1], [2], [3]], "y": [1, 2, 3]}),
    ],
)
def test_odd_columns_are_split_all_the_same(frame):
    splits = random_split(frame, rng=0, stratify="y", key=["id"])
    assert sorted(splits.codes) == [1, 2, 3]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(InputError, match="at least 3 rows, there are"):
        random_split(pl.DataFrame({"x": range(rows)}), rng=0)


def test_thousands_of_classes_of_one_group_each_are_parted_evenly():
    frame = pl.DataFrame({"id": range(6_000), "y": [n // 2 for n in range(6_000)]})
    splits = random_split(frame, rng=0, stratify="y", groups=["y"], key=["id"])
    assert splits.test.mean() == pytest.approx(0.2, abs=0.002)
