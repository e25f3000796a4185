"""Code and environment are kept with each run, secrets are not, and a start stays quick."""

import subprocess
import sys
import zipfile

import polars as pl
import pytest

from homeostat.core import measure
from homeostat.record import Record, capture_code, capture_environment
from homeostat.record._capture.hide import command
from homeostat.record._capture.pack import unpack

SECRET = "hunter2-correct-horse-battery"


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-C", folder, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """A git work tree with one commit."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    (folder / "train.py").write_text("rate = 1\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def test_a_clean_tree_is_its_commit(tree):
    code = capture_code(tree)
    assert (code.commit, code.branch) == (git(tree, "rev-parse", "HEAD"), "main")
    assert (code.dirty, code.patch, code.untracked, code.note) == (False, "", (), "")


def test_the_patch_and_the_commit_together_are_the_code_that_ran(tree, tmp_path):
    (tree / "train.py").write_text("rate = 2\n")
    (tree / "data.bin").write_bytes(bytes(range(256)))
    git(tree, "add", "data.bin")
    (tree / "sub dir").mkdir()
    (tree / "sub dir" / "héllo\n.py").touch()
    (tree / "ignored.log").touch()
    code = capture_code(tree / "sub dir")
    assert code.dirty
    assert code.untracked == ("sub dir/héllo\n.py",)
    git(tmp_path, "clone", str(tree), "again")
    (tmp_path / "patch").write_text(code.patch)
    git(tmp_path / "again", "checkout", code.commit)
    git(tmp_path / "again", "apply", str(tmp_path / "patch"))
    assert (tmp_path / "again" / "train.py").read_text() == "rate = 2\n"
    assert (tmp_path / "again" / "data.bin").read_bytes() == bytes(range(256))


def test_odd_trees_are_captured_as_far_as_they_go(tree, tmp_path, monkeypatch):
    git(tree, "checkout", "--detach")
    assert capture_code(tree).branch is None
    git(tmp_path, "init", "empty")
    (tmp_path / "empty" / "new.py").touch()
    code = capture_code(tmp_path / "empty")
    assert (code.commit, code.dirty, code.untracked) == (None, True, ("new.py",))
    assert capture_code("/").note == "There is no git here."
    monkeypatch.setenv("PATH", str(tmp_path))
    assert capture_code(tree).note == "There is no git here."


def test_a_patch_too_large_is_left_out_and_said_to_be(tree, monkeypatch):
    monkeypatch.setattr("homeostat.record._capture.capture._MAX_PATCH_BYTES", 100)
    (tree / "train.py").write_text("rate = 2\n" * 100)
    code = capture_code(tree)
    assert code.dirty
    assert code.patch == ""
    assert "left out" in code.note


