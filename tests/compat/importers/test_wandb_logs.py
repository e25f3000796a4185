import json
import math

import foreign_files as make
import pytest

from homeostat.compat.importers import import_runs
from homeostat.compat.importers._write import Writer
from homeostat.core import StorageError

PNG = b"\x89PNG\r\n\x1a\n pretend"


def offline_run(folder, records, name="offline-run-20231114_221320-abc123"):
    place = folder / "wandb" / name
    (place / "files").mkdir(parents=True, exist_ok=True)
    (place / "run-abc123.wandb").write_bytes(make.wandb_log(records))
    return place


def told(**changes):
    return [
        make.run_record(lr=0.1, net={"depth": 3}),
        make.history(0, 1.7e9, loss=0.7, flag=True, odd=float("nan"), huge=float("inf")),
        make.history(1, 1.7e9 + 0.5, loss=0.5, val={"auc": 0.8}),
        make.exit_record(changes.get("code", 0)),
    ]


def test_an_offline_run_is_taken_over_with_its_own_times_and_settings(tmp_path, record):
    offline_run(tmp_path, told())
    report = import_runs(tmp_path, record)
    assert report.added == ("abc123",)
    assert report.problems == ()
    run = record.run("abc123")
    assert (run.name, run.system, run.status, run.exit_code) == ("first", "digits", "finished", 0)
    assert run.config == {"lr": 0.1, "net": {"depth": 3}}
    assert run.about["tags"] == ["a"]
    assert run.started.timestamp() == 1.7e9
    points = record.metrics("abc123")
    assert set(points["name"]) == {"loss", "odd", "huge", "val.auc"}
    losses = points.filter(name="loss")
    assert losses["value"].to_list() == [0.7, 0.5]
    assert [moment.timestamp() for moment in losses["time"]] == [1.7e9, 1.7e9 + 0.5]
    assert math.isnan(points.filter(name="odd")["value"].item())
    assert points.filter(name="huge")["value"].item() == math.inf


def test_a_second_import_adds_nothing(tmp_path, record):
    offline_run(tmp_path, told())
    import_runs(tmp_path, record)
    again = import_runs(tmp_path, record)
    assert (again.added, again.grown, again.unchanged) == ((), (), ("abc123",))
    assert record.metrics("abc123").height == 5


def test_an_exit_code_is_kept_and_a_log_without_an_end_is_a_crash(tmp_path, record):
    offline_run(tmp_path / "one", told(code=3))
    import_runs(tmp_path / "one", record)
    run = record.run("abc123")
    assert (run.status, run.exit_code) == ("failed", 3)
    crashed = [make.run_record("cut", "digits"), make.history(0, 1.7e9, loss=1.0)]
    offline_run(tmp_path / "two", crashed)
    import_runs(tmp_path / "two", record)
    assert record.run("cut").status == "crashed"


def test_a_torn_end_is_told_and_what_stands_before_it_is_kept(tmp_path, record):
    place = offline_run(tmp_path, told())
    log = place / "run-abc123.wandb"
    log.write_bytes(log.read_bytes()[:-5])
    report = import_runs(tmp_path, record)
    assert record.metrics("abc123").height == 5
    assert [str(problem) for problem in report.problems] == [
        "run-abc123.wandb: the last record breaks off"
    ]


@pytest.mark.parametrize("at", range(100, 3000, 237))
def test_a_flipped_bit_costs_at_most_its_block_and_never_a_wrong_value(tmp_path, record, at):
    rows = [make.history(step, 1.7e9 + step, loss=step / 8) for step in range(2000)]
    place = offline_run(tmp_path, [make.run_record(), *rows, make.exit_record()])
    log = place / "run-abc123.wandb"
    data = bytearray(log.read_bytes())
    data[40_000 + at] ^= 0x10  # in the second block
    log.write_bytes(data)
    report = import_runs(tmp_path, record)
    points = record.metrics("abc123")
    assert 1000 < points.height < 2000
    assert (points["value"] == points["step"] / 8).all()
    assert report.problems[0].what.startswith("a damaged block")


