"""The peers' servers, each as its documentation has it. Usage: servers.py NAME FOLDER PORT.

FOLDER holds `trees.txt`, a LightGBM model of features x0 ... x19. The bare servers call LightGBM's
single-row C function, as ours does, so that they differ from it in what is around the model; the
frameworks call `Booster.predict`, as people do.
"""

import ctypes
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

N = 20
NAMES = [f"x{i}" for i in range(N)]


def booster(folder):
    import lightgbm

    return lightgbm.Booster(model_file=str(Path(folder) / "trees.txt"), params={"num_threads": 1})


class Bare:
    """What the bare servers do with a body: the least that answers."""

    def __init__(self, folder):
        import lightgbm
        import numpy as np
        import orjson
        import polars as pl

        self.np, self.pl, self.json = np, pl, orjson
        self.booster = booster(folder)
        library = ctypes.CDLL(str(Path(lightgbm.__file__).parent / "lib" / "lib_lightgbm.so"))
        self.fast = ctypes.c_void_p()
        handle = self.booster._handle  # noqa: SLF001 - LightGBM shows it no other way
        status = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            handle, 0, 0, -1, 1, N, b"num_threads=1", ctypes.byref(self.fast)
        )
        assert not status
        self.call = library.LGBM_BoosterPredictForMatSingleRowFast
        self.values, self.out = (ctypes.c_double * N)(), ctypes.c_double()
        self.length = ctypes.c_int64()

    def json_(self, body):
        """Answer one row or many."""
        content = self.json.loads(body)
        if isinstance(content, dict):
            self.values[:] = [content[name] for name in NAMES]
            self.call(self.fast, self.values, ctypes.byref(self.length), ctypes.byref(self.out))
            return self.json.dumps({"probability": self.out.value})
        matrix = self.np.array([[row[name] for name in NAMES] for row in content])
        found = self.booster.predict(matrix, num_threads=1)
        return self.json.dumps({"probabilities": found}, option=self.json.OPT_SERIALIZE_NUMPY)

    def arrow(self, body):
        """Answer a batch in Arrow."""
        frame = self.pl.read_ipc_stream(io.BytesIO(body))
        found = self.booster.predict(frame.select(NAMES).to_numpy(), num_threads=1)
        return self.pl.DataFrame({"probability": found}).write_ipc_stream(None).getvalue()

    def answer(self, path, body):
        return self.arrow(body) if path == "/arrow" else self.json_(body)


def asyncio_protocol(folder, port):
    import asyncio

    import httptools
    import uvloop

    bare = Bare(folder)

    class Connection(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.parser = transport, httptools.HttpRequestParser(self)
            self.parts = []

        def data_received(self, data):
            self.parser.feed_data(data)

        def on_url(self, url):
            self.url = url

        def on_body(self, part):
            self.parts.append(part)

        def on_message_complete(self):
            body, self.parts = b"".join(self.parts), []
            answer = bare.answer(self.url.decode(), body)
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            )
            self.transport.write(head % len(answer) + answer)

    async def main():
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(main())


def asgi(bare):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = bare.answer(scope["path"], body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def run_uvicorn(app, port):
    import uvicorn

    uvicorn.run(
        app, port=port, log_level="warning", access_log=False, loop="uvloop", http="httptools"
    )


def raw_asgi(folder, port):
    run_uvicorn(asgi(Bare(folder)), port)


def starlette(folder, port):
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    bare = Bare(folder)

    async def predict(request):
        return Response(bare.json_(await request.body()), media_type="application/json")

    async def arrow(request):
        return Response(bare.arrow(await request.body()))

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/arrow", arrow, methods=["POST"]),
    ]
    run_uvicorn(Starlette(routes=routes), port)


async def rsgi(scope, protocol):
    """The application of granian, which makes its model when it is first asked."""
    global _bare  # noqa: PLW0603 - granian imports this module in its worker
    if _bare is None:
        _bare = Bare(os.environ["BENCH_FOLDER"])
    answer = _bare.answer(scope.path, await protocol())
    protocol.response_bytes(200, [("content-type", "application/json")], answer)


_bare = None


def granian(folder, port):
    os.environ["BENCH_FOLDER"] = folder
    sys.path.insert(0, str(Path(__file__).parent))
    from granian import Granian

    settings = {"interface": "rsgi", "workers": 1, "log_level": "warning"}
    Granian("servers:rsgi", address="127.0.0.1", port=port, **settings).serve()


def fastapi(folder, port):
    import fastapi as framework
    import numpy as np
    from pydantic import create_model

    bare, model = Bare(folder), booster(folder)
    row_type = create_model("Row", **dict.fromkeys(NAMES, (float, ...)))
    app = framework.FastAPI()

    async def predict(body):
        if isinstance(body, list):
            rows = np.array([[getattr(row, name) for name in NAMES] for row in body])
            return {"probabilities": model.predict(rows, num_threads=1).tolist()}
        row = np.array([[getattr(body, name) for name in NAMES]])
        return {"probability": float(model.predict(row, num_threads=1)[0])}

    predict.__annotations__["body"] = row_type | list[row_type]
    app.post("/predict")(predict)

    @app.post("/arrow")
    async def arrow(request: framework.Request):
        return framework.Response(bare.arrow(await request.body()))

    run_uvicorn(app, port)


