"""What observing reads costs: CPU microseconds an open, before, while and after."""

import os
import sys
import tempfile
from pathlib import Path

from homeostat.core import measure
from homeostat.record import observe_reads

FILES, REPEATS = 2000, 5


def cost(action, count):
    """The least CPU microseconds of several tries."""
    found = []
    for _ in range(REPEATS):
        with measure() as spent:
            action()
        found.append(spent.cpu_s / count * 1e6)
    return min(found)


def opened():
    for number in range(FILES):
        Path(str(number)).open().close()


def audited():
    for _ in range(50 * FILES):
        sys.audit("homeostat.nothing")


def main():
    os.chdir(tempfile.mkdtemp())
    for number in range(FILES):
        Path(str(number)).write_text("x")
    print("CPU us                 an open   another event")
    print(f"before                 {cost(opened, FILES):7.2f}   {cost(audited, 50 * FILES):13.3f}")
    reads = observe_reads()
    with measure() as spent:
        opened()
    print(f"observing, first time  {spent.cpu_s / FILES * 1e6:7.2f}")
    print(f"observing, again       {cost(opened, FILES):7.2f}   {cost(audited, 50 * FILES):13.3f}")
    reads.close()
    print(f"after                  {cost(opened, FILES):7.2f}   {cost(audited, 50 * FILES):13.3f}")


if __name__ == "__main__":
    main()
