"""Copying a file the cheapest way the file system has."""

from __future__ import annotations

import errno
import fcntl
import os

__all__ = ["copy_file"]

_FICLONE = 0x40049409
"""ioctl_ficlone(2): the copy shares the blocks of the original until one of them is written."""
_CHUNK_BYTES = 64 << 20
_UNABLE = {
    errno.EBADF,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTTY,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EXDEV,
    errno.ETXTBSY,
}


def copy_file(source: int, target: int) -> None:
    """Copy all of an open file to another: by sharing blocks, in the kernel, or by hand.

    Raises:
        OSError: If the disk refuses.
    """
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        _copy_in_kernel(source, target)


def _copy_in_kernel(source: int, target: int) -> None:
    copied = 0
    try:
        while count := os.copy_file_range(source, target, _CHUNK_BYTES, copied):
            copied += count
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
    # What it left, be it all of it: some file systems (those that make contents up) copy nothing.
    os.lseek(source, copied, os.SEEK_SET)
    os.lseek(target, copied, os.SEEK_SET)
    while chunk := os.read(source, 1 << 20):
        view = memoryview(chunk)
        while view:
            view = view[os.write(target, view) :]
