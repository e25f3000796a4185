"""The declaration of a system: one page, readable top to bottom in the order of the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from polars.exceptions import PolarsError

from homeostat.adapt import DataWindow, Trigger, every, everything, takes_weights
from homeostat.core import (
    Clock,
    Engine,
    Finding,
    InputError,
    Json,
    Model,
    Schema,
    SchemaError,
    duration,
    suggest,
)
from homeostat.data import Dataset
from homeostat.evaluate import GateContext, Intent
from homeostat.expect import Suite
from homeostat.loop._skew import Skew
from homeostat.loop._weigh import Weigh
from homeostat.serve import Rollout
from homeostat.split import TimeSplit

if TYPE_CHECKING:
    from homeostat.loop._release import Release
    from homeostat.loop._replay import Replay
    from homeostat.record import Record

__all__ = ["Gate", "Outcome", "Retrain", "System", "Watch"]

Gate = Callable[[GateContext], list[Finding]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A natural label: it arrives by itself, some time after the prediction, or never.

    Args:
        sql: A SQL expression over the row, true or false; null where it is never known.
        known_at: Time rule for when it is known, such as ``"landed_at"``.

    Example:
        >>> late = Outcome("arr_delay > 15", known_at="landed_at")
        >>> frame = pl.DataFrame({"arr_delay": [20, 3, None]})
        >>> frame.select(late.expression(frame.columns))["arr_delay"].to_list()
        [True, False, None]
    """

    sql: str
    known_at: str

    def expression(self, columns: Iterable[str]) -> pl.Expr:
        """Return the outcome as a Polars expression; raises SchemaError if it is none."""
        try:
            expression = pl.sql_expr(self.sql)
        except PolarsError as error:
            raise SchemaError(f"The outcome {self.sql!r} is no SQL expression: {error}") from error
        known = set(columns)
        for name in expression.meta.root_names():
            if name not in known:
                raise SchemaError(f"The outcome has no column `{name}`.{suggest(name, known)}")
        return expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched, window by window, and what is worth waking a person for.

    Args:
        window: Length of a window, such as ``"1d"``.
        margin: How much the loss must be moved, in nats a row, before a shift matters.
        false_alarms_a_year: The budget: alarms a year that may come from chance alone.
        estimate: Whether performance is estimated before outcomes come; worth it where they
            take long.
        explain: Whether a page is explained: which features, segments and sources, since when,
            and what each adds to the loss. It takes a second or two each.
        skew: How each window, and its labels as they come, is held against the training rows:
            what gates and what warns. None does not look.
    """

    window: str = "1d"
    margin: float = 0.02
    false_alarms_a_year: float = 1.0
    estimate: bool = False
    explain: bool = True
    skew: Skew | None = field(default_factory=Skew)

    @property
    def length(self) -> timedelta:
        """Length of a window."""
        return duration(self.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrain:
    """When and how the model is trained again: one policy, to be run live or replayed.

    Args:
        model: Makes a fresh model.
        name: What people call the policy.
        when: Triggers; any of them suffices. None at all means never.
        how: ``"scratch"`` (stateless), or a stateful update of `homeostat.adapt.update`:
            ``"partial_fit"``, ``"continue"``, ``"refit"``, ``"leaf-head"``.
        on: Which rows a fit from scratch learns from.
        rebuild_every: How often a stateful model is fitted from scratch all the same.
        forget: Most log loss that an update may add on old rows before it is refused outright.
        release: How the challenger is tried; None takes the system's rollout.
        weigh: When a fit from scratch takes importance weights; None never.

    Raises:
        InputError: If rows are to be weighed for a model that takes no weights.
    """

    model: Callable[[], Model]
    name: str = "weekly"
    when: Sequence[Trigger] = field(default_factory=lambda: (every("7d"),))
    how: str = "scratch"
    on: DataWindow = field(default_factory=everything)
    rebuild_every: str | timedelta | None = None
    forget: float = 0.01
    release: Rollout | None = None
    weigh: Weigh | None = None

    def __post_init__(self) -> None:
        if self.weigh is not None and not takes_weights(model := self.model()):
            raise InputError(
                f"`{model.family}` takes no weights of rows: leave out `weigh`, or give its `fit` "
                "an argument `weight`."
            )

    def rebuilds(self, age: timedelta) -> bool:
        """Say whether a model last fitted from scratch so long ago is to be fitted anew."""
        return self.rebuild_every is not None and age >= duration(self.rebuild_every)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The whole life of one model, declared in the order of the loop.

    Args:
        name: Under which the record keeps everything.
        source: From a clock to the rows that exist by then.
        schema: Types, roles, known-at rules and expectations of those rows. Where it does not say
            when predictions are made, they are made at its time column.
        outcome: The natural label.
        features: Names of the feature columns.
        split: How rows are parted for training, validation and test.
        models: Makers of models by name, simplest first; one replaces another only with evidence.
        gates: What a model must pass before release; each answers with findings.
        release: Shadow, canary, guardrails.
        watch: What is watched once it is live.
        retrain: When and how it is trained again; None is weekly, with the last model.
        leak_scan: Whether features without a known-at rule are searched for leaks.
        suite: What is expected of the rows beyond what the schema says.
        seed: For everything random.
        intent: What only people can say of the model, for its card: uses, owner, limits.

    Example:
        See ``examples/tiny_loop.py`` and `homeostat.demo.flights`.
    """

    name: str
    source: Callable[[Clock], Dataset]
    schema: Schema
    outcome: Outcome
    features: Sequence[str]
    split: TimeSplit
    models: Mapping[str, Callable[[], Model]]
    gates: Sequence[Gate] = ()
    release: Rollout = field(default_factory=Rollout)
    watch: Watch = field(default_factory=Watch)
    retrain: Retrain | None = None
    leak_scan: bool = True
    suite: Suite | None = None
    seed: int = 0
    intent: Intent = field(default_factory=Intent)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        if self.schema.predicted_at is None:
            timed = replace(self.schema, predicted_at=self.schema.time)
            object.__setattr__(self, "schema", timed)
        for name in self.features:
            self.schema.column(name)
        if not self.models:
            raise SchemaError("A system needs at least one model.")

    @property
    def policy(self) -> Retrain:
        """When and how it is trained again."""
        return self.retrain or Retrain(model=list(self.models.values())[-1])

    def told(self) -> dict[str, Json]:
        """Return what the record keeps of the declaration, for people and for the model card."""
        told: dict[str, Json] = {
            "features": list(self.features),
            "outcome": self.outcome.sql,
            "gates": [str(getattr(gate, "name", type(gate).__name__)) for gate in self.gates],
            "seed": self.seed,
        }
        return told | ({"intent": intent} if (intent := self.intent.to_json()) else {})

    def but(self, **changes: Any) -> System:  # noqa: ANN401 - any field of the declaration
        """Return the system with some fields changed."""
        return replace(self, **changes)

    def run(self, record: Record | Path | str, *, clock: Clock | None = None) -> Release:
        """Go once round: data, checks, training, evaluation, gates, a packaged release.

        Unchanged stages are not run again. See `homeostat.loop.run`.
        """
        from homeostat.loop._run import run  # noqa: PLC0415 - the declaration is below what runs it

        return run(self, record, clock=clock)

    def live(
        self,
        record: Record | Path | str,
        *,
        clock: Clock | None = None,
        until: datetime | None = None,
    ) -> None:
        """Keep the released model right: watch, relearn, release, until told to stop."""
        from homeostat.loop._live import live  # noqa: PLC0415 - likewise

        live(self, record, clock=clock, until=until)

    def replay(
        self,
        record: Record | Path | str,
        start: str,
        end: str,
        *,
        policies: Sequence[Retrain] = (),
        engine: Engine | None = None,
    ) -> Replay:
        """Backtest policies over history through the code that runs live."""
        from homeostat.loop._replay import replay  # noqa: PLC0415 - likewise

        return replay(self, record, start, end, policies=policies, engine=engine)
