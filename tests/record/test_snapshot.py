"""The code of a run is kept as whole trees of files, and nothing of the user's is touched."""

import hashlib
import subprocess
import sys
import zipfile

import pytest

from homeostat.core import CorruptionError
from homeostat.record import BlobStore, Code, Environment, capture_code, tree_files
from homeostat.record._capture.hide import hide_bytes, is_secret_name
from homeostat.record._capture.pack import PackedFile, pack, unpack, write_files

SECRET = "hunter2-correct-horse-battery"


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "protocol.file.allow=always",
         "-C", folder, *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def repository(folder):
    folder.mkdir(parents=True)
    git(folder, "init", "--initial-branch=main")
    (folder / "train.py").write_text("rate = 1\n")
    (folder / "gone.py").write_text("old = 1\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


@pytest.fixture(autouse=True)
def no_other_sources(monkeypatch):
    """Homeostat itself may run from its sources here: it is not what is looked at."""
    monkeypatch.setattr("homeostat.record._capture.capture.editable_folders", dict)


@pytest.fixture
def tree(tmp_path):
    return repository(tmp_path / "tree")


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "record" / "blobs")


def project(blobs, folder):
    return capture_code(folder, blobs=blobs).trees[0]


def contents(blobs, folder):
    return {path: file.content for path, file in tree_files(blobs, project(blobs, folder)).items()}


def digest_of(folder):
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path).encode() + str(path.lstat().st_mtime_ns).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def test_the_tree_is_kept_as_it_is_and_not_as_it_was_committed(tree, blobs):
    (tree / "train.py").write_text("rate = 2\n")
    (tree / "gone.py").unlink()
    (tree / "new.py").write_text("new = 1\n")
    (tree / "weights.bin").write_bytes(bytes(range(256)))
    (tree / "staged.py").write_text("staged = 1\n")
    git(tree, "add", "staged.py")
    (tree / "noise.log").write_text("ignored")
    (tree / "sub").mkdir()
    (tree / "sub" / "héllo\n.py").touch()
    assert contents(blobs, tree) == {
        "train.py": b"rate = 2\n", "new.py": b"new = 1\n", "weights.bin": bytes(range(256)),
        "staged.py": b"staged = 1\n", ".gitignore": b"*.log\n", "sub/héllo\n.py": b"",
    }  # fmt: skip


