"""Does what it is told to a record, one JSON line after the other; says what became of it.

python collect_worker.py
"""

import json
import sys

from homeostat.core import HomeostatError
from homeostat.record import Record


def act(record, run, order):
    match order:
        case ["make", name, content, aliases]:
            made = run.make(name, "model", {"f": content.encode(), "same": b"same"}, None, aliases)
            return made.reference
        case ["put", name, content]:
            blob = run.put(content.encode())
            return run.make(name, "model", {"f": blob}).reference
        case ["delete", reference, aliases]:
            return record.delete_artifact(reference, aliases=aliases)
        case ["alias", reference, alias]:
            return record.alias(reference, alias)
        case ["drop", name, alias]:
            return record.drop_alias(name, alias)
        case [("collect" | "dry") as how]:
            return str(record.collect(grace="0s", dry_run=how == "dry"))
    raise ValueError(order)


record = run = None
for line in sys.stdin:
    order = json.loads(line)
    if order[0] == "open":
        if record is not None:
            record.close()
        record = Record(order[1], capture=False)
        run = record.start_run("work")
        told = "open"
    else:
        try:
            told = act(record, run, order)
        except HomeostatError as error:
            told = f"refused: {error}"
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
