"""OTLP: what a collector of our own, which reads it by OpenTelemetry's schema, takes in."""

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from homeostat import observe
from homeostat.core import InputError, ServerError

reason = "opentelemetry-proto is a dev extra"
service = pytest.importorskip(
    "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2", reason=reason
)
json_format = pytest.importorskip("google.protobuf.json_format", reason=reason)


class Collector:
    """A collector on loopback that parses each request strictly by the schema."""

    def __init__(self):
        self.requests, self.paths, self.headers = [], [], []
        self.answer = 200, b"{}"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.paths.append(self.path)
                outer.headers.append(dict(self.headers))
                request = service.ExportMetricsServiceRequest()
                outer.requests.append(json_format.Parse(body, request))
                status, content = outer.answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def metrics(self):
        scope = self.requests[-1].resource_metrics[0].scope_metrics[0]
        return {metric.name: metric for metric in scope.metrics}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.stop()


def test_a_collector_takes_in_every_kind_as_it_was(collector):
    observe.count("long inputs", 3, source="mail")
    observe.gauge("queue", 2.5)
    timed = observe.timer("predict", version="v1")
    latencies = [0.004, 0.15, 0.15, 3.0]
    [timed.add(seconds) for seconds in latencies]
    timed.fail()
    assert observe.send_otlp(collector.url, service="flights") == 0
    assert collector.paths == ["/v1/metrics"]
    assert collector.headers[0]["Content-Type"] == "application/json"
    resource = collector.requests[0].resource_metrics[0].resource
    assert resource.attributes[0].value.string_value == "flights"
    found = collector.metrics()
    counted = found["long_inputs"].sum
    assert (counted.is_monotonic, counted.aggregation_temporality) == (True, 2)
    assert counted.data_points[0].as_int == 3
    assert counted.data_points[0].attributes[0].value.string_value == "mail"
    assert found["queue"].gauge.data_points[0].as_double == 2.5
    assert found["predict_seconds_failed"].sum.data_points[0].as_int == 1
    point = found["predict_seconds"].exponential_histogram.data_points[0]
    assert (found["predict_seconds"].unit, point.count, point.scale) == ("s", 4, 6)
    assert (point.min, point.max) == (0.004, 3.0)
    assert point.sum == pytest.approx(sum(latencies))
    assert point.time_unix_nano > point.start_time_unix_nano > 0


def test_the_buckets_say_where_each_value_was_by_opentelemetrys_own_formula(collector):
    latencies = [0.004, 0.15, 0.151, 3.0]
    [observe.timer("x").add(seconds) for seconds in latencies]
    observe.send_otlp(collector.url)
    point = collector.metrics()["x_seconds"].exponential_histogram.data_points[0]
    base = 2 ** (2**-point.scale)
    found = [
        (base ** (point.positive.offset + i), base ** (point.positive.offset + i + 1))
        for i, n in enumerate(point.positive.bucket_counts)
        for _ in range(n)
    ]
    assert all(low < x <= high for (low, high), x in zip(found, latencies, strict=True))


def test_what_one_lost_message_said_the_next_says_too(collector):
    observe.count("calls", 3)
    collector.answer = 503, b"busy"
    with pytest.raises(ServerError, match="answered 503 Service Unavailable: busy"):
        observe.send_otlp(collector.url)
    collector.answer = 200, b'{"partialSuccess": {"rejectedDataPoints": "2"}}'
    observe.count("calls", 4)
    assert observe.send_otlp(collector.url) == 2
    assert collector.metrics()["calls"].sum.data_points[0].as_int == 7


def test_the_address_is_taken_from_opentelemetrys_variable(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    observe.send_otlp(headers={"X-Token": "t"})
    assert collector.headers[0]["X-Token"] == "t"
    observe.send_otlp(f"{collector.url}/in/here")
    assert collector.paths[-1] == "/in/here"


def test_a_collector_that_is_not_there_is_an_error_in_words():
    with pytest.raises(ServerError, match="cannot be reached"):
        observe.send_otlp("http://127.0.0.1:9")
    with pytest.raises(InputError, match="like http://localhost:4318"):
        observe.send_otlp("localhost:4318")


def test_nothing_counted_and_nothing_finite_are_still_json(collector):
    observe.histogram("empty", math.nan)
    observe.gauge("level", math.nan)
    assert json.loads(json.dumps(observe.otlp(), allow_nan=False))
    observe.send_otlp(collector.url)
    assert collector.metrics()["empty"].exponential_histogram.data_points[0].count == 0


def test_sending_every_so_often_goes_on_after_a_failure_and_tells_the_rest_at_its_end(collector):
    observe.count("calls", 2)
    with observe.every(3600, lambda: observe.send_otlp(collector.url)) as sending:
        pass
    assert sending.failed == 0
    assert collector.metrics()["calls"].sum.data_points[0].as_int == 2
