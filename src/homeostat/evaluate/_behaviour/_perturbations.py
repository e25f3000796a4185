"""The perturbations by name, with the strengths a curve is drawn at."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from homeostat.core import InputError, suggest
from homeostat.evaluate._behaviour import _images, _tables, _texts
from homeostat.evaluate._behaviour._data import Data, Kind, admit, kind_of
from homeostat.evaluate._behaviour._typos import typos
from homeostat.evaluate._behaviour._words import change_contractions

__all__ = ["PERTURBATIONS", "Change", "Perturbation", "apply", "find_perturbation", "perturb"]

Change = Callable[..., Any]
"""From rows, a strength and a generator (and settings by name) to as many rows."""


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A way in which rows change on their way to a model.

    Args:
        name: What it is called.
        kind: ``"table"``, ``"text"`` or ``"image"``.
        unit: Of its strength.
        strengths: What a curve is drawn at by default, rising.
        change: From rows, a strength and a generator to as many rows.
        whole: Whether it must see all rows, in order, and not a sample of them.
    """

    name: str
    kind: Kind
    unit: str
    strengths: tuple[float, ...]
    change: Change = field(repr=False)
    whole: bool = False


def _of_texts(change: Change, setting: str) -> Change:
    """Take a function of texts for one of rows, strength and generator."""

    def changed(
        texts: list[str],
        strength: float,
        rng: np.random.Generator,
        **settings: Any,  # noqa: ANN401 - it passes them on
    ) -> Any:  # noqa: ANN401 - likewise
        return change(texts, **{setting: strength}, rng=rng, **settings)

    changed.__signature__ = inspect.signature(change)  # type: ignore[attr-defined]  # read by us
    return changed


_SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
_PARTS = (0.01, 0.05, 0.1, 0.2, 0.5)
_KINDS: tuple[Perturbation, ...] = (
    Perturbation("noise", "table", "standard deviations", _PARTS, _tables.noise),
    Perturbation("rounding", "table", "standard deviations", _PARTS, _tables.round_values),
    Perturbation("scaling", "table", "share of values", _PARTS, _tables.scale_values),
    Perturbation("categories", "table", "share of values", _PARTS, _tables.swap_categories),
    Perturbation("missing", "table", "share of values", _PARTS, _tables.drop_values),
    Perturbation("stale", "table", "rows before", (1, 2, 5, 10), _tables.lag_values, whole=True),
    Perturbation("typos", "text", "typos a text", (1, 2, 4, 8), _of_texts(typos, "count")),
    Perturbation(
        "case", "text", "share of letters", _SHARES, _of_texts(_texts.change_case, "share")
    ),
    Perturbation(
        "punctuation",
        "text",
        "share of marks",
        _SHARES,
        _of_texts(_texts.change_punctuation, "share"),
    ),
    Perturbation(
        "space", "text", "share of spaces", _SHARES, _of_texts(_texts.change_space, "share")
    ),
    Perturbation(
        "look_alikes", "text", "share of letters", _SHARES, _of_texts(_texts.look_alikes, "share")
    ),
    Perturbation(
        "elongation", "text", "share of vowels", _SHARES, _of_texts(_texts.elongate, "share")
    ),
    Perturbation(
        "contractions",
        "text",
        "share of places",
        (0.5, 1.0),
        _of_texts(change_contractions, "share"),
    ),
    Perturbation(
        "pixel_noise", "image", "of the range", (0.02, 0.05, 0.1, 0.2, 0.4), _images.pixel_noise
    ),
    Perturbation("brightness", "image", "of the range", (0.05, 0.1, 0.2, 0.4), _images.brighten),
    Perturbation("contrast", "image", "of the contrast", (0.1, 0.25, 0.5, 0.75), _images.contrast),
    Perturbation("blur", "image", "pixels", (0.5, 1.0, 1.5, 2.0), _images.blur),
    Perturbation("occlusion", "image", "of the area", (0.02, 0.05, 0.1, 0.2), _images.occlude),
    Perturbation("shift", "image", "pixels", (1, 2, 3), _images.shift),
    Perturbation("rotation", "image", "degrees", (2, 5, 10, 20), _images.rotate),
    Perturbation("jpeg", "image", "100 - quality", (20, 50, 70, 90), _images.compress),
)
PERTURBATIONS: dict[str, Perturbation] = {one.name: one for one in _KINDS}


def find_perturbation(asked: str | Perturbation, kind: Kind) -> Perturbation:
    """Return a perturbation by its name, or as it is; it must be one of these rows.

    Raises:
        InputError: If there is none of that name, or it changes rows of another kind.
    """
    if isinstance(asked, str):
        if asked not in PERTURBATIONS:
            known = [name for name, one in PERTURBATIONS.items() if one.kind == kind]
            raise InputError(f"There is no perturbation `{asked}`.{suggest(asked, known)}")
        asked = PERTURBATIONS[asked]
    if asked.kind != kind:
        raise InputError(f"`{asked.name}` changes rows of kind {asked.kind}, these are {kind}.")
    return asked


def perturb(
    rows: Any,  # noqa: ANN401 - a frame, texts or images
    perturbation: str | Perturbation,
    strength: float,
    *,
    rng: np.random.Generator | int = 0,
    **settings: Any,  # noqa: ANN401 - those of the perturbation
) -> Any:  # noqa: ANN401 - of the kind that came in
    """Return rows as they might arrive: noisy, mistyped, darkened.

    Args:
        rows: A frame, a list of texts, or images (n, h, w) or (n, h, w, c).
        perturbation: Its name, or one of your own.
        strength: How strong, in its unit; 0 changes nothing.
        rng: Generator or seed.
        **settings: Such as ``columns`` of a table's, ``kinds`` of typos, ``by`` of stale values.

    Returns:
        As many rows of the same kind.

    Raises:
        InputError: If it is not known, does not fit the rows, or has no such setting.

    Example:
        >>> perturb(["hello"], "typos", 1, kinds=["double"])
        ['helllo']
    """
    admitted = admit(rows)
    found = find_perturbation(perturbation, kind_of(admitted))
    return apply(found, admitted, strength, np.random.default_rng(rng), settings)


def apply(
    found: Perturbation,
    rows: Data,
    strength: float,
    rng: np.random.Generator,
    settings: dict[str, Any],
) -> Data:
    """Return changed rows; checks the strength, the settings, and that no row is lost."""
    if not np.isfinite(strength) or strength < 0:
        raise InputError(f"The strength of `{found.name}` must be 0 or above, got {strength}.")
    known = [
        name
        for name, one in inspect.signature(found.change).parameters.items()
        if one.kind is one.KEYWORD_ONLY and name != "rng"
    ]
    for name in settings:
        if name not in known:
            raise InputError(f"`{found.name}` has no setting `{name}`.{suggest(name, known)}")
    if strength == 0:
        return rows
    made = admit(found.change(rows, strength, rng, **settings))
    if len(made) != len(rows) or kind_of(made) != found.kind:
        raise InputError(
            f"`{found.name}` must return as many rows as it got, {len(rows)}, got {len(made)}."
        )
    return made
