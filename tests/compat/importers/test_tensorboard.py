import math
import struct

import foreign_files as make
import pytest

from homeostat.compat.importers import import_runs
from homeostat.compat.importers._crc32c import crc32c

NAME = "events.out.tfevents.1700000000.host"
PNG = b"\x89PNG\r\n\x1a\n pretend"


def event_file(folder, events, name=NAME, at=1.7e9):
    folder.mkdir(parents=True, exist_ok=True)
    start = make.message((1, at), (3, "brain.Event:2"))
    (folder / name).write_bytes(make.tfrecords([start, *events]))
    return folder / name


def doubles(*values):
    return struct.pack(f"<{len(values)}d", *values)


def test_scalars_of_both_forms_keep_step_and_wall_time(tmp_path, record):
    new = make.tensor_value("acc", make.tensor(1, (), struct.pack("<f", 0.5)), "scalars")
    packed = make.tensor_value("acc", make.message((1, 1), (5, struct.pack("<f", 0.75))))
    events = [
        make.event(0, 1.7e9, make.scalar("loss", 0.5), make.scalar("nan", math.nan)),
        make.event(1, 1.7e9 + 1, make.scalar("loss", 0.25)),
        make.event(1, 1.7e9 + 2, new),
        make.event(2, 1.7e9 + 3, packed),
    ]
    event_file(tmp_path / "logs" / "a", events)
    report = import_runs(tmp_path / "logs", record)
    assert report.problems == ()
    [run] = report.added
    points = record.metrics(run)
    assert points.filter(name="loss")["value"].to_list() == [0.5, 0.25]
    assert points.filter(name="acc").select("step", "value").rows() == [(1, 0.5), (2, 0.75)]
    assert points.filter(name="acc")["time"][0].timestamp() == 1.7e9 + 2
    assert math.isnan(points.filter(name="nan")["value"].item())
    assert (record.run(run).name, record.run(run).system) == ("a", "logs")


def test_each_folder_is_a_run_and_a_second_import_adds_nothing(tmp_path, record):
    for at, name in enumerate(("a", "b/c")):
        event_file(tmp_path / name, [make.event(0, 1.7e9, make.scalar(name, 1.0))], at=1.7e9 + at)
    event_file(tmp_path / "a", [make.event(1, 1.7e9, make.scalar("a", 2.0))], NAME + ".1")
    report = import_runs(tmp_path, record)
    assert sorted(record.run(run).name for run in report.added) == ["a", "b/c"]
    # Seen from another folder they are the same runs.
    assert len(import_runs(tmp_path / "b", record).unchanged) == 1
    assert len(import_runs(tmp_path, record).unchanged) == 2


def test_histograms_images_texts_and_audio_are_rows(tmp_path, record, logged):
    histogram = make.message(
        (1, -1.0), (2, 3.0), (6, doubles(0.0, 2.0, 1e308)), (7, doubles(4, 5, 6))
    )
    buckets = doubles(0.0, 1.0, 2.0, 1.0, 2.0, 3.0)
    values = [
        make.message((1, "h"), (5, histogram)),
        make.message((1, "i"), (4, make.message((1, 4), (2, 5), (4, PNG)))),
        make.tensor_value("t", make.message((1, 7), (8, "hello")), "text"),
        make.tensor_value("h2", make.tensor(2, (2, 3), buckets), "histograms"),
        make.tensor_value("i2", make.message((1, 7), (8, "5"), (8, "4"), (8, PNG)), "images"),
    ]
    event_file(tmp_path / "logs", [make.event(3, 1.7e9, *values)])
    report = import_runs(tmp_path, record)
    assert report.problems == ()
    found = logged(report.added[0])
    assert found["t"] == "hello"
    assert found["h"] == {
        "_type": "histogram",
        "values": [4.0, 5.0, 6.0],
        "bins": [-1.0, 0.0, 2.0, 3.0],
    }
    assert found["h2"] == {"_type": "histogram", "values": [2.0, 3.0], "bins": [0.0, 1.0, 2.0]}
    for name in ("i", "i2"):
        assert record.read(found[name]["sha256"]) == PNG
        assert (found[name]["width"], found[name]["height"]) == (5, 4)


def test_settings_and_the_end_come_from_the_hparams_plugin(tmp_path, record):
    pairs = [("lr", make.message((2, 0.1))), ("opt", make.message((3, "sgd")))]
    started = b"".join(make.field(1, make.message((1, n), (2, v))) for n, v in pairs)
    begin = make.message((3, started))
    end = make.message((4, make.message((1, 2), (2, 1.7e9 + 50))))
    values = [
        make.tensor_value("_hparams_/session_start_info", make.tensor(1, ()), "hparams", begin),
        make.tensor_value("_hparams_/session_end_info", make.tensor(1, ()), "hparams", end),
    ]
    event_file(tmp_path / "logs", [make.event(0, 1.7e9, value) for value in values])
    report = import_runs(tmp_path, record)
    run = record.run(report.added[0])
    assert run.config == {"lr": 0.1, "opt": "sgd"}
    assert run.status == "failed"
    assert run.finished.timestamp() == 1.7e9 + 50


def test_a_restart_takes_back_later_steps(tmp_path, record):
    events = [make.event(step, 1.7e9 + step, make.scalar("loss", 1.0)) for step in range(6)]
    again = [
        make.event(3, 1.7e9 + 10, session=1),
        *[make.event(step, 1.7e9 + 10 + step, make.scalar("loss", 2.0)) for step in (3, 4)],
    ]
    event_file(tmp_path / "logs", [*events, *again])
    report = import_runs(tmp_path, record)
    history = record.history(report.added[0], ["loss"])
    assert history["loss"].to_list() == [1.0, 1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("cut", [1, 4, 9, 20])
def test_a_torn_end_is_told_and_what_stands_before_it_is_kept(tmp_path, record, cut):
    path = event_file(
        tmp_path / "logs", [make.event(s, 1.7e9, make.scalar("loss", 1.0)) for s in range(5)]
    )
    path.write_bytes(path.read_bytes()[:-cut])
    report = import_runs(tmp_path, record)
    assert record.metrics(report.added[0]).height == 4
    assert report.problems[0].what == "the last record breaks off"


def test_a_record_that_does_not_match_its_checksum_is_left_out_and_counted(tmp_path, record):
    path = event_file(
        tmp_path / "logs", [make.event(s, 1.7e9, make.scalar("loss", 1.0)) for s in range(40)]
    )
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    report = import_runs(tmp_path, record)
    assert record.metrics(report.added[0]).height == 39
    assert str(report.problems[0]).endswith("a record does not match its checksum")


def test_values_that_cannot_be_read_do_not_take_the_others_with_them(tmp_path, record):
    odd = make.tensor_value("odd", make.tensor(1, (5,), b"\0" * 6))
    unknown = make.tensor_value("unknown", make.tensor(99, (1,), b"\0"))
    values = [odd, make.scalar("loss", 1.0), unknown]
    event_file(tmp_path / "logs", [make.event(0, 1.7e9, *values), b"\xff\xff\xff"])
    report = import_runs(tmp_path, record)
    assert record.metrics(report.added[0])["value"].to_list() == [1.0]
    assert len(report.problems) == 3


@pytest.mark.parametrize("count", [1, 40])
def test_checksums_are_those_of_rfc_3720(count):
    assert set(crc32c([bytes(32)] * count)) == {0x8A9136AA}
    assert set(crc32c([b"\xff" * 32] * count)) == {0x62A8AB43}
    assert set(crc32c([bytes(range(32))] * count)) == {0x46DD794E}
