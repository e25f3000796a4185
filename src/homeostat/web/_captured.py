"""The code and the environment of a run, as rows."""

from __future__ import annotations

from homeostat.record import Code, RunInfo

__all__ = ["captured"]


def captured(info: RunInfo) -> dict[str, object]:
    """Return what was captured as the run started."""
    code = [("command", " ".join(info.command))] if info.command else []
    if info.code is not None:
        code += _code(info.code)
    environment: list[tuple[str, str]] = []
    if (about := info.environment) is not None:
        environment = [
            ("python", about.python), ("platform", about.platform), ("host", about.host),
            ("processors", f"{about.usable_cpus} of {about.cpus}"),
            *about.variables.items(),
        ]  # fmt: skip
    packages = info.environment.packages if info.environment else {}
    return {
        "code": code,
        "environment": environment,
        "patch": info.code.patch if info.code else "",
        "left_out": [
            (f"{tree.place}/{path}".lstrip("/"), why)
            for tree in (info.code.trees if info.code else ())
            for path, why in tree.left_out.items()
        ],
        "untracked": list(info.code.untracked) if info.code else [],
        "packages": [f"{name}=={version}" for name, version in packages.items()],
    }


def _code(code: Code) -> list[tuple[str, str]]:
    found = []
    if code.commit:
        state = "with uncommitted changes" if code.dirty else "clean"
        found = [("commit", f"{code.commit} ({state})"), ("branch", code.branch or "detached")]
    found += [(f"remote {name}", url) for name, url in code.remotes.items()]
    if code.trees:
        found.append(("files kept", ", ".join(tree.place or tree.folder for tree in code.trees)))
    if code.changed_later:
        found.append(("changed later", ", ".join(code.changed_later)))
    if code.note:
        found.append(("note", code.note))
    return found
