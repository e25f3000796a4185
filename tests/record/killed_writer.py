"""Forks writers one after the other, kills each at a random moment, and tells what it had acked.

    python killed_writer.py RECORD KILLS SEED

Writes one JSON line a writer: what each call that had returned wrote, in order.
"""

import json
import os
import random
import select
import signal
import sys

from homeostat.record import Record


def write(path, pipe, seed):
    """Write without end; after each call, say through the pipe what is now in the record."""
    chance = random.Random(seed)
    record = Record(path, capture=False)
    run = record.start_run("train", "to be killed", config={"seed": seed})
    os.write(pipe, json.dumps(["run", run.id]).encode() + b"\n")
    for sequence in range(10**9):
        match chance.choices(("metrics", "event", "make"), (200, 10, 1))[0]:
            case "metrics":
                run.log({"sequence": sequence, "half": sequence / 2}, step=sequence)
                said = ["metrics", sequence]
            case "event":
                filling = "x" * chance.choice((10, 5_000, 3_000_000))
                run.event("filled", {"sequence": sequence, "filling": filling})
                said = ["event", sequence, len(filling)]
            case _:
                content = chance.randbytes(chance.choice((3, 300_000)))
                made = run.make(f"model-{seed % 3}", "model", {"weights": content})
                said = ["made", made.id, made.version]
        os.write(pipe, json.dumps(said).encode() + b"\n")


def kill_one(path, seed):
    """Fork a writer, kill it, and return what it had acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        write(path, writing, seed)
    os.close(writing)
    said = b""
    while b"\n" not in said:  # the record is open; from here on any moment is good to die
        said += os.read(reading, 65536)
    moment = random.Random(seed).uniform(0, 0.04)
    os.set_blocking(reading, False)
    done = False
    while not done:
        ready, _, _ = select.select([reading], [], [], moment)
        if ready:
            said += os.read(reading, 65536)
            moment -= 0.0002
        done = not ready or moment <= 0
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.set_blocking(reading, True)
    while more := os.read(reading, 65536):
        said += more
    os.close(reading)
    lines = said[: said.rindex(b"\n")].split(b"\n")
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    folder, kills, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for number in range(kills):
        sys.stdout.write(json.dumps(kill_one(folder, first + number)) + "\n")