def test_a_record_that_spans_blocks_is_one(tmp_path, record, logged):
    long = {"text": "x" * 100_000}
    offline_run(tmp_path, [make.run_record(), make.history(0, 1.7e9, **long), *told()[1:]])
    assert import_runs(tmp_path, record).problems == ()
    assert logged("abc123")["text"] == "x" * 100_000


def test_media_become_contents_of_the_record_and_files_an_artifact(tmp_path, record, logged):
    image = {"_type": "image-file", "path": "media/images/a.png", "format": "png"}
    lost = {"_type": "image-file", "path": "media/images/lost.png"}
    records = [make.run_record(), make.history(0, 1.7e9, image=image, lost=lost)]
    place = offline_run(tmp_path, [*records, make.exit_record()])
    (place / "files" / "media" / "images").mkdir(parents=True)
    (place / "files" / "media" / "images" / "a.png").write_bytes(PNG)
    (place / "files" / "requirements.txt").write_text("numpy==2.0\n")
    report = import_runs(tmp_path, record)
    kept = logged("abc123")["image"]
    assert record.read(kept["sha256"]) == PNG
    assert kept["size"] == len(PNG)
    files = record.artifact("run-abc123-files")
    assert files.read("requirements.txt") == b"numpy==2.0\n"
    assert list(files.files) == ["requirements.txt"]
    assert [problem.what for problem in report.problems] == ["a media file is missing"]


def test_a_path_that_leads_out_of_the_run_is_not_followed(tmp_path, record, logged):
    (tmp_path / "secret").write_text("not yours")
    image = {"_type": "image-file", "path": "../../../secret"}
    offline_run(tmp_path, [make.run_record(), make.history(0, 1.7e9, image=image)])
    import_runs(tmp_path / "wandb", record)
    assert "sha256" not in logged("abc123")["image"]


def test_an_artifact_is_taken_only_while_it_is_what_it_was(tmp_path, record):
    staged = tmp_path / "staged"
    staged.write_bytes(b"model")
    entries = [
        make.message((1, "good.txt"), (2, "IPNeYw2vRNv6TD9o9TmdjA=="), (6, str(staged))),
        make.message((1, "other.txt"), (2, "AAAAAAAAAAAAAAAAAAAAAA=="), (6, str(staged))),
    ]
    manifest = b"".join(make.field(4, entry) for entry in entries)
    staged.write_bytes(b"model")
    body = make.message((4, "model"), (5, "net"), (11, "latest"), (11, "best"), (12, manifest))
    offline_run(tmp_path, [make.run_record(), make.message((8, body)), make.exit_record()])
    report = import_runs(tmp_path / "wandb", record)
    assert list(record.artifact("net:best").files) == ["good.txt"]
    assert "other.txt" in report.problems[0].what


def test_a_resumed_run_is_one_run_from_two_folders(tmp_path, record):
    offline_run(tmp_path, told()[:-1])
    more = [make.run_record(lr=0.2), make.history(2, 1.7e9 + 9, loss=0.4), make.exit_record()]
    offline_run(tmp_path, more, "offline-run-20231114_221500-abc123")
    report = import_runs(tmp_path, record)
    assert report.added == ("abc123",)
    assert record.run("abc123").status == "finished"
    assert record.run("abc123").config["lr"] == 0.2
    assert record.metrics("abc123").filter(name="loss")["value"].to_list() == [0.7, 0.5, 0.4]
    assert import_runs(tmp_path, record).unchanged == ("abc123",)


def test_a_log_that_has_grown_adds_only_what_is_new(tmp_path, record):
    offline_run(tmp_path, told()[:2])
    import_runs(tmp_path, record)
    assert record.run("abc123").status == "crashed"
    offline_run(tmp_path, told())
    report = import_runs(tmp_path, record)
    assert (report.grown, report.points) == (("abc123",), 2)
    assert record.metrics("abc123").height == 5
    assert record.run("abc123").status == "finished"


