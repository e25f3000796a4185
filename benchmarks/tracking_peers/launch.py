"""Run a command and tell what its whole tree of processes cost; Linux only.

Usage: launch.py SECONDS COMMAND... Processes that the command leaves behind (a helper that
detached itself) become this one's children, are waited for, and counted. What still runs after
SECONDS is ended.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - quick start
        return [int(pid) for pid in file.read().split()]


def reap(until):
    """Wait for all children, detached ones too; end those that outlive the time."""
    while children():
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            continue
        if time.monotonic() > until:
            for child in children():
                os.kill(child, signal.SIGKILL)
        time.sleep(0.005)


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    until = time.monotonic() + float(sys.argv[1])
    begun = time.perf_counter()
    main_process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
    try:
        status = main_process.wait(until - time.monotonic())
    except subprocess.TimeoutExpired:
        main_process.kill()
        status = main_process.wait()
    wall = time.perf_counter() - begun
    reap(until)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "status": status,
                "wall_s": wall,
                "cpu_s": used.ru_utime + used.ru_stime,
                "rss_mb": used.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
