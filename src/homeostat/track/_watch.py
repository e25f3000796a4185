"""Watching a torch model: its gradients and parameters, and what ails them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from homeostat.core import InputError, Json, MissingExtraError
from homeostat.track._ailments import Ailments
from homeostat.track._tensor import describe

if TYPE_CHECKING:
    from homeostat.track._run import Run

__all__ = ["Watching", "watch"]

_LOGS = ("gradients", "parameters", "all", None)
_BOTH = ("gradients", "parameters")


class Watching:
    """One model that is watched.

    A hook on one or two parameters counts backward passes: it is called where a gradient has
    been added up, outside of whatever `torch.compile` has compiled. On the pass that is due it
    asks the autograd engine to call back when the pass is over, when all gradients are there.

    Args:
        run: Where it is logged.
        model: A `torch.nn.Module`.
        prefix: Stands before the names, where several models are watched.
        log: What is logged: ``"gradients"``, ``"parameters"``, ``"all"`` or None.
        every: Backward passes from one look to the next.
    """

    def __init__(
        self,
        run: Run,
        model: Any,  # noqa: ANN401 - torch's
        *,
        prefix: str,
        log: str | None,
        every: int,
    ) -> None:
        self._run, self._model, self._prefix = run, model, prefix
        self._kinds = _BOTH if log == "all" else (log,) if log else ()
        self._every, self._passes, self._due = every, 0, False
        self._ailments = Ailments()
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(self._counter())
            for parameter in _counted(model)
        ]

    def is_of(self, models: object) -> bool:
        """Say whether it is the model, or one of the models."""
        wanted = models if isinstance(models, (list, tuple)) else [models]
        return any(model is self._model for model in wanted)

    def stop(self) -> None:
        """Watch it no longer."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def look(self) -> None:
        """Log what is to be seen now; called when a backward pass is over."""
        self._due = False
        if self._run.ended:
            self.stop()
            return
        row: dict[str, Json] = {}
        total = 0.0
        for own_name, parameter in _parameters(self._model):
            name = self._prefix + own_name
            if parameter.grad is not None:
                seen = describe(parameter.grad)
                total += seen.norm**2
                if "gradients" in self._kinds:
                    row[f"gradients/{name}"] = seen.histogram()
                    row[f"gradient_norm/{name}"] = seen.norm
                self._ailments.see_gradient(name, seen)
            if "parameters" in self._kinds:
                own = describe(parameter)
                row[f"parameters/{name}"] = own.histogram()
                row[f"parameter_norm/{name}"] = own.norm
                self._ailments.see_parameter(name, own)
        row[f"{self._prefix}gradient_norm"] = norm = total**0.5
        self._ailments.see_total(f"{self._prefix}all parameters", norm)
        self._run.log_watched(row)
        for finding in self._ailments.new():
            self._run.find(finding)

    def _counter(self) -> Callable[[object], None]:
        engine: Any = import_module("torch.autograd").Variable._execution_engine  # noqa: SLF001 - as DDP does
        passes = 0

        def hook(_: object) -> None:
            nonlocal passes
            passes += 1
            if passes > self._passes:  # the first of the counted parameters in this pass
                self._passes = passes
                if passes % self._every == 0 and not self._due:
                    self._due = True
                    engine.queue_callback(self.look)

        return hook


def watch(run: Run, models: object, *, log: str | None, every: int, first: int) -> None:
    """Watch models from now on; see :meth:`Run.watch`."""
    try:
        nn: Any = import_module("torch.nn")
    except ImportError as error:
        raise MissingExtraError("torch", extra="torch") from error
    if log not in _LOGS:
        raise InputError(f"`log` is 'gradients', 'parameters', 'all' or None, got {log!r}.")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise InputError(f"`log_freq` is a whole number from 1 on, got {every!r}.")
    wanted = list(models) if isinstance(models, (list, tuple)) else [models]
    for model in wanted:
        if not isinstance(model, nn.Module):
            raise InputError(f"A model to watch is a torch.nn.Module, got {type(model).__name__}.")
    for number, model in enumerate(wanted, start=first + len(run.watching)):
        prefix = f"graph_{number}/" if number else ""
        if not any(known.is_of(model) for known in run.watching):
            run.watching.append(Watching(run, model, prefix=prefix, log=log, every=every))


def _parameters(model: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - torch's
    """Yield parameters that learn, by names that do not tell a compiled model from another."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            yield name.replace("_orig_mod.", ""), parameter


def _counted(model: Any) -> Iterable[Any]:  # noqa: ANN401 - as above
    """Return the first and the last parameter that learns: either may be left out of a pass."""
    learning = [parameter for _, parameter in _parameters(model)]
    if not learning:
        raise InputError("A model to watch needs a parameter that requires a gradient.")
    return learning[:1] if len(learning) == 1 else (learning[0], learning[-1])
