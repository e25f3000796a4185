"""What texts look like: their values with letters and digits made alike."""

from __future__ import annotations

import polars as pl

from homeostat.data._profile_column import ColumnProfile

__all__ = ["patterns"]

_SHOWN = 5
_CLASSES = (
    (r"\p{Lu}", "\ue000"), (r"[\p{Ll}\p{Lo}]", "\ue001"), (r"\p{Nd}", "\ue002"),
)  # fmt: skip


def patterns(column: ColumnProfile) -> list[tuple[str, float, str]]:
    """Return the most frequent patterns of a text column with their share and an example.

    Upper-case letters become `A`, lower-case ones `a`, digits `9`, and runs of one become one
    with a `+`; all else stays. Shares are of the distinct values that the profile holds: all of
    them while they are few, a uniform sample of them beyond.

    Example:
        >>> patterns(ColumnProfile.of(pl.Series(["N14228", "N24211", "N619AA"])))
        [('A9+', 0.6666666666666666, 'N14228'), ('A9+A+', 0.3333333333333333, 'N619AA')]
    """
    if column.type != "string" or column.sample is None:
        return []
    texts = pl.Series("text", column.sample.values.tolist(), dtype=pl.String).sort()
    if texts.is_empty():
        return []
    # What is already replaced must not be replaced again: it is written in private characters.
    alike = texts.str.head(60)
    for letters, private in _CLASSES:
        alike = alike.str.replace_all(f"{letters}{{2,}}", f"{private}+")
        alike = alike.str.replace_all(letters, private)
    for (_, private), shown in zip(_CLASSES, "Aa9", strict=True):
        alike = alike.str.replace_all(private, shown, literal=True)
    frame = pl.DataFrame({"text": texts, "alike": alike})
    found = frame.group_by("alike").agg(pl.len().alias("n"), pl.col("text").first())
    found = found.sort(["n", "alike"], descending=[True, False]).head(_SHOWN)
    return [(name, n / len(texts), text) for name, n, text in found.iter_rows()]
