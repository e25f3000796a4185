"""Rollout: shadow, canary, promotion and rollback, decided from evidence that may be read daily.

Pure logic: it consumes observations and answers what to do, so a replay of history and a live
server run the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from homeostat.core import Finding, InputError, Verdict, duration, parse_expression
from homeostat.serve._rollout._guard import Guard, NoWorse, no_worse

if TYPE_CHECKING:
    from homeostat.serve._rollout._progress import Progress

__all__ = ["Action", "Arm", "Canary", "Rollout", "Stage", "Step"]

Action = Literal["continue", "advance", "promote", "rollback", "halt"]
Arm = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Canary:
    """A canary step for an audience first, such as a country before its region before all.

    Args:
        share: Share of the audience that the challenger answers, in (0, 1): the rest of the
            audience stays with the champion, to compare with.
        audience: An expression over what is known of a request, such as
            ``'country in ["VN", "LA"]'``; None for everybody.
        name: What people call the step; made from audience and share unless told.
        soak: How long it lasts at least; the rollout's unless told.

    Example:
        >>> Canary(0.5, 'country == "VN"', name="Vietnam").share
        0.5
    """

    share: float
    audience: str | None = None
    name: str = ""
    soak: str | timedelta | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a rollout.

    Args:
        name: ``"shadow"``, or such as ``"canary 5%"``.
        share: Share of traffic (of the audience) that the challenger answers.
        soak: How long it lasts at least.
        audience: Whom it adds; None for everybody.
    """

    name: str
    share: float
    soak: timedelta
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now.

    Args:
        stage: Name of the stage that was judged.
        action: ``"continue"`` as before, ``"advance"`` to the next stage, ``"promote"`` the
            challenger, ``"rollback"``, or ``"halt"`` where it is until a person has looked.
        share: Share of traffic that the challenger answers from now on.
        findings: Why.
    """

    stage: str
    action: Action
    share: float
    findings: tuple[Finding, ...]

    @property
    def summary(self) -> str:
        """One sentence for people."""
        reasons = [found for found in self.findings if found.verdict is Verdict.FAIL]
        chosen = (reasons or list(self.findings))[:1]
        return f"{self.stage}: {self.action}. {chosen[0].summary if chosen else ''}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a challenger takes over from a champion.

    It goes on when each loss among the guards is shown to be no worse than the champion's, up to
    its margin, and the stage has lasted long enough. It is rolled back as soon as it is shown to
    be worse, or breaks a limit that the champion beside it keeps better. Bounds are confidence
    sequences over blocks of time, so it may be asked at any moment, as often as one likes: a
    challenger worse than a margin is promoted with chance at most ``alpha``, one as good as the
    champion is called worse with chance at most ``alpha``, over the whole rollout.

    Args:
        shadow: How long the challenger answers nobody and is only scored beside the champion.
        canary: Shares of traffic that it then answers, ascending; or `Canary` steps, for an
            audience first.
        soak: How long each canary stage lasts at least.
        guard: What it must show (`no_worse`) and must not break (`sla`, `no_slower`,
            `no_more_errors`, `not_lower`). The latter can only stop a rollout, unless told
            otherwise; too few requests to judge them do not hold one up.
        alpha: See above.
        margin: How much worse a loss may be, in its units, where a guard names no margin.
        block: Unit of independence. Rows of one block share its circumstances; the longer, the
            safer and the slower.
        settle: How long after a block its outcomes are waited for; without it, the outcomes that
            come early stand for all.
        patience: After how long, from the beginning, an undecided rollout ends.
        undecided: Then: ``"rollback"`` (not shown to be no worse), ``"promote"``, or ``"keep"``
            waiting.
        fewest: Number of blocks below which nothing is said of a loss.
        srm_alpha: Chance that a rollout whose arms hold their shares is ever halted because they
            seem not to.

    Raises:
        InputError: If a setting is out of its range.

    Example:
        >>> rollout = Rollout(shadow="1d", canary=(0.05, 0.25), guard=[no_worse("logloss")])
        >>> [stage.name for stage in rollout.stages]
        ['shadow', 'canary 5%', 'canary 25%']
    """

    shadow: str | timedelta = "1d"
    canary: Sequence[float | Canary] = (0.05, 0.25)
    soak: str | timedelta = "1d"
    guard: Sequence[Guard] = (no_worse("logloss"),)
    alpha: float = 0.05
    margin: float = 0.01
    block: str | timedelta = "1h"
    settle: str | timedelta = timedelta()
    patience: str | timedelta = "14d"
    undecided: Literal["rollback", "promote", "keep"] = "rollback"
    fewest: int = 12
    srm_alpha: float = 0.001

    def __post_init__(self) -> None:
        object.__setattr__(self, "canary", tuple(self.canary))
        object.__setattr__(self, "guard", tuple(self.guard))
        for name in ("shadow", "soak", "block", "settle", "patience"):
            object.__setattr__(self, name, duration(getattr(self, name)))
        if not 0 < self.alpha < 0.25:
            raise InputError(f"`alpha` lies in (0, 0.25), got {self.alpha}.")
        if self.margin <= 0:
            raise InputError(f"`margin` is positive, got {self.margin}: equality is never shown.")
        if not 0 < self.srm_alpha < 0.25:
            raise InputError(f"`srm_alpha` lies in (0, 0.25), got {self.srm_alpha}.")
        self._check_canary()
        if self.fewest < 2:
            raise InputError(f"`fewest` is at least 2 blocks, got {self.fewest}.")
        if not duration(self.block):
            raise InputError("`block` is longer than nothing, such as '1h'.")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        soak = duration(self.soak)
        found = [Stage("shadow", 0.0, duration(self.shadow))]
        for step in self.steps:
            whom = f" of {step.audience}" if step.audience else ""
            name = step.name or f"canary {100 * step.share:g}%{whom}"
            lasts = soak if step.soak is None else duration(step.soak)
            found.append(Stage(name, step.share, lasts, step.audience))
        return tuple(found)

    @property
    def steps(self) -> tuple[Canary, ...]:
        """The canary steps in order."""
        return tuple(s if isinstance(s, Canary) else Canary(float(s)) for s in self.canary)

    def shares(self, stage: int) -> dict[str | None, float]:
        """Return what share of each audience the challenger answers in a stage.

        Whoever an earlier step has let in stays in. The first audience that a request is of
        counts; None, everybody else, comes last.

        Example:
            >>> steps = [Canary(0.5, 'country == "VN"'), Canary(0.2, 'region == "Asia"'), 0.05]
            >>> Rollout(canary=steps).shares(2)
            {'country == "VN"': 0.5, 'region == "Asia"': 0.2, None: 0.0}
        """
        found: dict[str | None, float] = {}
        for one in self.stages[1 : stage + 1]:
            found[one.audience] = one.share
        rest = found.pop(None, 0.0)
        return {audience: max(share, rest) for audience, share in found.items()} | {None: rest}

    def begin(self, at: datetime, *, challenger: str, champion: str) -> Progress:
        """Start a rollout of one version against another at an instant."""
        from homeostat.serve._rollout._progress import Progress  # noqa: PLC0415 - it is made of a rollout

        return Progress(self, challenger, champion, begun=at, since=at)

    def margin_of(self, guard: NoWorse) -> float:
        """Return a guard's own margin, or the rollout's."""
        return self.margin if guard.margin is None else guard.margin

    def _check_canary(self) -> None:
        before: dict[str | None, float] = {}
        for step in self.steps:
            if not before.get(step.audience, 0.0) < step.share < 1:
                raise InputError(
                    f"Canary shares ascend within (0, 1) for each audience, got "
                    f"{list(self.canary)}: some of an audience must stay with the champion, or "
                    "there is nobody to compare with."
                )
            if step.audience is not None:
                parse_expression(step.audience)
            before[step.audience] = step.share
