"""Counting: all rules over a frame in one query, with the first rows that break each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import polars as pl

from homeostat.expect._distinct import decided_together
from homeostat.expect._rules import ColumnRule, RowRule

__all__ = ["Asked", "Counted", "Example", "Tally"]

Counting = RowRule | ColumnRule
Example = Mapping[str, Any]
"""A row that breaks a rule: its number under ``row``, its key and columns under ``values``."""

_ROW = "homeostat row"
_OFFSET = r"([zZ]|[+-]\d\d:?\d\d)\s*$"
_MOST = 500  # rules whose examples are fetched with the counts: beyond, planning costs more


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of one rule.

    Args:
        judged: Rows that count for a rule on rows.
        broken: Rows that break it.
        value: What a rule on columns computed; null where there was nothing to compute from.
        error: Why it could not be computed.
        examples: The first rows that break it.
    """

    judged: int = 0
    broken: int = 0
    value: object = None
    error: str = ""
    examples: Sequence[Example] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted over a frame: its rows, each rule by identity, offsets of text times."""

    rows: int
    rules: Mapping[int, Counted]
    offsets: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A frame that is asked.

    Args:
        lazy: The rows.
        engine: Of Polars: ``"streaming"`` goes over a frame in pieces.
        key: Columns that name a row, for examples.
        most: How many examples there are of a rule.
    """

    lazy: pl.LazyFrame
    engine: Literal["streaming", "in-memory"] = "in-memory"
    key: Sequence[str] = ()
    most: int = 5

    def count(self, rules: Sequence[Counting], text_times: Sequence[str] = ()) -> Tally:
        """Count everything in one query.

        A second one follows for a rule that has a quick look which could not clear it, and for
        the examples of more than 500 rules.

        Args:
            rules: Whose columns are all there and of the right type.
            text_times: Text columns whose UTC offsets are wanted.
        """
        wanted = {f"{number}": rule for number, rule in enumerate(rules)}
        more = [pl.len().alias("rows"), *(_offsets(name) for name in text_times)]
        try:
            row = self._ask(wanted, more, examples=len(rules) <= _MOST)
            counted = {id(rule): self._answer(key, rule, row) for key, rule in wanted.items()}
            counted |= self._again(rules, counted)
        except pl.exceptions.PolarsError:
            return self._one_by_one(rules)
        found = {name: sorted(map(str, row[f"offsets {name}"])) for name in text_times}
        mixed = {name: offsets for name, offsets in found.items() if len(offsets) > 1}
        return Tally(row["rows"], counted, mixed)

    def _ask(
        self, wanted: Mapping[str, Counting], more: Sequence[pl.Expr] = (), *, examples: bool
    ) -> dict[str, Any]:
        """Run one query; which rows conform to a rule is computed once."""
        rows = {
            key: rule
            for key, rule in wanted.items()
            if isinstance(rule, RowRule) and rule.quick is None
        }
        query = [*more, *(one for key, rule in wanted.items() for one in _counts(key, rule))]
        numbered = examples and self.most and rows
        lazy = self.lazy.with_row_index(_ROW) if numbered else self.lazy
        lazy = _marked(lazy, rows, whole=self.engine == "in-memory")
        if self.engine == "streaming":
            shown = [self._numbers(key) for key in rows] if numbered else []
            row = lazy.select(*query, *shown).collect(engine="streaming").row(0, named=True)
            return self._fetched(row, rows)
        held = lazy.collect()
        row = held.select(query).row(0, named=True)
        broken = {key: rule for key, rule in rows.items() if numbered and row[f"{key} broken"]}
        shown = [one for key, rule in broken.items() for one in self._first(key, rule)]
        return row | (held.select(shown).row(0, named=True) if shown else {})

    def _numbers(self, key: str) -> pl.Expr:
        """Return the numbers of the first rows that break a rule.

        The streaming engine would hold whole columns to filter several of them side by side.
        """
        numbers = pl.when(pl.col(_ok(key)).not_()).then(pl.col(_ROW)).bottom_k(self.most)
        return numbers.implode().alias(f"{key} example {_ROW}")

    def _first(self, key: str, rule: Counting) -> Iterator[pl.Expr]:
        """Yield the columns of the first rows that break a rule."""
        for name in (_ROW, *self._columns(rule)):
            first = pl.col(name).filter(pl.col(_ok(key)).not_()).head(self.most)
            yield first.implode().alias(f"{key} example {name}")

    def _answer(self, key: str, rule: Counting, row: Mapping[str, Any]) -> Counted:
        if isinstance(rule, ColumnRule):
            return Counted(value=row[f"{key} value"])
        numbers = row.get(f"{key} example {_ROW}") or ()
        held = {n: row[f"{key} example {n}"] for n in self._columns(rule)} if numbers else {}
        shown = [
            {"row": number, "values": {name: values[at] for name, values in held.items()}}
            for at, number in enumerate(numbers)
        ]
        return Counted(row[f"{key} judged"], row[f"{key} broken"], examples=shown)

    def _columns(self, rule: Counting) -> list[str]:
        return list(dict.fromkeys((*self.key, *rule.columns)))

    def _fetched(self, row: dict[str, Any], rules: Mapping[str, Counting]) -> dict[str, Any]:
        """Look at the frame once more for the rows whose numbers are known, if there are any."""
        at = {key: f"{key} example {_ROW}" for key in rules}
        numbers = {
            key: sorted(n for n in row[name] if n is not None)
            for key, name in at.items()
            if name in row
        }
        wanted = sorted({number for some in numbers.values() for number in some})
        if not wanted:
            return row | {at[key]: [] for key in numbers}
        broken = [rules[key] for key, some in numbers.items() if some]
        names = dict.fromkeys(name for rule in broken for name in self._columns(rule))
        rows = self.lazy.with_row_index(_ROW).filter(pl.col(_ROW).is_in(wanted))
        held = rows.select(_ROW, *names).collect(engine="streaming")
        shown = {one[_ROW]: one for one in held.iter_rows(named=True)}
        for key, some in numbers.items():
            row[at[key]] = some
            for name in self._columns(rules[key]) if some else ():
                row[f"{key} example {name}"] = [shown[number][name] for number in some]
        return row

    def _again(
        self, rules: Sequence[Counting], counted: Mapping[int, Counted]
    ) -> dict[int, Counted]:
        """Count once more, exactly and with examples, the broken rules that lack them."""
        broken = [rule for rule in rules if counted[id(rule)].broken and isinstance(rule, RowRule)]
        if len(rules) <= _MOST:
            broken = [rule for rule in broken if rule.quick is not None]
        if not broken:
            return {}
        slow = {f"{n}": replace(rule, quick=None) for n, rule in enumerate(broken)}
        row = self._ask(slow, examples=True)
        return {id(rule): self._answer(f"{n}", slow[f"{n}"], row) for n, rule in enumerate(broken)}

    def _one_by_one(self, rules: Sequence[Counting]) -> Tally:
        """Find the rules that cannot be computed, so that they do not hide the others."""
        counted: dict[int, Counted] = {}
        for rule in rules:
            try:
                counted[id(rule)] = self._answer("", rule, self._ask({"": rule}, examples=True))
                counted |= self._again([rule], counted)
            except pl.exceptions.PolarsError as error:
                counted[id(rule)] = Counted(error=str(error).splitlines()[0])
        rows = self.lazy.select(pl.len()).collect(engine=self.engine).item()
        return Tally(rows, counted)


