"""A small disk of its own, so that tests can fill it and make it read-only."""

import shutil
import subprocess

import pytest
from postgres import each_index, postgres  # noqa: F401 - fixtures

SMALL_DISK_BYTES = 2 << 20


def mount(*arguments):
    tool = shutil.which("mount")
    if tool is None:
        return "there is no `mount` here"
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"mounting needs the right to: {done.stderr.strip()}"


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    refused = mount("-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "none", str(folder))
    if refused:
        pytest.skip(refused)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, how):
    """Make a small disk read-only ("ro") or writable ("rw")."""
    assert mount("-o", f"remount,{how}", str(folder)) == ""


@pytest.fixture
def read_only(small_disk):
    """A way to make the small disk read-only."""
    yield lambda: remount(small_disk, "ro")
    remount(small_disk, "rw")
