"""Two people make versions of one name offline: both are kept, and keep their numbers."""

from contextlib import ExitStack

import pytest

from homeostat.record import Record
from homeostat.sync import pull, push


@pytest.fixture
def people(tmp_path):
    """Records of two people who have never met."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Record(tmp_path / name, capture=False)) for name in ("ada", "bo")
        ]


def make(record, *contents, name="flights"):
    with record.start_run("ingest") as run:
        return [run.make(name, "dataset", {"rows": content}).id for content in contents]


def named(record, name="flights"):
    frame = record.artifacts(name=name)
    return {row["version"]: row["id"] for row in frame.iter_rows(named=True)}


def test_of_two_first_versions_the_one_that_arrives_first_keeps_its_number(people, server, url):
    ada, bo = people
    [bos] = make(bo, b"of bo")
    [adas, adas_second] = make(ada, b"of ada", b"more of ada")
    push(ada, url)
    push(bo, url)  # made first, arrived last
    assert named(server) == {0: adas, 1: adas_second, 2: bos}
    assert server.artifact("flights:v0").read("rows") == b"of ada"
    assert server.artifact("flights").read("rows") == b"of bo"
    for one in (bo, ada, bo):
        push(one, url)
    assert named(server) == {0: adas, 1: adas_second, 2: bos}
    assert not server.rebuild().changed
    assert named(server) == {0: adas, 1: adas_second, 2: bos}


def test_the_next_version_made_on_the_server_counts_on(people, server, url):
    ada, bo = people
    make(ada, b"of ada")
    make(bo, b"of bo")
    push(ada, url)
    push(bo, url)
    [third] = make(server, b"of the server")
    assert named(server)[2] == third
    [again] = make(server, b"of bo")
    assert server.artifact(again).version == 1


def test_the_same_content_made_by_two_people_is_one_version(people, server, url):
    ada, bo = people
    [same] = make(ada, b"shared")
    [other, also] = make(bo, b"of bo", b"shared")
    assert same == also
    push(ada, url)
    push(bo, url)
    assert named(server) == {0: same, 2: other}
    assert len(server.artifacts(name="flights")) == 2


def test_versions_that_go_on_arriving_keep_their_numbers(people, server, url):
    ada, bo = people
    seen = {}
    for i in range(4):
        for who, record in (("ada", ada), ("bo", bo)):
            make(record, f"{who} {i}".encode())
            push(record, url)
            now = named(server)
            assert {number: now[number] for number in seen} == seen
            seen = now
    assert len(seen) == 8


def test_who_fetches_calls_things_as_the_server_does(people, server, url):
    ada, bo = people
    [bos] = make(bo, b"of bo")
    with ada.start_run("ingest") as run:
        adas = run.make("flights", "dataset", {"rows": b"of ada"}).id
    push(ada, url)
    pull(bo, url, runs=[run.id])
    assert named(bo) == {0: adas, 1: bos}
    push(bo, url)
    assert named(server) == named(bo) == {0: adas, 1: bos}


def test_numbers_that_were_given_on_the_way_do_not_upset_the_server(people, server, url):
    ada, bo = people
    with ada.start_run("ingest") as run:
        adas = run.make("flights", "dataset", {"rows": b"of ada"}).id
    [servers, servers_second] = make(server, b"first here", b"second here")
    [bos] = make(bo, b"of bo")
    push(ada, url)
    assert named(server) == {0: servers, 1: servers_second, 2: adas}
    pull(bo, url, runs=[run.id])
    assert named(bo) == {0: bos, 2: adas}
    push(bo, url)
    assert named(server) == {0: servers, 1: servers_second, 2: adas, 3: bos}
    push(ada, url)
    pull(ada, url, runs=[run.id])
    assert named(ada) == {2: adas}


def test_two_folders_that_were_merged_by_hand_hide_nothing(people, tmp_path):
    import shutil

    for i, record in enumerate(people):
        make(record, f"content {i}".encode())
    for part in ("logs", "blobs"):
        shutil.copytree(people[1].path / part, people[0].path / part, dirs_exist_ok=True)
    assert len(people[0].artifacts(name="flights")) == 2
    assert people[0].artifact("flights:v0").read("rows") == b"content 0"
