"""Forks writers and collectors on one record, and kills them at random moments.

    python killed_collector.py RECORD ROUNDS SEED

Prints a JSON line a round: what the writers had been told was made, or gone.
"""

import json
import os
import random
import select
import signal
import sys

from homeostat.record import Record


def write(path, pipe, seed):
    """Make versions of few contents without end, delete some, and say so after each call."""
    chance = random.Random(seed)
    record = Record(path, capture=False)
    run = record.start_run("train")
    mine = []
    while True:
        if chance.random() < 0.7 or not mine:
            contents = {f"f{i}": b"%d" % chance.randrange(12) * 9_000 for i in range(3)}
            made = run.make(f"model-{seed}", "model", contents)
            said = ["made", made.id]
            mine.append(made)
        else:
            gone = mine.pop(chance.randrange(len(mine)))
            mine = [one for one in mine if one.id != gone.id]
            os.write(pipe, json.dumps(["going", gone.id]).encode() + b"\n")
            record.delete_artifact(gone)
            said = ["gone", gone.id]
        os.write(pipe, json.dumps(said).encode() + b"\n")


def collect(path, pipe, seed):
    record = Record(path, capture=False)
    while True:
        record.collect(grace="0s")
        os.write(pipe, b'["collected", ""]\n')


def fork(act, path, seed):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            act(path, writing, seed)
        finally:
            os._exit(1)  # only an error brings it here
    os.close(writing)
    return child, reading


def read_all(pipe):
    said = b""
    while more := os.read(pipe, 65536):
        said += more
    os.close(pipe)
    whole = said[: said.rindex(b"\n")].split(b"\n") if b"\n" in said else []
    return [json.loads(line) for line in whole]


def one_round(path, seed):
    """Let two writers and a collector run for a moment, and kill them one after the other."""
    chance = random.Random(seed)
    children = [fork(write, path, seed * 10 + i) for i in (0, 1)] + [fork(collect, path, seed)]
    said = []
    for child, pipe in chance.sample(children, 3):
        select.select([pipe], [], [], 5)  # it has done something
        select.select([], [], [], chance.uniform(0, 0.12))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit("a child failed")
        said.append(read_all(pipe))
    return said


if __name__ == "__main__":
    folder, rounds, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for number in range(rounds):
        sys.stdout.write(json.dumps(one_round(folder, first + number)) + "\n")
