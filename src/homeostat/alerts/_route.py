"""Route: who is told of which alerts, how often, and who next if nobody answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta

from homeostat.alerts._alert import Alert
from homeostat.alerts._rule import Rule
from homeostat.core import Condition, InputError, duration, suggest

__all__ = ["Escalation", "Route", "check_names", "default_routes", "group_of", "route_of"]


@dataclass(frozen=True, slots=True)
class Escalation:
    """Whom to tell next if nobody has acknowledged an alert.

    Args:
        after: How long after the first message.
        channels: Where to.
    """

    after: str | timedelta
    channels: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "after", duration(self.after))
        object.__setattr__(self, "channels", tuple(self.channels))


@dataclass(frozen=True, slots=True)
class Route:
    """Which alerts go to which channels; of several routes the first that matches counts.

    Args:
        name: What it is known by; keep it, or its groups start anew.
        channels: Names of channels.
        severity: ``"page"`` or ``"note"``; None matches both.
        when: A condition on the alert's finding; None matches each.
        group_by: What alerts have in common that are told in one message: any of ``"rule"``,
            ``"check"``, ``"subject"``, ``"severity"``, ``"owner"``, ``"system"`` or labels; of
            none at all everything is one group.
        wait: How long after the first alert of a group its message waits for others.
        interval: How long after a message the next one about the same group may come.
        repeat: After how long a page that nobody acknowledged is told again; None is never.
        escalate: Whom to tell next, in order.
        digest: Tell everything in one message each so often, such as ``"1d"``, instead of at once.
        recovery: Whether to tell that an alert is over.

    Raises:
        InputError: If it has no channel, or a digest of no length.

    Example:
        >>> Route("oncall", ["pager"], severity="page", escalate=[Escalation("30m", ["lead"])]).wait
        datetime.timedelta(0)
    """

    name: str
    channels: Sequence[str]
    _: KW_ONLY
    severity: str | None = None
    when: Condition | None = None
    group_by: Sequence[str] = ("rule", "check")
    wait: str | timedelta = timedelta()
    interval: str | timedelta = timedelta(minutes=5)
    repeat: str | timedelta | None = timedelta(days=1)
    escalate: Sequence[Escalation] = ()
    digest: str | timedelta | None = None
    recovery: bool = True

    def __post_init__(self) -> None:
        if not self.name or "|" in self.name or not self.channels or isinstance(self.channels, str):
            raise InputError(
                f"A route needs a name without | and a list of channels, got {self.name!r} and "
                f"{self.channels!r}."
            )
        for name in ("wait", "interval", "repeat", "digest"):
            if (length := getattr(self, name)) is not None:
                object.__setattr__(self, name, duration(length))
        if self.digest is not None and duration(self.digest) <= timedelta():
            raise InputError(f"A digest comes each so often, got {self.digest!r}: such as '1d'.")
        for name in ("channels", "group_by", "escalate"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def takes(self, alert: Alert) -> bool:
        """Say whether an alert goes this way."""
        return (self.severity in {None, alert.rank}) and (
            self.when is None or self.when.holds(alert.finding)
        )


def default_routes(channels: Sequence[str]) -> tuple[Route, ...]:
    """Return the routes for who names none: pages at once, notes once a day, to all channels."""
    if not channels:
        return ()
    return (
        Route("pages", channels, severity="page"),
        Route("notes", channels, severity="note", digest="1d"),
    )


def check_names(rules: Sequence[Rule], routes: Sequence[Route], channels: Collection[str]) -> None:
    """Raise InputError if a name is there twice, or a route names a channel that is not there.

    A process without any channel may still judge by the routes of one that has them.
    """
    for what, names in (("rule", [r.name for r in rules]), ("route", [r.name for r in routes])):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"Each {what} needs a name of its own, {twice[0]!r} is there twice.")
    for route in routes if channels else ():
        steps = (name for step in route.escalate for name in step.channels)
        for name in (*route.channels, *steps):
            if name not in channels:
                raise InputError(
                    f"Route {route.name} must name channels that there are, got {name!r}."
                    f"{suggest(name, channels)}"
                )


def route_of(alert: Alert, routes: Sequence[Route]) -> Route | None:
    """Return the route of an alert; None where none takes it."""
    return next((route for route in routes if route.takes(alert)), None)


def group_of(alert: Alert, route: Route) -> str:
    """Return the key of the group in which an alert is told."""
    own = {"rule", "check", "subject", "severity", "owner", "system"}
    values = (
        str(getattr(alert, name)) if name in own else alert.labels.get(name, "")
        for name in route.group_by
    )
    return "|".join([route.name, *(value.replace("|", "%7C") for value in values)])
