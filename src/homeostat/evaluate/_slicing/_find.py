"""Finding slices: whatever finder names them, on one half of the rows, the other half confirms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, suggest
from homeostat.evaluate._slicing._beam import BeamFinder
from homeostat.evaluate._slicing._clusters import Clustering, cluster_finder
from homeostat.evaluate._slicing._cuts import Cut, cut
from homeostat.evaluate._slicing._errors import wrong
from homeostat.evaluate._slicing._finders import CubeFinder, Finder, Settings, cube_seconds
from homeostat.evaluate._slicing._found import Report
from homeostat.evaluate._slicing._gate import confirmed, halves, searched_for
from homeostat.evaluate._slicing._judged import Loss, losses_of
from homeostat.evaluate._slicing._tree import tree_finder
from homeostat.stats import Floats, block_codes

__all__ = ["Method", "find_slices"]

Method = Literal["auto", "cube", "beam", "rules", "tree", "clusters"]
_METHODS = ("auto", "cube", "beam", "rules", "tree", "clusters")


def find_slices(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    loss: Loss = "excess",
    method: Method | Sequence[Method] = "auto",
    depth: int = 2,
    minimum: int = 50,
    most: int = 10,
    tolerance: float = 0.0,
    blocks: ArrayLike | None = None,
    bins: int = 5,
    alpha: float = 0.05,
    budget_s: float = 20.0,
    embedding: str | None = None,
    clustering: Clustering = "kmeans",
    show: str | None = None,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Find slices that are worse than the rest, with none named beforehand.

    One half of the rows (of the blocks) is searched: the worst slice that any finder names is
    taken, its rows are put aside, and the rest is searched again, for as long as the worst one's
    p-value, by Benjamini-Hochberg over all that were looked at, is below 0.1. What was found is
    then tested on the other half, each slice against its complement, and kept where Holm's
    p-value there is below ``alpha``: the chance that any slice is reported where none is worse is
    at most ``alpha``, whatever the finders.

    Args:
        label: 0 or 1, shape (n,); a class 0 to k - 1 where ``p`` is of k classes.
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        frame: The columns to search, n rows.
        columns: Their names; None takes all but times, lists and structs.
        loss: ``"excess"`` finds where the model is surer than it should be; ``"logloss"``,
            ``"brier"`` and ``"error"`` also find where the rows are merely hard, such as those
            whose base rate is near a half. Or a function of label and prediction, of any kind,
            that returns a loss a row.
        method: ``"cube"`` searches every crossing, ``"beam"`` only what promises most,
            ``"auto"`` the cube where ``budget_s`` allows it, else the beam. ``"rules"`` takes
            what most errors have in common, ``"tree"`` the nodes of a regression tree, cut at
            any number, ``"clusters"`` clusters of ``embedding``. Or several of them.
        depth: How many columns a slice may be cut from.
        minimum: Rows that a slice must have in each half.
        most: How many slices are looked for.
        tolerance: By how much the mean loss of a slice may be worse than that of the rest.
        blocks: Which block (a day) a row is in; a block is searched or confirms, never both.
        bins: Into how many parts numbers are cut, but by the tree.
        alpha: The chance of a false report.
        budget_s: CPU seconds that one exhaustive search may take by estimate.
        embedding: Column of embeddings, of texts or images: lists of numbers.
        clustering: ``"kmeans"``, or ``"hdbscan"`` for clusters of uneven shape.
        show: Column to show examples of, such as the text itself or an image's path; the words
            that tell a cluster of texts from the others are taken from it.
        rng: Generator or seed of the halves, the tree and the clusters.

    Returns:
        A finding ``slice.found`` of verdict warn for each confirmed slice, in the order found;
        its evidence holds the slice as JSON (:class:`SavedSlice` keeps it), how it was searched,
        excess loss in sum with a lower bound, SliceLine's score and examples. Or one of verdict
        ok where there is none, unknown where there are too few rows to search.

    Raises:
        InputError: If lengths differ, a column is not there, or there is no such method or loss.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> frame = pl.DataFrame({"a": rng.integers(0, 5, 4000), "b": rng.integers(0, 5, 4000)})
        >>> p = rng.random(4000)
        >>> odd = ((frame["a"] == 1) & (frame["b"] == 3)).to_numpy()
        >>> label = rng.random(4000) < np.where(odd, 1 - p, p)
        >>> [found.subject for found in find_slices(label, p, frame, minimum=30)]
        ['a = 1 & b = 3']
    """
    losses, name = losses_of(loss, label, p)
    n = len(losses)
    if frame.height != n:
        raise InputError(f"`frame` must have {n} rows as the label has, got {frame.height}.")
    methods = _methods(method, embedding)
    for column in (embedding, show):
        if column is not None and column not in frame.columns:
            raise InputError(f"There is no column `{column}`.{suggest(column, frame.columns)}")
    generator = np.random.default_rng(rng)
    day = None if blocks is None else block_codes(blocks, n)[0]
    searched = halves(n, day, generator)
    settings = Settings(depth, minimum, tolerance)
    report = Report(name, losses, frame, show, minimum)
    if min(searched.sum(), np.sum(~searched)) < 4 * max(minimum, 5):
        return [report.none([], 0)]
    chosen = _columns(frame, columns, {embedding, show})
    tabular = chosen and set(methods) - {"tree", "clusters"}
    cuts = [cut(frame, column, bins=bins) for column in chosen] if tabular else []
    seed = int(generator.integers(2**31))
    finders: list[Finder] = []
    for one in methods:
        if one == "clusters":
            finders.append(
                cluster_finder(
                    losses, frame, cast("str", embedding), searched, settings,
                    clustering=clustering, texts=show, seed=seed,
                )
            )  # fmt: skip
        elif one == "tree" and chosen:
            finders.append(tree_finder(losses, frame, chosen, searched, settings, seed=seed))
        elif cuts:
            errors = wrong(label, p, losses) if one == "rules" else losses
            finders.append(_tabular(one, errors, cuts, settings, int(searched.sum()), budget_s))
    tested = confirmed(searched_for(finders, searched, most), losses, searched, day, settings)
    kept = [
        report.found(one, finders) for one in tested if one.test is not None and one.p_value < alpha
    ]
    untested = sum(one.test is None for one in tested)
    return kept or [report.none(finders, untested)]


