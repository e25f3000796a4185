"""What is sent arrives whole, and sending it again changes nothing."""

import os

import pytest

from homeostat.core import InputError, NotFoundError, ServerError
from homeostat.record import Record, log_sizes, read_bytes
from homeostat.sync import pull, push


def train(record, name="boosted", points=50):
    with record.start_run("train", name, config={"rate": 0.1}) as run:
        for i in range(points):
            run.log({"loss": 1 / (i + 1)})
        run.make(f"model-{name}", "model", {"a.bin": name.encode() * 1000, "b": b"same"})
    return run


def test_a_record_that_was_sent_is_the_same_on_both_sides(ours, server, url, everything, index_of):
    run = train(ours)
    report = push(ours, url)
    assert everything(server) == everything(ours)
    assert index_of(server) == index_of(ours)
    assert (report.logs, report.blobs, report.refused) == (1, 2, ())
    assert server.run(run.id).config == {"rate": 0.1}
    assert server.artifact("model-boosted").read("b") == b"same"


def test_sending_again_sends_nothing_and_sending_more_sends_only_that(
    ours, url, server, everything
):
    train(ours)
    push(ours, url)
    again = push(ours.path, url)
    assert (again.logs, again.log_bytes, again.blobs) == (0, 0, 0)
    train(ours, "second")
    before = sum(len(data) for name, data in everything(server).items() if "logs" in name)
    more = push(ours, url)
    after = sum(len(data) for name, data in everything(ours).items() if "logs" in name)
    assert (more.log_bytes, more.blobs) == (after - before, 1)
    assert everything(server) == everything(ours)


def test_a_log_larger_than_a_request_and_a_frame_larger_than_a_block_arrive(
    ours, url, server, everything
):
    with ours.start_run("train") as run:
        run.event("large", {"text": "x" * (9 << 20)})
        for i in range(3):
            run.event("middling", {"text": str(i) * (2 << 20)})
    push(ours, url)
    assert everything(server) == everything(ours)


def test_a_torn_end_stays_behind_until_it_is_whole(ours, url, server):
    run = train(ours)
    [log] = (ours.path / "logs").iterdir()
    whole = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"\xf5Hf half a frame")
    push(ours, url)
    [copy] = (server.path / "logs").iterdir()
    assert copy.stat().st_size == whole
    assert server.run(run.id).status == "finished"


def test_a_log_that_was_damaged_at_home_is_sent_as_it_is(ours, url, server, index_of):
    train(ours)
    [log] = (ours.path / "logs").iterdir()
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    report = push(ours, url)
    assert report.refused == ()
    assert index_of(server) == index_of(ours)
    assert [found.verdict for found in server.verify() if found.check == "record.log"] == ["fail"]


def test_a_log_that_differs_on_the_server_is_refused_and_the_others_arrive(ours, url, server):
    train(ours)
    push(ours, url)
    [log] = (server.path / "logs").iterdir()
    data = bytearray(log.read_bytes())
    data[-1500] ^= 1
    log.write_bytes(data)
    train(ours, "second")
    with Record(ours.path, capture=False) as other:
        train(other, "apart")
    report = push(ours, url)
    [refused] = report.refused
    assert f"{log.name} differs from what was sent, from byte {len(data) - 1500} on" in refused
    assert set(server.runs()["name"]) == {"boosted", "apart"}


def test_logs_last_written_before_a_moment_can_be_left_out(ours, url, server):
    old = train(ours, "old")
    [log] = (ours.path / "logs").iterdir()
    os.utime(log, (1_000_000_000, 1_000_000_000))
    with Record(ours.path, capture=False) as other:
        new = train(other, "new")
    since = ours.run(old.id).started
    push(ours, url, since=since)
    assert server.runs()["id"].to_list() == [new.id]


def test_a_server_that_is_not_there_is_told_in_words(ours):
    train(ours)
    with pytest.raises(ServerError, match="did not answer"):
        push(ours, "http://127.0.0.1:9")


def test_a_wrong_address_is_told_in_words(ours, tmp_path):
    with pytest.raises(InputError, match="http://host:port"):
        push(ours, "ftp://somewhere")
    with pytest.raises(NotFoundError, match="no record"):
        push(tmp_path / "nowhere", "http://127.0.0.1:9")


def test_a_run_is_fetched_with_what_it_used_and_made(ours, url, server, tmp_path, everything):
    train(ours, "first")
    with Record(ours.path, capture=False) as other, other.start_run("evaluate") as run:
        run.use("model-first")
        run.make("report", "report", {"r.txt": b"good"})
    with Record(ours.path, capture=False) as other:
        train(other, "apart")
    push(ours, url)
    with Record(tmp_path / "theirs") as theirs:
        report = pull(theirs, url, runs=[run.id])
        assert (report.logs, report.blobs) == (2, 3)
        assert set(theirs.runs()["name"]) == {"first", ""}
        assert theirs.artifact("model-first").read("b") == b"same"
        assert theirs.run(run.id).made == ("report:v0",)
        assert pull(theirs, url, runs=[run.id]).log_bytes == 0
        push(theirs, url)
    assert everything(server) == everything(ours)


def test_a_run_that_the_server_lacks_is_told_in_words(url, tmp_path):
    with pytest.raises(NotFoundError, match="no run"):
        pull(tmp_path / "theirs", url, runs=["nothing"])
    with pytest.raises(InputError, match="pass a list"):
        pull(tmp_path / "theirs", url, runs="nothing")


def test_a_content_that_arrives_damaged_is_not_kept(ours, url, server, tmp_path):
    run = train(ours)
    push(ours, url)
    digest = server.artifact("model-boosted").files["b"]
    place = server.path / "blobs" / digest[:2] / digest[2:]
    place.chmod(0o644)
    place.write_bytes(b"sane")
    with Record(tmp_path / "theirs") as theirs:
        with pytest.raises(NotFoundError, match="has lost a content"):
            pull(theirs, url, runs=[run.id])
        assert not list((theirs.path / "blobs").rglob(digest[2:] + "*"))


def long_run(record):
    with record.start_run("train") as run:
        for i in range(3000):
            run.log({"loss": 1 / (i + 1)})
    return run


def bytes_of(record):
    """The bytes of each log as its writer wrote them, sealed or not."""
    folder = record.path / "logs"
    return {name: read_bytes(folder, name, 0, 1 << 30) for name in log_sizes(folder)}


def test_a_log_that_was_sealed_at_home_is_sent_as_it_was_written(ours, url, server):
    run = long_run(ours)
    before = bytes_of(ours)
    ours.close()
    assert ours.compact(idle="0s").logs == 1
    assert push(ours, url).refused == ()
    assert bytes_of(server) == bytes_of(ours) == before
    assert server.metrics(run.id).height == 3000


def test_a_log_that_was_sealed_on_the_server_is_compared_and_can_grow(ours, url, server):
    run = long_run(ours)
    push(ours, url)
    assert server.compact(idle="0s").logs == 1
    assert push(ours, url).log_bytes == 0
    with ours.resume_run(run.id) as again:
        again.log({"loss": 0.0})
    assert push(ours, url).refused == ()
    assert bytes_of(server) == bytes_of(ours)
    assert server.metrics(run.id).height == 3001
    assert not server.rebuild().changed


def test_a_sealed_run_is_fetched_as_it_was_written(ours, url, server, tmp_path):
    run = long_run(ours)
    push(ours, url)
    server.compact(idle="0s")
    with Record(tmp_path / "theirs", capture=False) as theirs:
        pull(theirs, url, runs=[run.id])
        assert bytes_of(theirs) == bytes_of(ours)
