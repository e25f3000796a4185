"""Model tests in a CI: findings become pytest's results, with their counter-examples in the text.

The plugin is found by pytest where Homeostat is installed, and costs nothing until it is used:
it imports neither NumPy nor Polars. It gives the fixture ``homeostat_check`` and the options
``--homeostat-strict``, ``--homeostat-warn``, ``--homeostat-unknown`` and ``--homeostat-record``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily

if TYPE_CHECKING:
    from homeostat.pytest._explain import explain
    from homeostat.pytest._suites import each_test
    from homeostat.pytest._verdicts import Check, assert_findings

__all__ = ["Check", "assert_findings", "each_test", "explain"]

__getattr__ = lazily(
    globals(),
    {
        "_explain": ["explain"],
        "_suites": ["each_test"],
        "_verdicts": ["Check", "assert_findings"],
    },
)
