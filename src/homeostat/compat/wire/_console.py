"""What a run printed, line by line, with lines that were written over as they became."""

from __future__ import annotations

import json
from typing import Any

from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._values import instant_text

__all__ = ["log_lines"]

_MOST = 10_000


def log_lines(
    run: WireRun,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    **_: object,
) -> dict[str, Any]:
    """Return lines from the start, after a cursor, or the last ones; by number, from 0."""
    lines = _lines(run)
    start = int(after) + 1 if after and after.isdigit() else 0
    end = len(lines)
    if last is not None:
        start = max(start, end - last)
    end = min(end, start + min(first if first is not None else _MOST, _MOST))
    edges = [{"node": lines[n] | {"number": n}, "cursor": str(n)} for n in range(start, end)]
    cursor = edges[-1]["cursor"] if edges else after
    info = {"end_cursor": cursor, "has_next_page": end < len(lines)}
    return {"edges": edges, "page_info": info}


def _lines(run: WireRun) -> list[dict[str, Any]]:
    lines = [
        {
            "line": text.removesuffix("\n"),
            "level": "error" if stream == "stderr" else "info",
            "timestamp": instant_text(time),
            "label": "",
        }
        for time, stream, text in run.record.console(run.id).iter_rows()
    ]
    for payload in run.record.events(kind="wandb-console", run=run.id)["payload"]:
        again = json.loads(payload)
        for place, text in enumerate(again["lines"], again["offset"]):
            if place < len(lines):
                lines[place] = {**lines[place], "line": text}
    return lines
