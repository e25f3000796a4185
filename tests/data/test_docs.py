"""The page on data runs as it is printed."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_page_on_data_is_true():
    outcome = doctest.testfile(str(PAGE), module_relative=False)
    assert outcome.attempted > 20
    assert outcome.failed == 0
