"""The page a person opens: what the record holds, as HTML, JSON and CSV."""

from homeostat.core import MissingExtraError

try:
    from homeostat.web._app import create_app
    from homeostat.web._guard import is_loopback
    from homeostat.web._serve import listen_and_run, serve_ui
except ModuleNotFoundError as error:
    if error.name in {"jinja2", "starlette", "uvicorn"}:
        raise MissingExtraError(error.name, extra="server") from error
    raise

__all__ = ["create_app", "is_loopback", "listen_and_run", "serve_ui"]
