"""What a request costs the program that asks: our clients beside HTTP libraries, on one server."""

import asyncio
import time
from importlib import import_module

import numpy as np
import orjson

from homeostat.serve import AsyncClient, Client

_ROUND = 60


def report(port, frame, seconds, rounds):
    """Print CPU microseconds a request of each client's process, in turns."""
    url, row = f"http://127.0.0.1:{port}", frame.row(0, named=True)
    makers = [("ours", ours), ("http.client", standard), ("httpx", httpx_), ("requests", requests_)]
    found = {name: [] for name, _ in makers}
    asked = {name: made for name, make in makers if (made := make(url, row)) is not None}
    for _ in range(rounds * 3):
        for name, predict in asked.items():
            found[name].append(cpu_us(predict, seconds / 3))
    for name, use in (
        ("ours, async", ours_async),
        ("aiohttp", aiohttp_),
        ("httpx, async", httpx_async),
    ):
        found[name] = [us for _ in range(rounds) if (us := tasks(use, url, row)) is not None]
    middle = {name: float(np.median(values)) for name, values in found.items() if values}
    for name, us in middle.items():
        ours_us = middle[
            "ours, async" if name in {"aiohttp", "httpx, async", "ours, async"} else "ours"
        ]
        print(f"{name:14} {us:8.0f} CPU us a request   {us / ours_us:5.2f} x")


def cpu_us(predict, seconds):
    predict()
    start, calls = time.process_time(), 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        predict()
        calls += 1
    return 1e6 * (time.process_time() - start) / calls


def ours(url, row):
    client = Client(url)
    return lambda: client.predict(row).probability


def standard(url, row):
    import http.client

    connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def predict():
        body = orjson.dumps(row)
        connection.request("POST", "/predict", body, {"content-type": "application/json"})
        return orjson.loads(connection.getresponse().read())["probability"]

    return predict


def httpx_(url, row):
    client = import_module("httpx").Client()
    return lambda: client.post(f"{url}/predict", json=row).json()["probability"]


def requests_(url, row):
    try:
        session = import_module("requests").Session()
    except ImportError:
        return None
    return lambda: session.post(f"{url}/predict", json=row).json()["probability"]


def tasks(use, url, row):
    """Return CPU microseconds a request where 16 tasks ask at a time; None without the library."""
    try:
        return asyncio.run(use(url, row))
    except ImportError:
        return None


async def together(predict):
    async def several():
        for _ in range(_ROUND):
            await predict()

    await predict()
    start = time.process_time()
    await asyncio.gather(*(several() for _ in range(16)))
    return 1e6 * (time.process_time() - start) / (16 * _ROUND)


async def ours_async(url, row):
    async with AsyncClient(url) as client:
        return await together(lambda: client.predict(row))


async def aiohttp_(url, row):
    async with import_module("aiohttp").ClientSession() as session:

        async def predict():
            async with session.post(f"{url}/predict", json=row) as answer:
                return (await answer.json())["probability"]

        return await together(predict)


async def httpx_async(url, row):
    async with import_module("httpx").AsyncClient() as client:

        async def predict():
            return (await client.post(f"{url}/predict", json=row)).json()["probability"]

        return await together(predict)
