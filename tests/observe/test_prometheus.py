"""The text format, read by Prometheus' own parser, and the page that serves it."""

import math
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeostat import observe
from homeostat.core import InputError, ServerError
from homeostat.observe._book import book

parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is a dev extra")


def parsed():
    text = observe.prometheus()
    found = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def test_every_kind_is_read_back_by_prometheus_as_it_was():
    observe.count("long inputs", 3)
    observe.gauge("queue length", 2.5)
    observe.unusual("odd type")
    timed = observe.timer("predict", endpoint="/predict", version="v1")
    [timed.add(seconds) for seconds in (0.004, 0.15, 0.15, 3.0)]
    timed.fail()
    found = parsed()
    labels = ("endpoint", "/predict"), ("version", "v1")
    assert found["long_inputs_total", ()] == 3
    assert found["queue_length", ()] == 2.5
    assert found["unusual_total", (("event", "odd type"),)] == 1
    buckets = {
        dict(key[1])["le"]: n for key, n in found.items() if key[0] == "predict_seconds_bucket"
    }
    assert [buckets[le] for le in ("0.0025", "0.005", "0.1", "0.2", "2", "5", "+Inf")] == [
        0, 1, 1, 3, 3, 4, 4,
    ]  # fmt: skip
    assert found["predict_seconds_sum", labels] == pytest.approx(3.304)
    assert found["predict_seconds_count", labels] == 4
    assert found["predict_seconds_failed_total", labels] == 1


def test_every_family_has_its_type_and_its_help():
    observe.count("x")
    observe.histogram("length", 7, unit="bytes")
    observe.histogram("length", math.nan, unit="bytes")
    families = {f.name: f for f in parser.text_string_to_metric_families(observe.prometheus())}
    assert (families["x"].type, families["x"].documentation) == ("counter", "x")
    assert families["length_bytes"].type == "histogram"
    assert families["length_bytes_refused"].samples[0].value == 1


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=8) | st.sampled_from(["a b", "a_b", "a-b", "a_b_total", "le", "1"]),
            st.dictionaries(
                st.text(max_size=4) | st.sampled_from(["le", "__x", "a b", "a_b"]),
                st.text(max_size=6) | st.sampled_from(['"', "\\", "\n", 'a"\\\n']),
                max_size=3,
            ),
            st.sampled_from(["count", "gauge", "times"]),
        ),
        max_size=6,
    )
)
def test_no_name_or_label_makes_a_page_that_prometheus_cannot_read(told):
    book.renew()
    for name, labels, kind in told:
        if kind == "count":
            observe.count(name, 1, **labels)
        elif kind == "gauge":
            observe.gauge(name, 1.0, **{k: v for k, v in labels.items() if k != "over"})
        else:
            observe.histogram(name, 1.0, **{k: v for k, v in labels.items() if k != "unit"})
    parsed()


def test_names_that_become_the_same_are_told_apart():
    observe.count("a b", 1)
    observe.count("a_b", 2)
    observe.gauge("a-b", 3)
    values = {key: value for (key, _), value in parsed().items() if key.startswith("a_b")}
    assert sorted(values.values()) == [1, 2, 3]


def test_label_values_are_whole_whatever_is_in_them():
    observe.count("calls", 1, path='a"b\\c\nd é')
    assert parsed()["calls_total", (("path", 'a"b\\c\nd é'),)] == 1


def test_a_prefix_goes_before_each_name():
    observe.count("calls")
    assert "\nmine_calls_total 1\n" in observe.prometheus(prefix="mine_")


def test_the_page_is_served_on_loopback():
    observe.count("calls", 4)
    with observe.endpoint() as server:
        with urlopen(server.url) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "calls_total 4\n" in answer.read().decode()
        with pytest.raises(HTTPError, match="404") as refused:
            urlopen(server.url.replace("metrics", "other"))
        refused.value.close()
        port = int(server.url.split(":")[2].split("/")[0])
        with pytest.raises(ServerError, match="cannot be listened on"):
            observe.endpoint(port)


def test_past_loopback_a_token_is_needed_and_asked_for():
    with pytest.raises(InputError, match="need a token"):
        observe.endpoint(host="0.0.0.0")
    with observe.endpoint(token="secret") as server:
        with pytest.raises(HTTPError, match="401") as refused:
            urlopen(server.url)
        refused.value.close()
        with urlopen(Request(server.url, headers={"Authorization": "Bearer secret"})) as answer:
            assert answer.status == 200
