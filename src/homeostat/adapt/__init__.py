"""Learning continuously: how, when and from which rows to update a model, and what it is worth."""

from homeostat.adapt._forgetting import forgetting
from homeostat.adapt._freshness import FreshnessStudy, freshness
from homeostat.adapt._options import (
    Choice,
    Option,
    cheapest_indistinguishable,
    compare_options,
)
from homeostat.adapt._triggers import (
    Trigger,
    TriggerState,
    accuracy,
    all_of,
    any_of,
    every,
    shifted,
    volume,
    worse,
)
from homeostat.adapt._update import UpdateReport, takes_weights, update, ways
from homeostat.adapt._windows import (
    DataWindow,
    everything,
    last,
    since_last_update,
    since_shift,
)

__all__ = [
    "Choice",
    "DataWindow",
    "FreshnessStudy",
    "Option",
    "Trigger",
    "TriggerState",
    "UpdateReport",
    "accuracy",
    "all_of",
    "any_of",
    "cheapest_indistinguishable",
    "compare_options",
    "every",
    "everything",
    "forgetting",
    "freshness",
    "last",
    "shifted",
    "since_last_update",
    "since_shift",
    "takes_weights",
    "update",
    "volume",
    "ways",
    "worse",
]
