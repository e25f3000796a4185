"""``wandb.integration.tensorboard``: what is written for TensorBoard is logged as well."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from homeostat import track
from homeostat.core import InputError

__all__ = ["patch", "tap", "unpatch"]

_WRITERS = {
    "tensorboard": "tensorboard.summary.writer.event_file_writer",  # torch.utils.tensorboard too
    "tensorboardX": "tensorboardX.event_file_writer",
}
_SCALARS = ("", "scalars")
_FLOAT, _DOUBLE = 1, 2


class _Tap:
    """Logs the events that writers write, each step of them as one row.

    Args:
        root: Folder that names are relative to; the first writer's unless told.
    """

    def __init__(self) -> None:
        self.originals: dict[type, Any] = {}
        self.root: Path | None = None
        self._run, self._step = "", -1

    def onto(self, writer: type) -> None:
        """Look at each event that a class of writers adds."""
        if writer in self.originals:
            return
        original: Any = writer.add_event  # type: ignore[attr-defined]  # both libraries have it

        def add_event(this: Any, event: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401 - the libraries'
            original(this, event, *rest, **named)
            self.take(Path(this.get_logdir()), event)

        self.originals[writer] = original
        writer.add_event = add_event  # type: ignore[attr-defined]  # as above

    def take(self, folder: Path, event: Any) -> None:  # noqa: ANN401 - a protobuf
        """Log an event, if a run is open."""
        run: track.Run | None = track.run
        if run is None or run.ended or not event.HasField("summary"):
            return
        prefix = self._prefix(folder)
        row = {}
        for value in event.summary.value:
            known = _value(value)
            if known is not None:
                row[f"{prefix}{value.tag}"] = known
        if not row:
            return
        if (run.id, event.step) != (self._run, self._step) and self._run == run.id:
            run.log({}, commit=True)
        self._run, self._step = run.id, event.step
        run.log({**row, f"{prefix}global_step": event.step}, commit=False)

    def _prefix(self, folder: Path) -> str:
        """Return what tells one writer's names from another's: its folder below the first's."""
        self.root = self.root or folder
        if folder == self.root:
            return ""
        inside = folder.is_relative_to(self.root)
        return f"{folder.relative_to(self.root) if inside else folder.name}/"


_tap = _Tap()


def tap(root: str | None = None) -> None:
    """Log from now on what tensorboard's and tensorboardX's writers write.

    Raises:
        InputError: If neither is installed.
    """
    if root:
        _tap.root = Path(root)
    found = [module for package, module in _WRITERS.items() if find_spec(package) is not None]
    if not found:
        raise InputError(
            "sync_tensorboard logs what torch.utils.tensorboard or tensorboardX write, and neither "
            "is installed: run `pip install tensorboard`."
        )
    for module in found:
        _tap.onto(import_module(module).EventFileWriter)


def patch(
    save: bool = True,  # noqa: ARG001, FBT001, FBT002 - as W&B has it
    tensorboard_x: bool | None = None,  # noqa: ARG001, FBT001 - as W&B has it
    pytorch: bool | None = None,  # noqa: ARG001, FBT001 - as W&B has it
    root_logdir: str = "",
) -> None:
    """Do what ``wandb.init(sync_tensorboard=True)`` does."""
    tap(root_logdir)


def unpatch() -> None:
    """Log it no longer."""
    for writer, original in _tap.originals.items():
        writer.add_event = original  # type: ignore[attr-defined]  # as above
    _tap.originals.clear()
    _tap.root = None


def _value(value: Any) -> object | None:  # noqa: ANN401 - a protobuf
    """Return what a value of a summary is here; None for graphs, layouts and the like."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind == "histo":
        return _histogram(value.histo)
    if kind == "image":
        return _image(value.image.encoded_image_string)
    if kind == "tensor":
        return _tensor(value)
    return None


def _tensor(value: Any) -> object | None:  # noqa: ANN401 - a protobuf
    import numpy as np  # noqa: PLC0415 - whoever writes tensors has it loaded

    plugin, tensor = value.metadata.plugin_data.plugin_name, value.tensor
    if plugin == "text" and tensor.string_val:
        return "\n".join(part.decode("utf-8", "replace") for part in tensor.string_val)
    if plugin == "images" and len(tensor.string_val) > 2:
        return _image(tensor.string_val[2])
    if plugin in _SCALARS and tensor.dtype in {_FLOAT, _DOUBLE}:
        listed = tensor.float_val or tensor.double_val
        kind = np.float32 if tensor.dtype == _FLOAT else np.float64
        read = np.asarray(listed) if listed else np.frombuffer(tensor.tensor_content, kind)
        return float(read[0]) if read.size == 1 else None
    return None


def _histogram(found: Any) -> object | None:  # noqa: ANN401 - a protobuf
    import numpy as np  # noqa: PLC0415 - with the next

    from homeostat.media import Histogram  # noqa: PLC0415 - loaded with the first one

    edges = np.asarray([found.min, *found.bucket_limit], np.float64)
    counts = np.asarray(found.bucket, np.float64)
    good = np.isfinite(edges).all() and 0 < len(counts) <= Histogram.MAX_LENGTH
    if not good:
        return None
    edges[-1] = max(min(edges[-1], found.max), edges[-2])
    return Histogram(np_histogram=(counts.tolist(), edges.tolist()))


def _image(content: bytes) -> object:
    from io import BytesIO  # noqa: PLC0415 - with the next

    from homeostat.media import Image  # noqa: PLC0415 - it wants Pillow

    return Image(BytesIO(content))
