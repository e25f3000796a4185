"""Observe: timers, counts and unusual events from inside user code; SLAs and their burn rates.

A line each, with a run or without, and cheap enough for a hot path:

import homeostat.observe as observe

@observe.timer("predict", version="v3")
def predict(frame):
    observe.count("missing", frame)
    observe.unusual("very long input", when=len(frame) > 10_000, rows=len(frame))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily
from homeostat.observe._book import share, unshare
from homeostat.observe._timer import Lap, timer
from homeostat.observe._verbs import InProgress, count, gauge, histogram, latest, unusual

if TYPE_CHECKING:
    from homeostat.observe._bucket import bucket_of
    from homeostat.observe._buckets import Distribution
    from homeostat.observe._budget import BURN_RULES, BurnRule, ErrorBudget
    from homeostat.observe._endpoint import Endpoint, endpoint
    from homeostat.observe._every import Every, every
    from homeostat.observe._machine import look_at_machine
    from homeostat.observe._observed import Observed, observed
    from homeostat.observe._otlp import otlp, send_otlp
    from homeostat.observe._page import Kind, Page, Series
    from homeostat.observe._prometheus import prometheus
    from homeostat.observe._shelf import Shelf
    from homeostat.observe._sla import Objective, Sla, sla
    from homeostat.observe._table import operations
    from homeostat.observe._watch import SlaWatch

__all__ = [
    "BURN_RULES",
    "BurnRule",
    "Distribution",
    "Endpoint",
    "ErrorBudget",
    "Every",
    "InProgress",
    "Kind",
    "Lap",
    "Objective",
    "Observed",
    "Page",
    "Series",
    "Shelf",
    "Sla",
    "SlaWatch",
    "bucket_of",
    "count",
    "endpoint",
    "every",
    "gauge",
    "histogram",
    "latest",
    "look_at_machine",
    "observed",
    "operations",
    "otlp",
    "prometheus",
    "send_otlp",
    "share",
    "sla",
    "timer",
    "unshare",
    "unusual",
]

__getattr__ = lazily(
    globals(),
    {
        "_bucket": ["bucket_of"],
        "_budget": ["BURN_RULES", "BurnRule", "ErrorBudget"],
        "_buckets": ["Distribution"],
        "_endpoint": ["Endpoint", "endpoint"],
        "_every": ["Every", "every"],
        "_machine": ["look_at_machine"],
        "_observed": ["Observed", "observed"],
        "_otlp": ["otlp", "send_otlp"],
        "_page": ["Kind", "Page", "Series"],
        "_prometheus": ["prometheus"],
        "_shelf": ["Shelf"],
        "_sla": ["Objective", "Sla", "sla"],
        "_table": ["operations"],
        "_watch": ["SlaWatch"],
    },
)
