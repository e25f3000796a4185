"""A behavioural suite as pytest tests, one each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from homeostat.evaluate import BehaviourSuite

__all__ = ["each_test"]


def each_test(
    suite: BehaviourSuite | str | Path, *, argument: str = "behaviour"
) -> pytest.MarkDecorator:
    """Run a test function once for each test of a suite.

    Args:
        suite: The suite, or the JSON file it is kept in.
        argument: Of the test function, that gets the :class:`~homeostat.evaluate.BehaviourTest`.

    Example:
        >>> from homeostat.evaluate import BehaviourSuite, BehaviourTest
        >>> suite = BehaviourSuite("adults", [BehaviourTest.of("invariance", column="sex")])
        >>> @each_test(suite)
        ... def test_the_model(behaviour, homeostat_check, model, frame):
        ...     homeostat_check(behaviour.run(model.predict, frame))
    """
    from homeostat.evaluate import BehaviourSuite as Suite  # noqa: PLC0415 - heavy, and only here

    found = suite if isinstance(suite, Suite) else Suite.load(suite)
    return pytest.mark.parametrize(argument, found.tests, ids=[test.name for test in found.tests])
