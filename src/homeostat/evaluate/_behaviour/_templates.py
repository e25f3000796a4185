"""Texts made from templates: every combination of the slots' values, or a seeded sample of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest

__all__ = ["fill_templates"]

_SLOT = re.compile(r"\[([A-Za-z_][A-Za-z0-9_]*)\]")
Slots = Mapping[str, Sequence[str | int | float]]


def fill_templates(
    templates: str | Sequence[str],
    slots: Slots,
    *,
    max_texts: int | None = None,
    rng: np.random.Generator | int = 0,
) -> pl.DataFrame:
    """Return a text for each combination of what the slots of a template may hold.

    Args:
        templates: With slots in brackets, such as ``"Find me a [CUISINE] restaurant"``; a slot
            named twice holds the same value twice. A bracket is written ``[[``.
        slots: What each slot may hold; each value once.
        max_texts: At most how many texts of each template, drawn without replacement; None is
            all of them.
        rng: Generator or seed of the drawing.

    Returns:
        Columns text, template (its number), and each slot's value as a string, null in a template
        that lacks it: from every text one sees where it came from.

    Raises:
        InputError: If a template names an unknown slot, a slot is used by none, is empty, or
            holds a value twice, or the combinations exceed 2**63.

    Example:
        >>> made = fill_templates("a [SIZE] [THING]", {"SIZE": ["big", 2], "THING": ["cat"]})
        >>> made["text"].to_list()
        ['a big cat', 'a 2 cat']
    """
    listed = [templates] if isinstance(templates, str) else list(templates)
    if not listed:
        raise InputError("At least one template is needed, got none.")
    named = [list(dict.fromkeys(_SLOT.findall(one.replace("[[", "")))) for one in listed]
    _check(named, slots)
    generator = np.random.default_rng(rng)
    made = [
        _filled(template, number, names, slots, max_texts, generator)
        for number, (template, names) in enumerate(zip(listed, named, strict=True))
    ]
    return pl.concat(made, how="diagonal").select("text", "template", *slots)


def _check(named: Sequence[Sequence[str]], slots: Slots) -> None:
    for name in {name for names in named for name in names}:
        if name not in slots:
            raise InputError(f"A template names the unknown slot [{name}].{suggest(name, slots)}")
    for name, values in slots.items():
        if not any(name in names for names in named):
            raise InputError(f"No template has the slot [{name}]; take it out or use it.")
        if name in {"text", "template"}:
            raise InputError(f"A slot cannot be called `{name}`, the result has such a column.")
        texts = [str(value) for value in values]
        if isinstance(values, str) or not texts or len(set(texts)) < len(texts):
            raise InputError(
                f"The slot [{name}] needs a list of values, each once, got {values!r}."
            )


def _filled(
    template: str,
    number: int,
    names: Sequence[str],
    slots: Slots,
    max_texts: int | None,
    rng: np.random.Generator,
) -> pl.DataFrame:
    sizes = [len(slots[name]) for name in names]
    total = math.prod(sizes)
    if max_texts is not None and max_texts < 1:
        raise InputError(f"`max_texts` must be at least 1, got {max_texts}.")
    if total >= 2**63 or (max_texts is None and total > 10_000_000):
        raise InputError(
            f"Template {number} has {total:,} combinations; pass `max_texts`, or fewer values."
        )
    chosen = _drawn(total, max_texts, rng)
    columns: dict[str, pl.Series] = {}
    for name, size in zip(reversed(names), reversed(sizes), strict=True):  # the last turns fastest
        values = pl.Series(name, [str(value) for value in slots[name]], dtype=pl.String)
        columns[name] = values[chosen % size]
        chosen = chosen // size
    frame = pl.DataFrame([columns[name] for name in names]) if names else pl.DataFrame({"": [0]})
    parts = [
        pl.lit(part.replace("\0", "[")) if i % 2 == 0 else pl.col(part)
        for i, part in enumerate(_SLOT.split(template.replace("[[", "\0")))
    ]
    return frame.select(
        pl.concat_str(parts).alias("text"), pl.lit(number).alias("template"), *names
    )


def _drawn(total: int, most: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return numbers below a total, ascending; all of them, or so many without replacement."""
    if most is None or total <= most:
        return np.arange(total, dtype=np.int64)
    if total <= 4 * most:
        return np.sort(rng.choice(total, most, replace=False)).astype(np.int64)
    found = np.empty(0, dtype=np.int64)
    while len(found) < most:
        found = np.unique(np.concatenate([found, rng.integers(total, size=most)]))
    return np.sort(rng.choice(found, most, replace=False))
