"""A log that was torn, changed or forged: a reader skips and tells, and is never wrong."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import VersionError
from homeostat.record import EventLog, read_log
from homeostat.record._log.frame import encode, header
from homeostat.record._log.read_log import LogReading

SIZES = st.lists(st.binary(max_size=60), min_size=1, max_size=12)


def write(folder, payloads):
    with EventLog(folder) as log:
        offsets = [log.append(i % 256, payload) for i, payload in enumerate(payloads)]
        content = log.path.read_bytes()
    return content, offsets


def read(folder, content, offset=0):
    path = folder / "changed.log"
    path.write_bytes(content)
    reading = read_log(path, offset)
    return list(reading), reading


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


@given(payloads=SIZES)
@settings(max_examples=15, deadline=None)
def test_cut_at_any_byte_a_log_yields_its_whole_frames_and_reports_the_rest(folder, payloads):
    content, offsets = write(folder, payloads)
    for cut in range(len(content) + 1):
        frames, reading = read(folder, content[:cut])
        ends = [*offsets[1:], len(content)]
        whole = [payload for payload, end in zip(payloads, ends, strict=True) if end <= cut]
        assert [frame.payload for frame in frames] == whole
        clean = cut in {0, *ends} or cut == offsets[0]
        assert [item.reason for item in reading.damage] == ([] if clean else ["torn"])


@given(payloads=SIZES, data=st.data())
@settings(max_examples=150, deadline=None)
def test_flipped_bits_never_raise_never_yield_a_wrong_payload_and_are_reported(
    folder, payloads, data
):
    content, offsets = write(folder, payloads)
    places = data.draw(
        st.lists(st.integers(0, len(content) * 8 - 1), min_size=1, max_size=6, unique=True)
    )
    changed = bytearray(content)
    for place in places:
        changed[place // 8] ^= 1 << place % 8
    frames, reading = read(folder, bytes(changed))
    written = dict(zip(offsets, enumerate(payloads), strict=True))
    for frame in frames:
        assert (frame.kind, frame.payload) == written[frame.offset]
    ends = dict(zip(offsets, [*offsets[1:], len(content)], strict=True))
    untouched = {
        start
        for start, end in ends.items()
        if not any(start <= place // 8 < end for place in places)
    }
    assert {frame.offset for frame in frames} == untouched
    told = [(item.offset, item.offset + item.length) for item in reading.damage]
    for place in places:
        assert any(start <= place // 8 < end for start, end in told)


def test_a_damaged_length_that_leads_past_a_frame_loses_no_frame(folder):
    content, offsets = write(folder, [b"", b"\x00" * 4, b""])
    changed = bytearray(content)
    changed[offsets[0] + 4] ^= 16  # its length now ends where the third frame starts
    frames, _ = read(folder, bytes(changed))
    assert [frame.offset for frame in frames] == offsets[1:]


@given(payloads=SIZES, seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_garbage_of_any_kind_in_the_middle_is_skipped(folder, payloads, seed):
    content, offsets = write(folder, payloads)
    chance = random.Random(seed)
    start, end = sorted(chance.choices(range(16, len(content) + 1), k=2))
    changed = content[:start] + chance.randbytes(end - start) + content[end:]
    frames, _ = read(folder, changed)
    written = dict(zip(offsets, payloads, strict=True))
    assert all(written[frame.offset] == frame.payload for frame in frames)
    kept = [offset for offset, next_ in zip(offsets, [*offsets[1:], len(content)], strict=True)
            if next_ <= start or offset >= end]  # fmt: skip
    assert set(kept) <= {frame.offset for frame in frames}


def test_each_bit_of_the_header_may_flip_and_the_frames_are_still_read(tmp_path):
    content, _ = write(tmp_path, [b"first", b"second"])
    for bit in range(16 * 8):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        frames, reading = read(tmp_path, bytes(changed))
        assert [frame.payload for frame in frames] == [b"first", b"second"]
        assert [(item.offset, item.length, item.reason) for item in reading.damage] == [
            (0, 16, "corrupt")
        ]


def test_a_frame_inside_a_payload_is_not_taken_for_one_when_its_carrier_is_damaged(tmp_path):
    inner = encode(1, b"forged", 16)
    carrier = b"".join([inner, encode(1, b"forged", 28), b"-" * 50, inner])
    content, offsets = write(tmp_path, [carrier, b"after"])
    for byte in range(16, offsets[1]):
        changed = bytearray(content)
        changed[byte] ^= 0xFF
        frames, _ = read(tmp_path, bytes(changed))
        assert [frame.payload for frame in frames] == [b"after"]


def test_a_frame_copied_to_another_place_is_no_frame(tmp_path):
    content, offsets = write(tmp_path, [b"once", b"last"])
    first = content[offsets[0] : offsets[1]]
    frames, reading = read(tmp_path, content + first)
    assert [frame.payload for frame in frames] == [b"once", b"last"]
    assert [item.reason for item in reading.damage] == ["torn"]


def test_a_length_beyond_the_file_does_not_hide_what_follows(tmp_path):
    content, offsets = write(tmp_path, [b"a" * 20, b"b", b"c"])
    changed = bytearray(content)
    changed[offsets[0] + 6] = 0xFF  # the third byte of the length: 16 MiB
    frames, reading = read(tmp_path, bytes(changed))
    assert [frame.payload for frame in frames] == [b"b", b"c"]
    [damage] = reading.damage
    assert (damage.offset, damage.length) == (offsets[0], offsets[1] - offsets[0])
    assert str(damage).endswith(f"changed.log: 32 bytes corrupt at byte {offsets[0]}")


def test_damage_far_from_the_next_frame_is_passed_block_by_block(tmp_path):
    content, offsets = write(tmp_path, [b"a", b"b" * 3_000_000, b"c"])
    changed = bytearray(content)
    changed[offsets[1] + 4] ^= 1
    frames, _ = read(tmp_path, bytes(changed))
    assert [frame.payload for frame in frames] == [b"a", b"c"]


def test_a_log_of_a_newer_homeostat_is_refused_by_name(tmp_path):
    content, _ = write(tmp_path, [b"a"])
    with pytest.raises(VersionError, match=r"format 2, this Homeostat reads up to 1: upgrade"):
        read(tmp_path, header(2) + content[16:])


def test_what_is_no_log_at_all_yields_nothing_and_is_reported(tmp_path):
    frames, reading = read(tmp_path, b"PK\x03\x04" + bytes(500))
    assert frames == []
    assert sum(item.length for item in reading.damage) == 504


def test_an_end_that_was_torn_is_read_once_it_is_whole(tmp_path):
    content, offsets = write(tmp_path, [b"a", b"b" * 50])
    path = tmp_path / "growing.log"
    path.write_bytes(content[:-20])
    reading = read_log(path)
    assert [frame.payload for frame in reading] == [b"a"]
    assert [(item.reason, item.offset) for item in reading.damage] == [("torn", offsets[1])]
    path.write_bytes(content)
    assert [frame.payload for frame in reading] == [b"b" * 50]
    assert reading.damage == []


def test_a_frame_completed_while_the_reader_looks_past_it_is_not_skipped(tmp_path, monkeypatch):
    looks = LogReading._next_intact

    def writer_goes_on_then_look(reading, file):
        if reading.end > first and log.path.stat().st_size == reading.end:
            log.append(1, b"completed meanwhile")
            log.append(1, b"and one more")
        return looks(reading, file)

    with EventLog(tmp_path) as log:
        first = log.append(1, b"first")
        monkeypatch.setattr(LogReading, "_next_intact", writer_goes_on_then_look)
        reading = read_log(log.path)
        payloads = [frame.payload for frame, _ in zip(reading, range(3), strict=False)]
    assert payloads == [b"first", b"completed meanwhile", b"and one more"]
    assert reading.damage == []
