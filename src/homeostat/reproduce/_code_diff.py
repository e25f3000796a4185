"""What differs between the code and the surroundings of two runs."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from homeostat.record import PackedFile, Record
from homeostat.reproduce._past import Past, past_of
from homeostat.reproduce._surroundings import differing_packages

__all__ = ["CodeComparison", "compare_code"]

_MAX_DIFF_BYTES = 1 << 20
_LINK = 0o120000


@dataclass(frozen=True, slots=True)
class CodeComparison:
    """The differences of two runs in what they ran and on what.

    Args:
        patch: The differences of their files, as `git apply` and people read them.
        files: Each file that differs: ``"added"``, ``"removed"`` or ``"changed"``.
        packages: The versions of each package that differs; None where it is absent.
        environment: The values of what else differs, by name.
    """

    patch: str = field(repr=False)
    files: Mapping[str, str]
    packages: Mapping[str, tuple[str | None, str | None]]
    environment: Mapping[str, tuple[str, str]]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.files or self.packages or self.environment)


def compare_code(record: Record, a: str, b: str) -> CodeComparison:
    """Compare the code, packages, command and machine of two runs.

    Args:
        record: Where they are.
        a: Id of the one that is older, or better known.
        b: Id of the other.

    Raises:
        NotFoundError: If there is no such run, or a content of its code is gone.
    """
    before, after = past_of(record, a), past_of(record, b)
    was, is_ = _files(before), _files(after)
    differing = [path for path in sorted(was.keys() | is_.keys()) if was.get(path) != is_.get(path)]
    then, now = before.info.environment, after.info.environment
    return CodeComparison(
        patch="".join(_patch(path, was.get(path), is_.get(path)) for path in differing),
        files={path: _what(path, was, is_) for path in differing},
        packages={} if then is None or now is None else differing_packages(then, now),
        environment=dict(_environment(before, after)),
    )


def _files(past: Past) -> dict[str, PackedFile]:
    found: dict[str, PackedFile] = {}
    for place in past.places():
        start = f"{place}/" if place else ""
        found |= {f"{start}{path}": file for path, file in past.files(place).items()}
    for number, cell in enumerate(past.source(), 1):
        path = f"cells/{number:05}.py"
        found[path] = PackedFile(path, 0o100644, cell.encode())
    return found


def _what(path: str, was: Mapping[str, PackedFile], is_: Mapping[str, PackedFile]) -> str:
    if path not in was:
        return "added"
    return "changed" if path in is_ else "removed"


def _patch(path: str, was: PackedFile | None, is_: PackedFile | None) -> str:
    head = f"diff --git a/{path} b/{path}\n"
    if was is None and is_ is not None:
        head += f"new file mode {is_.mode:o}\n"
    elif is_ is None and was is not None:
        head += f"deleted file mode {was.mode:o}\n"
    elif was is not None and is_ is not None and was.mode != is_.mode:
        head += f"old mode {was.mode:o}\nnew mode {is_.mode:o}\n"
    before, after = _lines(was), _lines(is_)
    if before is None or after is None:
        return f"{head}Binary files a/{path} and b/{path} differ\n"
    names = (f"a/{path}" if was else "/dev/null", f"b/{path}" if is_ else "/dev/null")
    lines = difflib.unified_diff(before, after, *names)
    return head + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(file: PackedFile | None) -> list[str] | None:
    """Return the lines of a file; None of one that is no text, or too long to compare."""
    if file is None:
        return []
    if b"\0" in file.content or len(file.content) > _MAX_DIFF_BYTES:
        return None
    try:
        text = file.content.decode()
    except UnicodeDecodeError:
        return None
    return io.StringIO(text, newline="\n").readlines()


def _environment(before: Past, after: Past) -> Iterator[tuple[str, tuple[str, str]]]:
    was, is_ = _facts(before), _facts(after)
    for name in dict.fromkeys([*was, *is_]):
        if was.get(name, "") != is_.get(name, ""):
            yield name, (was.get(name, ""), is_.get(name, ""))


def _facts(past: Past) -> dict[str, str]:
    found = {"command": " ".join(past.info.command)}
    code = past.info.code
    if code is not None:
        found |= {"commit": code.commit or "", "branch": code.branch or ""}
    environment = past.info.environment
    if environment is not None:
        found |= {
            "python": environment.python,
            "platform": environment.platform,
            "host": environment.host,
            "cpu": environment.cpu,
            "usable_cpus": str(environment.usable_cpus),
            "gpus": "; ".join(environment.gpus),
            "libc": environment.libc,
        }
        found |= {f"${name}": value for name, value in environment.variables.items()}
    return found