def _ok(key: str) -> str:
    return f"homeostat {key} ok"


def _marked(lazy: pl.LazyFrame, rules: Mapping[str, RowRule], *, whole: bool) -> pl.LazyFrame:
    """Add which rows conform to each rule; those on one text column are decided together."""
    texts: dict[str, dict[str, RowRule]] = {}
    for key, rule in rules.items():
        if rule.cost:
            texts.setdefault(rule.columns[0], {})[key] = rule
    struct: list[pl.Expr] = []
    together: dict[str, pl.Expr] = {}
    for name, some in texts.items():
        cost = sum(rule.cost for rule in some.values())
        oks = {key: rule.ok for key, rule in some.items()}
        struct.append(decided_together(name, oks, cost, whole=whole).alias(_ok(name)))
        together |= {key: pl.col(_ok(name)).struct.field(key) for key in some}
    known = [together.get(key, rule.ok).alias(_ok(key)) for key, rule in rules.items()]
    return lazy.with_columns(struct).with_columns(known)


def _counts(key: str, rule: Counting) -> Iterator[pl.Expr]:
    if isinstance(rule, ColumnRule):
        yield rule.value.alias(f"{key} value")
        return
    ok = pl.col(_ok(key))
    judged, broken = rule.quick or (ok.count(), ok.count() - ok.sum())
    yield judged.alias(f"{key} judged")
    yield broken.alias(f"{key} broken")


def _offsets(name: str) -> pl.Expr:
    text = pl.col(name).drop_nulls()
    return (
        text.str.extract(_OFFSET)
        .fill_null("none")
        .unique()
        .head(10)
        .implode()
        .alias(f"offsets {name}")
    )
