"""Which servers are measured, where each lives, and how each is asked."""

import sys
from dataclasses import dataclass

import environments

_TREES = ("lightgbm==4.7.0", "polars==2.1.0")
BARE = (
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "httptools==0.9.0",
    "granian==2.8.9",
    "fastapi==0.165.0",
    "numpy",
    "orjson",
    "pyarrow",
    "pandas",
    *_TREES,
)
PACKAGES = {
    "bare": BARE,
    "litserve": ("litserve==0.2.19", *_TREES),
    "mlserver": ("mlserver==1.7.1", *_TREES),
    "bentoml": ("bentoml==1.4.40", *_TREES),
    "mlflow": ("mlflow==3.17.2", *_TREES),
    "ray": ("ray[serve]==2.60.0", *_TREES),
}
ARROW, JSON = "application/vnd.apache.arrow.stream", "application/json"


@dataclass(frozen=True)
class Peer:
    """A server.

    Args:
        name: As it is printed.
        home: Its environment; None for ours.
        row, rows, arrow: Path and form of a single row, of many, and of many in Arrow; None where
            it does not take that.
        note: What it does for a request.
        checkout: Of ours, a checkout of the project that is measured beside this one.
    """

    name: str
    home: str | None
    row: tuple[str, str]
    rows: tuple[str, str]
    arrow: str | None
    note: str
    checkout: str = ""

    def python(self):
        """Return the interpreter that has it; None if it cannot be installed."""
        if self.home is None:
            return sys.executable
        return environments.python_of(f"serving-{self.home}", PACKAGES[self.home])


_OURS = ("/predict", "row"), ("/predict", "rows"), "/predict"
_PLAIN = ("/predict", "row"), ("/predict", "rows"), "/arrow"
PEERS = (
    Peer("ours", None, *_OURS, "validates, logs"),
    Peer("ours + shadow", None, *_OURS, "and asks a second model"),
    Peer("asyncio protocol", "bare", *_PLAIN, "httptools, uvloop; nothing else"),
    Peer("raw ASGI", "bare", *_PLAIN, "uvicorn"),
    Peer("starlette", "bare", *_PLAIN, "uvicorn"),
    Peer("granian RSGI", "bare", *_PLAIN, "one worker"),
    Peer("fastapi", "bare", *_PLAIN, "uvicorn; a pydantic row; Booster.predict"),
    Peer("mlserver", "mlserver", ("/v2/models/bench/infer", "v2"), ("/v2/models/bench/infer", "v2"),
         None, "no parallel workers"),
    Peer("litserve", "litserve", ("/predict", "nested"), ("/predict", "nested"), None, ""),
    Peer("bentoml", "bentoml", ("/predict", "nested"), ("/predict", "nested"), None, "async API"),
    Peer("mlflow", "mlflow", ("/invocations", "split"), ("/invocations", "split"), None, ""),
    Peer("ray serve", "ray", ("/", "nested"), ("/", "nested"), None, "one replica"),
)  # fmt: skip


def body_of(form, frame):
    """Return the JSON of a frame in the form a server takes."""
    import orjson

    rows = frame.rows()
    content = {
        "row": lambda: frame.row(0, named=True),
        "rows": frame.to_dicts,
        "nested": lambda: {"rows": rows},
        "v2": lambda: {
            "inputs": [
                {
                    "name": "rows",
                    "shape": list(frame.shape),
                    "datatype": "FP64",
                    "data": [value for row in rows for value in row],
                }
            ]
        },
        "split": lambda: {"dataframe_split": {"columns": frame.columns, "data": rows}},
    }[form]()
    return orjson.dumps(content)


def probabilities(answer):
    """Find the probabilities in whatever a server answered."""
    import orjson

    content = orjson.loads(answer)
    if isinstance(content, list):
        return content
    if "outputs" in content:
        return content["outputs"][0]["data"]
    for name in ("probability", "probabilities", "predictions", "answers"):
        if name in content:
            found = content[name]
            return found if isinstance(found, list) else [found]
    raise AssertionError(f"no probabilities in {answer[:200]!r}")