def _methods(method: Method | Sequence[Method], embedding: str | None) -> list[Method]:
    named = [method] if isinstance(method, str) else list(method)
    for one in named:
        if one not in _METHODS:
            raise InputError(f"There is no finder `{one}`.{suggest(one, _METHODS)}")
    if "clusters" in named and embedding is None:
        raise InputError("Clusters need `embedding`, the column that holds the embeddings.")
    if not named:
        raise InputError(f"`method` names no finder; there are {', '.join(_METHODS)}.")
    return named


def _columns(
    frame: pl.DataFrame, columns: Sequence[str] | None, apart: set[str | None]
) -> list[str]:
    if columns is not None:
        for name in columns:
            if name not in frame.columns:
                raise InputError(f"There is no column `{name}`.{suggest(name, frame.columns)}")
        return list(columns)
    return [
        name
        for name, dtype in frame.schema.items()
        if name not in apart
        and not (dtype.is_temporal() or dtype.is_nested() or dtype in {pl.Object, pl.Binary})
    ]


def _tabular(
    method: Method,
    losses: Floats | NDArray[np.float64],
    cuts: Sequence[Cut],
    settings: Settings,
    n: int,
    budget_s: float,
) -> Finder:
    width = max(5, min(50, 10_000 // len(cuts)))  # a beam's cost is its width times the columns
    if method == "beam":
        return BeamFinder(losses, cuts, settings, width=width)
    seconds = cube_seconds(cuts, settings.depth, n)
    if method == "auto" and seconds > budget_s:
        return BeamFinder(losses, cuts, settings, instead_of_s=seconds, width=width)
    if method == "rules":
        errors = Settings(settings.depth, settings.minimum, 0.0)
        return CubeFinder(losses, cuts, errors, name="rules", by_excess=True)
    return CubeFinder(losses, cuts, settings)
