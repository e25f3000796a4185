"""The record's server: its page, `homeostat sync`, and W&B's own client, behind one gate."""

from homeostat.compat.server._app import create_server
from homeostat.compat.server._serve import serve_record

__all__ = ["create_server", "serve_record"]
