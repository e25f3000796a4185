"""Small projects that are run once, disturbed, and done again."""

import os
import subprocess
import sys
import zipfile

import pytest

from homeostat.record import Record
from homeostat.reproduce import reproduce

FRAME = """
import os, random, sys
from homeostat.record import Record, observe_reads
{imports}
if __name__ == "__main__":
    record = Record(os.environ["RUNS"])
    with record.start_run("train", "small", config={{"rows": 5}}) as run:
        reads = observe_reads()
{body}
        reads.finish(run)
    record.close()
"""


def script(body, imports=""):
    """A training script whose body sees `record`, `run` and `random`."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return FRAME.format(imports=imports, body=lines)


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "protocol.file.allow=always",
         "-C", folder, *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def wheel(folder, version, value):
    """The wheel of a package of one line."""
    path = folder / f"toydep-{version}-py3-none-any.whl"
    about = f"Metadata-Version: 2.1\nName: toydep\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toydep.py", f"RATE = {value}\n")
        archive.writestr(f"toydep-{version}.dist-info/METADATA", about)
        archive.writestr(
            f"toydep-{version}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"toydep-{version}.dist-info/RECORD", "")
    return path


class Project:
    """A folder with a script, and the record it writes."""

    script = staticmethod(script)
    git = staticmethod(git)
    wheel = staticmethod(wheel)

    def __init__(self, home):
        self.folder = home / "project"
        self.folder.mkdir()
        self.runs = home / "runs"

    def write(self, **files):
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self):
        if not (self.folder / ".git").exists():
            git(self.folder, "init", "-q", "--initial-branch=main")
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-q", "-m", "work")

    def train(self, *arguments, folder=None, **variables):
        """Run the script; return the id of the run."""
        variables = {**os.environ, "RUNS": str(self.runs), **variables}
        subprocess.run(
            [sys.executable, *(arguments or ("train.py",))],
            cwd=folder or self.folder, env=variables, check=True,
        )  # fmt: skip
        with Record(self.runs, capture=False) as record:
            return record.runs(kind="train")["id"][0]

    def again(self, run, **settings):
        with Record(self.runs, capture=False) as record:
            return reproduce(
                record, run, **{"environment": "current", "timeout_s": 120, **settings}
            )


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNS", "nowhere")
    return Project(tmp_path)
