"""Clusters of embeddings as slices: texts and images have no columns to be crossed."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.evaluate._slicing._finders import Proposals, Settings
from homeostat.evaluate._slicing._near import Near, as_matrix, nearest
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.stats import Floats

__all__ = ["Clustering", "cluster_finder", "telling_words"]

Clustering = Literal["kmeans", "hdbscan"]
_MANY = 20_000  # rows from which k-means looks at batches
_DENSE = 5_000  # rows that HDBSCAN, of quadratic cost, is given
_CLUSTERS = (4, 12, 36)  # coarse and fine: nobody knows how large a weak slice is
_WIDE = 0.95  # share of a dense cluster's rows within its radius
_WORDS = 4


def cluster_finder(
    losses: Floats,
    frame: pl.DataFrame,
    embedding: str,
    searched: NDArray[np.bool_],
    settings: Settings,
    *,
    clustering: Clustering = "kmeans",
    texts: str | None = None,
    seed: int = 0,
) -> Proposals:
    """Cluster the embeddings of the searched rows, without their losses; propose each cluster.

    A cluster is kept as "nearest to this centre", so that any later row is in it or not.

    Raises:
        InputError: If the column is not there or holds no embeddings, or there is no such
            clustering.
    """
    if embedding not in frame.columns:
        raise InputError(f"There is no column `{embedding}`.{suggest(embedding, frame.columns)}")
    matrix, known = as_matrix(frame[embedding])
    slices, masks = [], []
    for centres, radii in _clustered(matrix[searched[known]], clustering, settings.minimum, seed):
        closest, distance = nearest(matrix, centres)
        kept = tuple(tuple(centre) for centre in centres.tolist())
        for i, radius in enumerate(radii):
            mask = np.zeros(frame.height, dtype=bool)
            mask[known] = (closest == i) & (True if radius is None else distance <= radius)
            words = telling_words(frame[texts], mask & searched, searched) if texts else ()
            slices.append(Slice((Near(embedding, kept, i, radius, words),)))
            masks.append(mask)
    says = f"{len(slices)} clusters of `{embedding}` by {clustering}"
    return Proposals(losses, slices, masks, settings, "clusters", says)


_Clusters = tuple[Floats, list[float | None]]  # centres, (k, d), and how far each reaches


def _clustered(matrix: Floats, clustering: Clustering, minimum: int, seed: int) -> list[_Clusters]:
    """Return one or more ways to cluster, coarse and fine; the gate says which slice is worst."""
    if clustering not in {"kmeans", "hdbscan"}:
        raise InputError(f"Embeddings are clustered by `kmeans` or `hdbscan`, got `{clustering}`.")
    most = len(matrix) // (2 * max(minimum, 5))
    if most < 2:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct embeddings than clusters: fewer clusters
        if clustering == "kmeans":
            ks = sorted({min(k, most) for k in _CLUSTERS})
            return [_means(matrix, k, seed) for k in ks]
        found = _dense(matrix, minimum, seed)
        return [found] if len(found[1]) else []


def _means(matrix: Floats, k: int, seed: int) -> _Clusters:
    from sklearn.cluster import KMeans, MiniBatchKMeans  # noqa: PLC0415 - heavy

    kind = MiniBatchKMeans if len(matrix) > _MANY else KMeans
    model = kind(n_clusters=k, n_init=1, random_state=seed).fit(matrix)
    centres = np.unique(model.cluster_centers_.astype(np.float64), axis=0)
    return centres, [None] * len(centres)


def _dense(matrix: Floats, minimum: int, seed: int) -> _Clusters:
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415 - heavy

    drawn = np.random.default_rng(seed).permutation(len(matrix))[:_DENSE]
    rows = matrix[drawn]
    smallest = max(int(minimum * len(rows) / len(matrix)), 5)
    labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(rows)
    members = [rows[labels == i] for i in range(labels.max() + 1)]
    if not members:
        return np.empty((0, matrix.shape[1])), []
    centres = np.stack([some.mean(axis=0) for some in members])
    reach: list[float | None] = [
        float(np.quantile(np.linalg.norm(some - centre, axis=1), _WIDE))
        for some, centre in zip(members, centres, strict=True)
    ]
    return centres, reach


def telling_words(
    texts: pl.Series, mask: NDArray[np.bool_], among: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Return the words whose share of texts is most unlike inside and outside (log odds).

    Source: Monroe, Colaresi and Quinn 2008, "Fightin' Words", equation 16 with a prior of 1/2,
    in standard errors.
    """
    if texts.dtype.base_type() != pl.String:
        return ()
    words = texts.str.to_lowercase().str.extract_all(r"\p{L}[\p{L}\d']{2,}").list.unique()
    n_in, n_out = int(mask.sum()), int((among & ~mask).sum())
    table = (
        pl.DataFrame({"word": words, "inside": mask})
        .filter(pl.Series(among))
        .explode("word")
        .drop_nulls("word")
        .group_by("word")
        .agg(a=pl.col("inside").sum(), rows=pl.len())
    )
    a, b = table["a"].to_numpy() + 0.5, (table["rows"] - table["a"]).to_numpy() + 0.5
    c, d = n_in + 1 - a, n_out + 1 - b
    odds = (np.log(a / c) - np.log(b / d)) / np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    best = table.with_columns(odds=pl.Series(odds)).filter(pl.col("odds") > 2)
    return tuple(best.sort("odds", "word", descending=[True, False])["word"].head(_WORDS))
