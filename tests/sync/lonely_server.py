"""Serves a record from a process of its own, which may be killed.

    python lonely_server.py RECORD PORT

Writes "ready" once it listens.
"""

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from homeostat.sync import Accounts, Gate, sync_routes


class Telling(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        sys.stdout.write("ready\n")
        sys.stdout.flush()


if __name__ == "__main__":
    folder, port = sys.argv[1], int(sys.argv[2])
    gate = Middleware(Gate, accounts=Accounts(folder))
    app = Starlette(routes=sync_routes(folder, durable=False), middleware=[gate])
    with socket.create_server(("127.0.0.1", port)) as listener:
        Telling(uvicorn.Config(app, log_level="error")).run([listener])
