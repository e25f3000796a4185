"""LightGBM's trees, from the text in which it stores them."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from homeostat.core import InputError
from homeostat.importance._trees import Bools, Ints, Trees, joined
from homeostat.stats import Floats

__all__ = ["exact_gains", "read_lightgbm"]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of decision_type; two more are the kind of missing
_ZERO_IS_MISSING, _NAN_IS_MISSING = 1, 2
_WORD = 32


def read_lightgbm(booster: Any) -> Trees:  # noqa: ANN401 - a type of an optional import
    """Read a ``lightgbm.Booster``, up to its best iteration if it stopped early."""
    text = booster.model_to_string()
    head, _, rest = text.partition("\nTree=")
    if "\nis_linear=1" in rest:
        raise InputError(
            "Trees must have a constant in each leaf, this LightGBM model has linear_tree=True: "
            "train it without, or ask for permutation importance."
        )
    outputs = int(_entry(head, "num_tree_per_iteration"))
    blocks = ("Tree=" + rest).split("\nend of trees")[0].split("\nTree=") if rest else []
    share = outputs / len(blocks) if "average_output" in head and blocks else 1.0
    trees = [_tree(block, i % outputs, outputs, share) for i, block in enumerate(blocks)]
    return joined(trees, np.zeros(outputs), int(_entry(head, "max_feature_idx")) + 1)


def _entry(text: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def _tree(block: str, output: int, outputs: int, share: float) -> Trees:
    entries = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)

    def numbers(name: str) -> Floats:
        return np.array(entries.get(name, "").split(), dtype=np.float64)

    feature = numbers("split_feature").astype(np.int64)
    splits, leaves = len(feature), int(entries["num_leaves"])
    kind = numbers("decision_type").astype(np.int64)
    missing, threshold = (kind >> 2) & 3, numbers("threshold")
    categorical = (kind & _CATEGORICAL) > 0
    default_left = (kind & _DEFAULT_LEFT) > 0
    # What is not kept as missing is read as 0; a missing category is in no set.
    nan_left = np.where(missing > 0, default_left, threshold >= 0) & ~categorical
    value = np.zeros((splits + leaves, outputs))
    value[splits:, output] = share * numbers("leaf_value")
    counts = numbers("leaf_count") if splits else np.ones(1)

    def padded(values: Any, fill: Any) -> Any:  # noqa: ANN401 - of any dtype
        return np.concatenate([values, np.full(leaves, fill, dtype=values.dtype)])

    def children(name: str) -> Ints:
        ids = numbers(name).astype(np.int64)
        return np.asarray(padded(np.where(ids < 0, splits + ~ids, ids), -1))

    return Trees(
        feature=padded(feature, -1),
        threshold=padded(threshold, 0.0),
        left=children("left_child"),
        right=children("right_child"),
        nan_left=padded(nan_left, fill=False),
        cover=np.concatenate([numbers("internal_count"), counts]),
        gain=padded(numbers("split_gain"), 0.0),
        value=value,
        root=np.zeros(1, np.int64),
        base=np.zeros(outputs),
        columns=0,
        zero_missing=padded((missing == _ZERO_IS_MISSING) & ~categorical, fill=False),
        category=padded(np.where(categorical, threshold, -1).astype(np.int64), -1),
        sets=_sets(numbers("cat_boundaries"), entries.get("cat_threshold", "").split()),
    )


def _sets(boundaries: Floats, words: list[str]) -> Bools:
    """Unpack bit sets: bit ``b`` of word ``w`` stands for category ``32 w + b``."""
    ends = boundaries.astype(np.int64)
    if not len(ends):
        return np.zeros((0, 1), bool)
    packed = np.array([int(word) for word in words], dtype="<u4").view(np.uint8)
    bits = np.unpackbits(packed, bitorder="little").astype(bool)
    sets = np.zeros((len(ends) - 1, int(np.diff(ends).max()) * _WORD + 1), bool)
    for i, (start, end) in enumerate(itertools.pairwise(ends)):
        sets[i, : (end - start) * _WORD] = bits[start * _WORD : end * _WORD]
    return sets


def exact_gains(booster: Any) -> Floats:  # noqa: ANN401 - a type of an optional import
    """Return the gain of each node in the order of :func:`read_lightgbm`.

    The text holds six digits; the JSON holds them all and takes longer to make.
    """
    gains: list[float] = []
    for tree in booster.dump_model()["tree_info"]:
        found: dict[int, float] = {}
        waiting = [tree["tree_structure"]]
        while waiting:
            node = waiting.pop()
            if "split_index" in node:
                found[node["split_index"]] = node["split_gain"]
                waiting += [node["left_child"], node["right_child"]]
        gains += [found[i] for i in range(len(found))] + [0.0] * tree["num_leaves"]
    return np.array(gains)
