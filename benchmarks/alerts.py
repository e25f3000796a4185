"""What alerts cost: an update, a change that is kept, and finding all again; CPU and wall time."""

import tempfile
import time
from datetime import UTC, datetime, timedelta

from homeostat.alerts import Alerts
from homeostat.core import Finding
from homeostat.record import Record

START = datetime(2026, 1, 1, tzinfo=UTC)
ALERTS, QUIET = 1000, 2000


def found(subject, verdict):
    return Finding(check="shift.x", subject=subject, verdict=verdict, summary="It moved.")


def timed(what, count, work):
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{what:<58}{1e6 * cpu / count:>10.0f} us CPU{1e6 * wall / count:>10.0f} us wall")


def main():
    quiet = [found(f"c{i}", "ok") for i in range(20)]
    for name, folder in (("in memory", None), ("on a record", tempfile.TemporaryDirectory())):
        record = None if folder is None else Record(folder.name, capture=False)
        alerts = Alerts(record=record, cap=None)

        def quietly(alerts=alerts):
            for hour in range(QUIET):
                alerts.update(START + timedelta(seconds=hour), quiet)

        def firing(alerts=alerts):
            for number in range(ALERTS):
                at = START + timedelta(days=1, minutes=number)
                alerts.update(at, [found(f"a{number % 50}", "fail" if number % 100 < 50 else "ok")])

        timed(f"20 findings that change nothing, {name}", QUIET, quietly)
        timed(f"one alert that fires or ends, {name}", ALERTS, firing)
        if folder is not None:
            record.close()
            again = Alerts(record=Record(folder.name, capture=False))
            timed(f"a process finds {ALERTS} changes again", 1, lambda again=again: again.all)
            folder.cleanup()


if __name__ == "__main__":
    main()