def litserve(folder, port):
    home = in_a_file(
        folder,
        "litserve",
        f"""
        import lightgbm
        import litserve
        import numpy as np


        class Bench(litserve.LitAPI):
            def setup(self, device):
                self.booster = lightgbm.Booster(model_file={str(Path(folder) / "trees.txt")!r})

            def decode_request(self, request):
                return np.array(request["rows"])

            def predict(self, rows):
                return self.booster.predict(rows, num_threads=1)

            def encode_response(self, found):
                return {{"answers": found.tolist()}}


        if __name__ == "__main__":
            server = litserve.LitServer(Bench(), accelerator="cpu", workers_per_device=1)
            server.run(host="127.0.0.1", port={port}, generate_client_file=False, access_log=False)
        """,
    )
    command("python", "litserve_model.py", at=home)


def in_a_file(folder, name, text):
    path = Path(folder) / name
    path.mkdir(exist_ok=True)
    (path / f"{name}_model.py").write_text(textwrap.dedent(text))
    return path


def command(*words, at=None, **environment):
    """Become a command of this environment."""
    binaries = Path(sys.executable).parent
    os.environ.update(environment, PATH=f"{binaries}:{os.environ['PATH']}")
    if at is not None:
        os.chdir(at)
    os.execv(binaries / words[0], [str(word) for word in words])


def mlserver(folder, port):
    home = in_a_file(
        folder,
        "mlserver",
        """
        import lightgbm
        import mlserver
        from mlserver.codecs import NumpyCodec


        class Bench(mlserver.MLModel):
            async def load(self):
                self.booster = lightgbm.Booster(model_file=self.settings.parameters.uri)
                return True

            async def predict(self, payload):
                rows = NumpyCodec.decode_input(payload.inputs[0])
                found = self.booster.predict(rows, num_threads=1)
                output = NumpyCodec.encode_output("probability", found)
                return mlserver.types.InferenceResponse(model_name=self.name, outputs=[output])
        """,
    )
    trees = Path(folder) / "trees.txt"
    (home / "model-settings.json").write_text(
        '{"name": "bench", "implementation": "mlserver_model.Bench", '
        f'"parameters": {{"uri": "{trees}"}}}}'
    )
    (home / "settings.json").write_text(
        f'{{"http_port": {port}, "host": "127.0.0.1", "parallel_workers": 0, "debug": false, '
        f'"grpc_port": {port + 1000}, "metrics_port": {port + 2000}}}'
    )
    command("mlserver", "start", ".", at=home)


def bentoml(folder, port):
    home = in_a_file(
        folder,
        "bentoml",
        f"""
        import bentoml
        import lightgbm
        import numpy as np


        @bentoml.service(workers=1, logging={{"access": {{"enabled": False}}}})
        class Bench:
            def __init__(self):
                self.booster = lightgbm.Booster(model_file={str(Path(folder) / "trees.txt")!r})

            @bentoml.api
            async def predict(self, rows: list[list[float]]) -> list[float]:
                return self.booster.predict(np.array(rows), num_threads=1).tolist()
        """,
    )
    words = ("bentoml", "serve", "bentoml_model:Bench", "--host", "127.0.0.1", "--port", port)
    command(*words, at=home, BENTOML_DO_NOT_TRACK="1", BENTOML_HOME=str(home / "home"))


def mlflow(folder, port):
    import mlflow.lightgbm

    home = Path(folder) / "mlflow"
    if not home.exists():
        mlflow.lightgbm.save_model(booster(folder), home, pip_requirements=["lightgbm"])
    words = ("mlflow", "models", "serve", "-m", home, "--env-manager", "local", "-h", "127.0.0.1")
    command(*words, "-p", port, at=folder, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")


def ray_serve(folder, port):
    import signal

    import numpy as np
    import ray
    from ray import serve

    temporary = f"/tmp/ray-{os.getpid()}"  # socket paths are short
    ray.init(num_cpus=2, include_dashboard=False, _temp_dir=temporary, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})

    @serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0.5})
    class Bench:
        def __init__(self):
            self.booster = booster(folder)

        async def __call__(self, request):
            rows = np.array((await request.json())["rows"])
            return {"answers": self.booster.predict(rows, num_threads=1).tolist()}

    serve.run(Bench.bind(), route_prefix="/")

    def end(*_):
        serve.shutdown()
        ray.shutdown()
        subprocess.run(["rm", "-rf", temporary], check=False)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.pause()


SERVERS = {
    "asyncio protocol": asyncio_protocol,
    "raw ASGI": raw_asgi,
    "starlette": starlette,
    "granian RSGI": granian,
    "fastapi": fastapi,
    "mlserver": mlserver,
    "litserve": litserve,
    "bentoml": bentoml,
    "mlflow": mlflow,
    "ray serve": ray_serve,
}

if __name__ == "__main__":
    sys.path = [
        entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent
    ]
    SERVERS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
