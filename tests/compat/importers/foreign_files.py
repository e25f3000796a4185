"""Writers of other tools' files, as small as they can be; the tests' own, not the readers' code."""

import json
import sqlite3
import struct
import zlib


def varint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number, value):
    """One protobuf field: an int is a varint, a float a double, a text or bytes what they are."""
    if isinstance(value, (bool, int)):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def float32(number, value):
    return varint(number << 3 | 5) + struct.pack("<f", value)


# W&B


def item(key, value, *, nested=()):
    names = [(2, name) for name in (*nested, key)] if nested else [(1, key)]
    return message(*names, (16, json.dumps(value)))


def stamp(seconds):
    return message((1, int(seconds)), (2, round(seconds % 1 * 1e9)))


def run_record(id_="abc123", project="digits", **config):
    settings = b"".join(field(1, item(key, value)) for key, value in config.items())
    return message(
        (
            17,
            message(
                (1, id_), (3, project), (4, settings), (8, "first"), (10, "a"), (17, stamp(1.7e9))
            ),
        )
    )


def history(step, at, **values):
    items = [(1, item(key, value)) for key, value in values.items()]
    own = [(1, item("_step", step)), (1, item("_timestamp", at))]
    return message((2, message(*items, *own, (2, message((1, step))))))


def exit_record(code=0):
    return message((18, message((1, code))))


def wandb_log(records, block=32 * 1024):
    """LevelDB's log format, with W&B's header and plain CRC-32."""
    data = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        begun, left = False, record
        while left or not begun:
            room = block - len(data) % block
            if room < 7:
                data += bytes(room)
                continue
            part, left = left[: room - 7], left[room - 7 :]
            kind = {(False, False): 1, (False, True): 2, (True, True): 3, (True, False): 4}[
                begun, bool(left)
            ]
            check = zlib.crc32(part, zlib.crc32(bytes([kind])))
            data += struct.pack("<IHB", check, len(part), kind) + part
            begun = True
    return bytes(data)


# TensorBoard


def crc32c(data):
    check = 0xFFFFFFFF
    for byte in data:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ 0x82F63B78 * (check & 1)
    return check ^ 0xFFFFFFFF


def masked(data):
    check = crc32c(data)
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF


def tfrecords(records):
    parts = []
    for data in records:
        length = struct.pack("<Q", len(data))
        parts += [length, struct.pack("<I", masked(length)), data, struct.pack("<I", masked(data))]
    return b"".join(parts)


def event(step, at, *values, session=None):
    fields = [(1, float(at)), (2, step)]
    if values:
        fields.append((5, b"".join(field(1, value) for value in values)))
    if session is not None:
        fields.append((7, message((1, session))))
    return message(*fields)


def scalar(tag, value):
    return field(1, tag) + float32(2, value)


def tensor_value(tag, tensor, plugin=None, content=b""):
    metadata = message((1, message((1, plugin), (2, content)))) if plugin else None
    return message((1, tag), *([(9, metadata)] if metadata else []), (8, tensor))


def tensor(kind, shape, content=b"", *fields):
    sizes = b"".join(field(2, message((1, size))) for size in shape)
    return message((1, kind), (2, sizes), *([(4, content)] if content else []), *fields)


# MLflow

MLFLOW = """
CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT,
    lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
    user_id TEXT, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER,
    is_nan INTEGER);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, run_id TEXT,
    current_stage TEXT, description TEXT);
CREATE TABLE registered_model_aliases (alias TEXT, version INTEGER, name TEXT);
INSERT INTO experiments VALUES (1, 'digits', '', 'active');
"""


def mlflow_store(path):
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(MLFLOW)
    return database


def mlflow_run(database, id_, *, status="FINISHED", stage="active", uri="", parent=None, at=1000):
    ended = at + 500 if status == "FINISHED" else None
    database.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, 'ada', ?, ?, 1)",
        (id_, f"run {id_[:2]}", status, at, ended, stage, uri),
    )
    if parent:
        database.execute("INSERT INTO tags VALUES ('mlflow.parentRunId', ?, ?)", (parent, id_))


def mlflow_metric(database, run, key, value, *, at, step, is_nan=0):
    database.execute(
        "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", (key, value, at, run, step, is_nan)
    )
