"""Torch: weights as safetensors beside layers or a class that are named; or an exported program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, features_of
from homeostat.serve._package._extra import imported
from homeostat.serve._package._layers import from_layers, to_layers
from homeostat.serve._package._trust import named_object, reference_to, refuse_unless_allowed
from homeostat.serve._package._wanted import AsTrained, Wanted, read_settings, write_settings

__all__ = ["Torch"]

_WEIGHTS, _PROGRAM = "weights.safetensors", "program.pt2"
_EXPORTED = "torch.export"  # its reader unpickles and evaluates: allowed by this name only


class Torch(AsTrained):
    """A torch module over a matrix of the features; use `pack`.

    Args:
        module: Ready to be called with a tensor (n, d).
        columns: From features to that matrix.
        answers: What it says of a row.
        files: Of its weights or its program.
        settings: How it is made again.
        needs: Names that its reader must allow.
    """

    family = "torch"
    libraries = ("torch", "safetensors")

    def __init__(
        self,
        module: Any,  # noqa: ANN401 - of torch
        columns: Columns,
        answers: AnswerDecoder,
        *,
        files: Mapping[str, bytes],
        settings: Mapping[str, Json],
        needs: tuple[str, ...],
    ) -> None:
        self.answers = answers
        self.needs = needs
        self._torch = _torch()
        self._columns = columns
        self._files = files
        self._settings = settings
        self._module = module
        self._dtype = _dtype(module)

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - of torch
        """Return a module or an exported program as it is served; the module is left in eval mode.

        A ``Sequential`` of plain layers is written down layer by layer. Any other module is named
        by its class, and made again with ``arguments``.
        """
        torch = _torch()
        names = tuple(column.name for column in features_of(wanted.schema))
        columns = Columns.of(wanted.schema, names, wanted.levels)
        if isinstance(model, torch.jit.ScriptModule):
            raise InputError(
                "A TorchScript module is a program of its own: pack the module it was made of, "
                "`torch.export.export` of it, or its ONNX graph."
            )
        if not isinstance(model, torch.nn.Module):
            held = BytesIO()
            torch.export.save(model, held)
            return cls(
                model.module(),
                columns,
                wanted.stated(),
                files={_PROGRAM: held.getvalue()},
                settings={"program": True},
                needs=(_EXPORTED,),
            )
        layers = to_layers(model)
        reference = None if layers else reference_to(type(model))
        settings: dict[str, Json] = {
            "layers": layers,
            "reference": reference,
            "arguments": dict(wanted.arguments),
        }
        model.eval()
        files = {_WEIGHTS: _safetensors().save(_contiguous(model.state_dict()))}
        needs = (reference,) if reference else ()
        return cls(model, columns, wanted.stated(), files=files, settings=settings, needs=needs)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        if not features.height:
            return np.zeros((0, self.answers.width) if self.answers.kind == "classes" else 0)
        matrix = self._torch.as_tensor(self._columns.matrix(features)).to(self._dtype)
        with self._torch.no_grad():
            return self.answers.of(self._module(matrix).double().numpy(), features.height)

    def row_path(self) -> Callable[[Mapping[str, Any]], Any]:
        """Return a way to answer one row without a frame."""
        torch, row, module, dtype = self._torch, self._columns.row, self._module, self._dtype
        answers, wide = self.answers, self.answers.kind == "classes"

        def answer(values: Mapping[str, Any]) -> float | list[float]:
            with torch.no_grad():
                raw = module(torch.as_tensor([row(values)], dtype=torch.float64).to(dtype))
            found = answers.of(raw.double().numpy(), 1)[0]
            return found.tolist() if wide else float(found)

        return answer

    def save(self) -> Mapping[str, bytes]:
        """Return the weights or the program, and how the module is made, as JSON."""
        settings = write_settings(
            self.answers, columns=self._columns.to_json(), **dict(self._settings)
        )
        return dict(self._files) | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:
        """Rebuild from :meth:`save`.

        Raises:
            InputError: If its class, or ``"torch.export"`` for a program, is not allowed; or the
                weights do not fit the class.
        """
        answers, settings = read_settings(files)
        columns = Columns.from_json(settings.pop("columns"))
        if settings.get("program"):
            refuse_unless_allowed([_EXPORTED], allow)
            module = _torch().export.load(BytesIO(files[_PROGRAM])).module()
            needs: tuple[str, ...] = (_EXPORTED,)
            own = {_PROGRAM: files[_PROGRAM]}
        else:
            reference = settings["reference"]
            needs = (str(reference),) if reference else ()
            refuse_unless_allowed(needs, allow)
            module = (
                named_object(reference)(**settings["arguments"])
                if reference
                else from_layers(settings["layers"])
            )
            own = {_WEIGHTS: files[_WEIGHTS]}
            _filled(module, files[_WEIGHTS])
        return cls(module, columns, answers, files=own, settings=settings, needs=needs)


def _filled(module: Any, weights: bytes) -> None:  # noqa: ANN401 - of torch
    try:
        held = _safetensors().load(weights)
        for parameter in held.values():
            if parameter.is_floating_point():
                module.to(parameter.dtype)
                break
        module.load_state_dict(held, strict=True)
    except Exception as error:
        raise InputError(f"The weights do not fit {type(module).__name__}: {error}.") from error
    module.eval()


def _contiguous(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def _dtype(module: Any) -> Any:  # noqa: ANN401 - of torch
    torch = _torch()
    kinds = (one.dtype for one in module.parameters() if one.is_floating_point())
    return next(kinds, torch.float32)


def _torch() -> Any:  # noqa: ANN401 - the module
    return imported("torch", extra="torch")


def _safetensors() -> Any:  # noqa: ANN401 - the module
    return imported("safetensors.torch", extra="torch")
