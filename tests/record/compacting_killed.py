"""Compacts a record, again and again, until it is killed.

python compacting_killed.py RECORD
"""

import sys

from homeostat.record import Record
from homeostat.record._log import compact

compact._PART_BYTES = 8 << 10
with Record(sys.argv[1], capture=False) as record:
    sys.stdout.write("go\n")
    sys.stdout.flush()
    record.compact(idle="0s")
