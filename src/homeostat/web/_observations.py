"""Observations: what the processes of a service timed and counted, and whether it keeps its SLA."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import polars as pl

from homeostat.core import RecordError
from homeostat.observe import Distribution, Kind, Observed, Shelf
from homeostat.web._page import Ask, Page, Table, View, missing
from homeostat.web._promises import PROMISE_COLUMNS, promise_row, promised
from homeostat.web._services import Looks, Service, services
from homeostat.web._timers import TIMER_COLUMNS, groups, labels_of, series_of, timers_of

__all__ = ["observations"]

_OVER = ("all", "recent")
_MOST_ROWS = 200
_UNUSUAL, _REFUSED = "unusual", "observe_refused"


def observations() -> Page:
    """Return the page, which remembers what it saw a minute ago."""
    looks = Looks()

    def page(ask: Ask) -> View:
        known = services(ask.record.path)
        asked = ask.get("service")
        if asked is not None and asked not in known:
            return missing("service", asked, known, lambda name: ask.here(service=name))
        if not known:
            return _view(ask, [], None)
        return _view(ask, list(known), known[asked or next(iter(known))], looks)

    return page


def _view(ask: Ask, names: list[str], service: Service | None, looks: Looks | None = None) -> View:
    over = ask.choice("over", _OVER)
    seen: Observed | None = None
    recent: Observed | None = None
    problem = ""
    if service is not None and looks is not None:
        try:
            seen, recent = looks.look(service.folder)
        except RecordError as error:
            problem = str(error)
        except OSError as error:
            problem = f"The counts in {service.folder} cannot be read: {error.strerror}."
    shown = recent if over == "recent" else seen
    known = timers_of(shown) if shown else []
    timers = [row for row, _ in known]
    counts = _counts(shown) if shown else []
    gauges = _gauges(seen) if seen else []
    unusual = _unusual(ask, shown) if shown else []
    promises = service.findings() if service else []
    rows = [promise_row(one) for one in promises]
    data = {
        "services": names,
        "service": service.name if service else None,
        "since": _at(seen.since_ns) if seen else None,
        "at": _at(seen.at_ns) if seen else None,
        "seconds": shown.seconds_passed if shown else None,
        "processes": Shelf(service.folder).living() if service and seen else 0,
        "unreadable": service.unreadable() if service else 0,
        "refused": seen.count(_REFUSED) if seen else 0,
        "timers": timers,
        "counts": counts,
        "gauges": gauges,
        "unusual": unusual,
        "sla": rows,
        "judged": _at(service.judged_ns()) if service and promises else None,
    }
    drawing = {
        "over": over, "overs": _OVER, "problem": problem, "most": _MOST_ROWS,
        "promised": promised(promises),
        "groups": groups(known[:_MOST_ROWS]),
        "counted": bool(timers or counts or gauges or unusual),
        "here_over": lambda name: ask.here(over=None if name == "all" else name),
        "here_service": lambda name: ask.here(service=name),
    }  # fmt: skip
    tables = [
        _table("timers", TIMER_COLUMNS, timers),
        _table("counts", ("name", "labels", "value", "per_second"), counts),
        _table("gauges", ("name", "labels", "value", "set"), gauges),
        _table("unusual", ("event", "times", "latest"), unusual),
        _table("sla", PROMISE_COLUMNS, rows),
    ]
    return View("observations.html", "Observations", data, tables, drawing)


def _table(name: str, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> Table:
    return Table(name, columns, [[row[column] for column in columns] for row in rows])


def _at(ns: int | None) -> datetime | None:
    return None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC)


def _counts(seen: Observed) -> list[dict[str, object]]:
    return [
        {
            "name": series.name,
            "labels": labels_of(series),
            "value": value,
            "per_second": value / seen.seconds_passed if seen.seconds_passed else None,
        }
        for series in series_of(seen, Kind.COUNT)
        if series.name not in {_UNUSUAL, _REFUSED}
        and isinstance(value := seen.state[series], int)
        and value
    ]


def _gauges(seen: Observed) -> list[dict[str, object]]:
    rows = []
    for series in series_of(seen, Kind.GAUGE):
        level = seen.state[series]
        assert not isinstance(level, (int, Distribution))  # noqa: S101 - as above
        rows.append(
            {
                "name": series.name,
                "labels": labels_of(series),
                "value": level.value,
                "set": _at(level.set_ns),
            }
        )
    return rows


def _unusual(ask: Ask, seen: Observed) -> list[dict[str, object]]:
    """Return what was reported, the most frequent first, with the last of it that a run kept."""
    times = {event: n for event, n in seen.unusual.items() if n}
    frame = ask.record.findings(check=_UNUSUAL) if times else pl.DataFrame()
    last = {row["subject"]: row for row in frame.iter_rows(named=True)}
    return [
        {
            "event": event,
            "times": n,
            "latest": last[event]["summary"] if event in last else None,
            "finding": last[event]["id"] if event in last else None,
        }
        for event, n in sorted(times.items(), key=lambda pair: -pair[1])
    ]