def test_the_environment_says_what_ran(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment = capture_environment()
    assert environment.packages["polars"] == pl.__version__
    assert environment.python == sys.version.split()[0]
    assert 1 <= environment.usable_cpus <= environment.cpus
    assert environment.variables["OMP_NUM_THREADS"] == "3"


def test_a_secret_in_environment_arguments_or_code_is_nowhere_in_the_record(tree, tmp_path):
    (tree / "settings.py").write_text("password = 'old-password'\n")
    (tree / ".env").write_text("KEY=1\n")
    git(tree, "add", "-f", ".")
    git(tree, "commit", "-m", "second")
    (tree / "settings.py").write_text(
        f'API_KEY = "{SECRET}"\n'
        f"db_password: '{SECRET}'\n"
        f"DB_PASSWORD={SECRET}\n"
        f'url = "https://me:{SECRET}@example.org"\n'
    )
    (tree / ".env").write_text(f"KEY={SECRET}\n")
    (tree / "untracked.env").write_text(SECRET)
    script = (
        "import sys\n"
        "from homeostat.record import Record\n"
        "with Record(sys.argv[1]) as record, record.start_run('train') as run:\n"
        "    pass\n"
    )
    (tree / "script.py").write_text(script)
    subprocess.run(
        [sys.executable, "script.py", str(tmp_path / "record"), f"--api-key={SECRET}",
         "--db-password", SECRET, f"postgres://me:{SECRET}@host/db"],
        cwd=tree, check=True, env={"AWS_SECRET_ACCESS_KEY": SECRET, "MY_TOKEN": SECRET, "TZ": "UTC",
                                   "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    files = [path for path in (tmp_path / "record").rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    packs = [
        file for path in files if zipfile.is_zipfile(path) for file in unpack(path.read_bytes())
    ]
    assert {"settings.py", "script.py"} <= {file.path for file in packs}
    assert not [file for file in packs if SECRET.encode() in file.content]
    with Record(tmp_path / "record") as record:
        info = record.run(record.runs()["id"][0])
    assert info.environment.variables == {"TZ": "UTC"}
    assert info.code.commit == git(tree, "rev-parse", "HEAD")
    assert info.code.patch.count("[hidden]") == 5  # the old one too
    assert "5 texts that look like secrets" in info.code.note
    assert "untracked.env" in info.code.untracked
    assert info.command[-4:] == (
        "--api-key=[hidden]", "--db-password", "[hidden]", "postgres://me:[hidden]@host/db",
    )  # fmt: skip


def test_arguments_that_are_no_secrets_stay():
    plain = ["python", "train.py", "--tokenizer", "bpe", "--keys=3", "secret.py", "--rows", "5"]
    shown = command(plain)
    assert shown[:2] + shown[4:] == plain[:2] + plain[4:]
    assert command(["--token", "--verbose", "x"]) == ["--token", "--verbose", "x"]


def test_code_that_only_speaks_of_tokens_is_kept_as_it_is(tree):
    text = "token = tokenizer(text)\nsecret_count: int = 5\nif password == other: pass\n"
    (tree / "train.py").write_text(text)
    code = capture_code(tree)
    assert code.note == ""
    assert all(f"+{line}" in code.patch for line in text.splitlines())


def test_a_line_without_end_is_searched_for_secrets_in_no_time(tree):
    (tree / "train.py").write_text("token" * 400_000)
    with measure() as cost:
        capture_code(tree)
    assert cost.cpu_s < 5


def test_runs_of_one_process_share_one_capture(tmp_path):
    with Record(tmp_path) as record:
        with record.start_run("a") as one, record.start_run("b") as two:
            pass
        first, second = record.run(one.id), record.run(two.id)
        assert first.code == second.code
        assert first.environment == second.environment
        assert first.environment.packages
        packs = {tree.base for tree in first.code.trees} | {one.changes for one in first.code.trees}
        blobs = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        assert len(blobs) == 2 + len(packs - {None})


def test_a_run_in_a_forked_child_is_captured_too(tmp_path):
    script = (
        "import os, sys\n"
        "from homeostat.record import Record\n"
        "record = Record(sys.argv[1])\n"
        "run = record.start_run('parent')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    with record.start_run('child'):\n"
        "        pass\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"  # any other child may be git, asked meanwhile
        "run.finish()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    with Record(tmp_path) as record:
        runs = record.runs(status="finished")
        assert runs["kind"].to_list() == ["child", "parent"]
        assert all(record.run(run).environment is not None for run in runs["id"])


def test_a_captured_content_gone_bad_hides_no_run(tmp_path):
    with Record(tmp_path) as record:
        with record.start_run("train") as run:
            pass
        assert record.run(run.id).code is not None
        for path in (tmp_path / "blobs").rglob("*"):
            if path.is_file():
                path.chmod(0o644)
                path.write_bytes(b"bad")
        info = record.run(run.id)
    assert info.status == "finished"
    assert "must have SHA-256" in info.code.note
    assert info.environment is None


def test_what_cannot_be_captured_is_told_and_ends_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "homeostat.record._capture.capture.capture_environment", lambda: {}["no packages here"]
    )
    with Record(tmp_path) as record:
        with record.start_run("train") as run:
            run.log({"loss": 1.0})
        assert record.run(run.id).status == "finished"
        assert "no packages here" in record.events("capture-failed")["payload"][0]


def test_a_run_starts_in_less_than_fifty_milliseconds(tmp_path):
    took = []
    for i in range(5):
        with measure() as cost:
            record = Record(tmp_path / str(i))
            run = record.start_run("train", config={"rate": 0.1})
        took.append(cost.wall_s)
        run.finish()
        record.close()
    assert min(took) < 0.05