def test_typed_items_of_newer_clients_and_nested_keys_are_read(tmp_path, record, logged):
    items = [
        make.message((2, "train"), (2, "loss"), (6, 0.25)),
        make.message((2, "count"), (5, 6)),  # zigzag: 3
        make.message((2, "done"), (4, True)),
        make.message((2, "note"), (7, "hello")),
        make.message((2, "list"), (8, json.dumps([1, 2]))),
    ]
    row = make.message((2, b"".join(make.field(1, item) for item in items)))
    offline_run(tmp_path, [make.run_record(), row, make.exit_record()])
    import_runs(tmp_path, record)
    points = record.metrics("abc123")
    assert dict(points.select("name", "value").rows()) == {"train.loss": 0.25, "count": 3.0}
    assert logged("abc123")["note"] == "hello"


def test_two_projects_may_have_a_run_of_the_same_id(tmp_path, record):
    for project in ("digits", "letters"):
        records = [make.run_record("abc123", project), make.history(0, 1.7e9, loss=1.0)]
        offline_run(tmp_path / project, [*records, make.exit_record()])
        import_runs(tmp_path / project, record)
    runs = record.runs()
    assert sorted(runs["system"]) == ["digits", "letters"]
    assert import_runs(tmp_path / "letters", record).added == ()


def test_the_project_may_be_named_anew(tmp_path, record):
    offline_run(tmp_path, told())
    import_runs(tmp_path, record, project="mine")
    assert record.run("abc123").system == "mine"


def test_definitions_of_metrics_alerts_console_and_machine_are_kept(tmp_path, record):
    summary = make.message((1, 1))
    defined = make.message((2, "val/*"), (4, "epoch"), (7, summary), (8, 1))
    lines = [
        make.message((13, make.message((1, 1), (2, make.stamp(1.7e9)), (3, text))))
        for text in ("hel", "lo\nwor", "ld\n")
    ]
    gauges = make.message((2, make.stamp(1.7e9)), (3, make.item("cpu", 12.5)))
    alert = make.message((1, "hot"), (2, "too hot"), (3, "WARN"))
    records = [make.run_record(), make.message((12, defined)), *lines]
    records += [make.message((7, gauges)), make.message((10, alert)), make.exit_record()]
    offline_run(tmp_path, records)
    assert import_runs(tmp_path, record).problems == ()
    wanted = {"step_metric": "epoch", "summary": ["min"], "goal": "minimize"}
    assert record.run("abc123").metrics["val/*"] == wanted
    assert record.console("abc123")["text"].to_list() == ["hello\n", "world\n"]
    assert record.system_metrics("abc123")["value"].to_list() == [12.5]
    assert json.loads(record.events("alert")["payload"].item())["title"] == "hot"


def test_an_import_that_was_cut_off_goes_on_where_it_ended(tmp_path, record, monkeypatch):
    rows = [make.history(step, 1.7e9 + step, loss=step / 8, note="hi") for step in range(50)]
    offline_run(tmp_path, [make.run_record(), *rows, make.exit_record()])
    take, taken = Writer.take, []

    def cut_off(writer, item):
        taken.append(item)
        if len(taken) == 40:
            writer._columns.flush()
            raise StorageError("The disk is full.")
        take(writer, item)

    monkeypatch.setattr(Writer, "take", cut_off)
    with pytest.raises(StorageError):
        import_runs(tmp_path, record)
    monkeypatch.undo()
    assert 0 < record.metrics("abc123").height < 50
    report = import_runs(tmp_path, record)
    assert report.grown == ("abc123",)
    assert record.metrics("abc123")["value"].to_list() == [step / 8 for step in range(50)]
    assert record.history("abc123").height == 50
    assert record.run("abc123").status == "finished"
    assert import_runs(tmp_path, record).unchanged == ("abc123",)