def test_modes_and_links_are_kept(tree, blobs, tmp_path):
    (tree / "run.sh").write_text("#!/bin/sh\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "link.py").symlink_to("train.py")
    write_files(tmp_path / "again", tree_files(blobs, project(blobs, tree)).values())
    assert (tmp_path / "again" / "run.sh").stat().st_mode & 0o111
    assert (tmp_path / "again" / "link.py").readlink().name == "train.py"


def test_nothing_of_the_user_is_touched(tree, blobs):
    (tree / "train.py").write_text("rate = 2\n")
    git(tree, "add", "train.py")
    (tree / "train.py").write_text("rate = 3\n")
    (tree / "new.py").touch()
    before = digest_of(tree)
    capture_code(tree, blobs=blobs)
    assert digest_of(tree) == before


def test_a_commit_is_packed_once_and_a_changed_file_adds_only_itself(tree, blobs):
    first = project(blobs, tree)
    (tree / "train.py").write_text("rate = 2\n")
    second = project(blobs, tree)
    assert (first.changes, second.base) == (None, first.base)
    assert [file.path for file in unpack(blobs.get(second.changes))] == ["train.py"]
    assert project(blobs, tree) == second


def test_files_that_filters_would_alter_are_kept_byte_by_byte(tree, blobs):
    (tree / ".gitattributes").write_text("*.txt text eol=lf\n*.dat filter=spoil\n")
    git(tree, "config", "filter.spoil.clean", "tr a b")
    (tree / "data.txt").write_bytes(b"a\r\nb\r\n")
    (tree / "data.dat").write_bytes(b"aaa")
    git(tree, "add", ".")
    git(tree, "commit", "-m", "filtered")
    kept = contents(blobs, tree)
    assert (kept["data.txt"], kept["data.dat"]) == (b"a\r\nb\r\n", b"aaa")


def test_what_is_too_large_is_left_out_and_named(tree, blobs, monkeypatch):
    monkeypatch.setattr("homeostat.record._capture.snapshot._MAX_FILE_BYTES", 1 << 20)
    monkeypatch.setattr("homeostat.record._capture.snapshot._MAX_TREE_BYTES", 2 << 20)
    (tree / "huge.bin").write_bytes(b"x" * ((1 << 20) + 1))
    for name in ("a", "b", "c"):
        (tree / name).write_bytes(name.encode() * (900 << 10))
    code = capture_code(tree, blobs=blobs)
    assert set(code.trees[0].left_out) == {"huge.bin", "c"}
    assert "Not kept: c, huge.bin." in code.note
    assert "train.py" in tree_files(blobs, code.trees[0])


def test_the_record_itself_is_no_code(tree, tmp_path):
    blobs = BlobStore(tree / ".homeostat" / "blobs")
    (tree / "runs" / "logs").mkdir(parents=True)
    (tree / "runs" / "record.json").write_text("{}")
    (tree / "runs" / "logs" / "x.log").write_bytes(b"x")
    first = capture_code(tree, blobs=blobs)
    assert (first.dirty, first.untracked) == (False, ())
    assert capture_code(tree, blobs=blobs).trees == first.trees


def test_submodules_and_other_repositories_inside_are_kept_with_their_changes(
    tree, blobs, tmp_path
):
    library = repository(tmp_path / "library")
    git(tree, "submodule", "add", str(library), "libs/one")
    git(tree, "commit", "-m", "with a library")
    (tree / "libs" / "one" / "train.py").write_text("rate = 9\n")
    repository(tree / "unknown")
    trees = {one.place: one for one in capture_code(tree, blobs=blobs).trees}
    assert {"", "libs/one", "unknown"} <= set(trees)
    assert trees["libs/one"].commit is not None
    assert tree_files(blobs, trees["libs/one"])["train.py"].content == b"rate = 9\n"
    assert tree_files(blobs, trees["unknown"])["train.py"].content == b"rate = 1\n"


def test_without_git_the_imported_modules_and_those_beside_them_are_kept(tmp_path, blobs):
    folder = tmp_path / "plain"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "used.py").write_text("from pkg import beside\n")
    (folder / "pkg" / "beside.py").write_text("x = 1\n")
    (folder / "pkg" / "later.py").write_text("y = 1\n")
    (folder / "other").mkdir()
    (folder / "other" / "unused.py").write_text("")
    (folder / "train.py").write_text(
        "import sys, pkg.used\n"
        "from homeostat.record import BlobStore, capture_code, tree_files\n"
        "blobs = BlobStore(sys.argv[1])\n"
        "code = capture_code(blobs=blobs)\n"
        "print(code.trees[0].source, sorted(tree_files(blobs, code.trees[0])))\n"
    )
    printed = subprocess.run(
        [sys.executable, "plain/train.py", str(blobs.folder)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert printed.split(maxsplit=1) == [
        "modules",
        (
            "['plain/pkg/__init__.py', 'plain/pkg/beside.py', 'plain/pkg/later.py', "
            "'plain/pkg/used.py', 'plain/train.py']\n"
        ),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'API_KEY = "{SECRET}"', f"db_password: '{SECRET}'", f"DB_PASSWORD={SECRET}",
        f"https://me:{SECRET}@example.org", "AKIA" + "B" * 16, "ghp_" + "c" * 36, "sk-" + "d" * 40,
        f'{{"source": ["token = \\"{SECRET}\\""]}}', f'"password":\n   "{SECRET}"',
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_a_planted_secret_is_hidden_and_the_file_named(tree, blobs, text):
    (tree / "train.py").write_text(f"before = 1\n{text}\nafter = 1\n")
    code = capture_code(tree, blobs=blobs)
    kept = tree_files(blobs, code.trees[0])["train.py"].content
    assert kept.startswith(b"before = 1\n")
    assert kept.endswith(b"\nafter = 1\n")
    for secret in (SECRET, "B" * 16, "c" * 36, "d" * 40):
        assert secret.encode() not in kept
    assert code.trees[0].hidden == ("train.py",)
    assert "hidden in train.py" in code.note


@pytest.mark.parametrize("name", [".env", "prod.env", "id_ed25519", "server.pem", "MySecrets.yaml"])
def test_a_file_named_as_a_secret_is_left_out_committed_or_not(tree, blobs, name):
    (tree / name).write_text(SECRET)
    assert name in project(blobs, tree).left_out
    git(tree, "add", "-f", ".")
    git(tree, "commit", "-m", "oops")
    kept = project(blobs, tree)
    assert name in kept.left_out
    assert name not in tree_files(blobs, kept)
    for path in blobs.folder.rglob("*"):
        if path.is_file() and zipfile.is_zipfile(path):
            assert all(SECRET.encode() not in file.content for file in unpack(path.read_bytes()))


def test_code_that_only_speaks_of_secrets_is_kept_as_it_is():
    text = b"token = tokenizer(text)\nsecret_count: int = 5\nurl = 'https://example.org/a@b'\n" * 50
    assert hide_bytes(text) == (text, 0)
    assert not is_secret_name("src/keys.py")


def test_a_file_that_would_lie_outside_is_refused(tmp_path):
    for path in ("../out.py", "/etc/out.py", "a/../../out.py"):
        with pytest.raises(CorruptionError, match="must lie inside"):
            write_files(tmp_path / "in", [PackedFile(path, 0o100644, b"")])
    (tmp_path / "in" / "door").parent.mkdir(exist_ok=True)
    (tmp_path / "in" / "door").symlink_to(tmp_path)
    with pytest.raises(CorruptionError, match="must lie inside"):
        write_files(tmp_path / "in", [PackedFile("door/out.py", 0o100644, b"")])


def test_a_pack_is_the_same_whatever_the_order_and_a_bad_one_is_told():
    files = [PackedFile("b", 0o100644, b"2"), PackedFile("a", 0o100755, b"1")]
    assert pack(files) == pack(reversed(files))
    assert list(unpack(pack(files))) == sorted(files, key=lambda file: file.path)
    with pytest.raises(CorruptionError, match="ZIP"):
        list(unpack(b"no pack"))


def test_captures_of_older_versions_are_still_read():
    code = Code.from_json(
        {"commit": "a", "branch": "main", "dirty": False, "patch": "", "untracked": ["x"],
         "note": ""}
    )  # fmt: skip
    assert (code.untracked, code.trees, code.invocation) == (("x",), (), None)
    environment = Environment.from_json(
        {"python": "3.11", "executable": "", "platform": "", "host": "", "cpus": 1,
         "usable_cpus": 1, "variables": {}, "packages": {"a": "1"}, "unknown": 1}
    )  # fmt: skip
    assert (environment.packages, environment.gpus) == ({"a": "1"}, ())


def test_what_is_captured_survives_json(tree, blobs):
    (tree / "new.py").write_text("x = 1\n")
    git(tree, "remote", "add", "origin", f"https://me:{SECRET}@example.org/a.git")
    code = capture_code(tree, blobs=blobs)
    assert code.remotes == {"origin": "https://example.org/a.git"}
    assert Code.from_json(code.to_json()) == code
    assert code.invocation is not None
    assert code.invocation.random["random"]
