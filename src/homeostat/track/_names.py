"""Names for runs that were given none: an adjective, a noun and a number."""

from __future__ import annotations

import hashlib
import os
import random
from contextlib import suppress
from pathlib import Path

__all__ = ["new_name"]

_ADJECTIVES = """
amber ample apt azure balmy bold brave breezy bright brisk calm candid clear clever cool copper
coral cosy crisp dapper deft dewy eager early even fair fleet fond fresh gentle glad golden
grand green hardy hazel honest humble ivory jolly keen kind lilac limber lively lucid lunar
mellow merry mild misty modest neat nimble noble olive patient placid plain polite proud quick
quiet rapid ready robust rosy ruby rustic sage sandy serene sharp silver sleek smart snowy solar
solid spry stable steady still stout sunny supple swift tidy true upbeat velvet vivid warm wise
witty young zesty
"""
_NOUNS = """
acorn anchor apple arbor badger bay beacon beech birch bison breeze bridge brook canyon cedar
cliff clover cloud comet cove crane creek curlew dawn delta dune eagle elm ember falcon fern
field finch fjord flame forest fox garden glade glen grove gull harbor hare hawk heath heron
hill island ivy jay kestrel kite lagoon lake lark laurel leaf lynx maple marsh marten meadow
mesa moon moss mountain oak ocean orchard osprey otter owl pebble pine plover pond poppy prairie
quail rain raven reef ridge river robin rowan saddle sea shore sky sparrow spring spruce star
stone stork stream summit swan thicket thrush tide trail tundra valley wave willow wind wood
wren
"""


def new_name(record: Path, project: str, rng: random.Random) -> str:
    """Return a name whose number counts the runs of a project.

    Args:
        record: The record's folder, where the count is kept: a file that gains a byte a run.
        project: Whose runs are counted.
        rng: Draws the words.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     names = [new_name(Path(folder), "p", random.Random(7)) for _ in range(2)]
        >>> [name.rpartition("-")[2] for name in names]
        ['1', '2']
    """
    number = rng.randrange(1000, 10_000)  # where nothing can be counted
    with suppress(OSError):
        number = _count(record / "counts", project)
    return f"{rng.choice(_ADJECTIVES.split())}-{rng.choice(_NOUNS.split())}-{number}"


def _count(folder: Path, project: str) -> int:
    folder.mkdir(exist_ok=True)
    path = folder / hashlib.sha256(project.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(file, b".")  # an appended byte is one process's alone: its place is the number
        return os.lseek(file, 0, os.SEEK_CUR)
    finally:
        os.close(file)
