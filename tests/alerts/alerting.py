"""What the tests of alerts share."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from homeostat.alerts import DeliveryError
from homeostat.core import Finding

START = datetime(2026, 1, 1, tzinfo=UTC)


def after(**length):
    """An instant after the start."""
    return START + timedelta(**length)


def found(check="shift.feature", subject="temp", verdict="fail", **more):
    more.setdefault("summary", f"{subject} is {verdict} by {check}.")
    return Finding(check=check, subject=subject, verdict=verdict, **more)


class Collected:
    """A channel that keeps what it is sent, or refuses it with an error."""

    def __init__(self):
        self.messages, self.error = [], None

    def send(self, message):
        if self.error is not None:
            raise self.error
        self.messages.append(message)

    @property
    def titles(self):
        return [message.title for message in self.messages]

    @property
    def kinds(self):
        return [message.kind for message in self.messages]


def down(**more):
    return DeliveryError("it is down.", **more)


@contextmanager
def listening(answer):
    """Serve on the loopback; yields the address and the requests (path, headers, body).

    ``answer(number)`` returns the status and the headers of the answer to a request.
    """
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, dict(self.headers), body))
            status, headers = answer(len(requests))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()
