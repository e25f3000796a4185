"""What the room shows."""

import homeostat.reproduce


def test_the_public_names_are_sorted_and_there():
    names = homeostat.reproduce.__all__
    assert names == sorted(names)
    assert all(hasattr(homeostat.reproduce, name) for name in names)
