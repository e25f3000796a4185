"""Hosted: one model and all that answers for it: route, log, mirror, feedback, application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from homeostat.core import Clock, StorageError
from homeostat.record import Record, Run
from homeostat.serve._http._app import App
from homeostat.serve._http._predict import Predictor
from homeostat.serve._log._durable import Acknowledger
from homeostat.serve._log._feedback import Feedback
from homeostat.serve._log._outcomes import Outcomes
from homeostat.serve._log._prediction_log import PredictionLog, log_folder
from homeostat.serve._router._direct import change_route
from homeostat.serve._server._counters import Counters
from homeostat.serve._server._live import Follower, Route
from homeostat.serve._server._mirror import Mirror
from homeostat.serve._server._score import Score
from homeostat.serve._server._settings import Settings

__all__ = ["Around", "Hosted"]

_logger = logging.getLogger("homeostat.serve")


@dataclass(frozen=True, slots=True)
class Around:
    """What the models of a process share.

    Args:
        record: Where models are kept, and predictions are.
        clock: Where the time comes from.
        settings: How the server runs.
        counters: What is counted.
        run: Which events go to.
        batches: Where large batches are predicted.
        control: One thread, in which the record is asked and other logs are read.
        score: Scores mirrored rows; None does so in a thread of this process.
        agreed: Called after a route that was asked for here is in force here, to wait until it is
            everywhere.
    """

    record: Record
    clock: Clock
    settings: Settings
    counters: Counters
    run: Run
    batches: Executor
    control: Executor
    score: Score | None
    agreed: Callable[[], Any]


class Hosted:
    """A model that answers.

    Args:
        name: Of the model.
        follower: Makes its routes.
        first: The route to begin with.
        around: What it shares with others.
    """

    def __init__(self, name: str, follower: Follower, first: Route, around: Around) -> None:
        self.name = name
        self.follower = follower
        self._around = around
        self._loop = asyncio.get_running_loop()
        folder = log_folder(around.record.path, name)
        self._log = PredictionLog(folder, clock=around.clock, settings=around.settings.log)
        self._acknowledger = Acknowledger(self._log)
        self._announce(first)
        self._mirror = Mirror(
            self._log,
            around.counters,
            capacity=around.settings.mirror_rows,
            score=around.score,
        )
        self.predictor = Predictor(
            first,
            log=self._log,
            mirror=self._mirror,
            counters=around.counters,
            clock=around.clock,
            executor=around.batches,
            wait_s=around.settings.limits.wait_s,
            threads=around.settings.threads,
        )
        self._outcomes = Outcomes(self._log, folder)
        self.app = App(
            name,
            predictor=self.predictor,
            feedback=Feedback(
                log=self._log,
                outcomes=self._outcomes,
                counters=around.counters,
                clock=around.clock,
                executor=around.control,
            ),
            counters=around.counters,
            limits=around.settings.limits,
            token=around.settings.token,
            change=lambda wanted: self._loop.create_task(self._change(wanted)),
            hold=self._acknowledger.hold,
        )

    @property
    def service(self) -> App:
        """What answers the requests of all connections."""
        return self.app

    async def follow(self) -> None:
        """Take a new route if the record asks for one; keep the old one where it cannot be."""
        name, around, aside, look = self.name, self._around, self._aside, self.follower.look
        try:
            await aside(self._outcomes.look, ())
            if vars(self):  # it was not let go meanwhile
                route = await aside(look)
                if vars(self):
                    self._swap(route)
        except Exception as error:
            _logger.exception("The route in the record cannot be taken.")
            with contextlib.suppress(StorageError):
                around.run.event("swap_failed", {"reason": str(error), "model": name})

    async def drain(self, wait_s: float) -> None:
        """Wait until what is mirrored is scored."""
        try:
            await asyncio.wait_for(self._mirror.drain(), max(wait_s, 0.1))
        except TimeoutError:
            _logger.warning("A challenger did not keep up; mirrored rows were left unscored.")

    def close(self) -> None:
        """Close the log, and leave unscored what still waits for that."""
        self._mirror.close()
        self._acknowledger.close()
        self._log.close()

    def forget(self) -> None:
        """Let go of the model at once: what knows itself would wait for a collection."""
        for one in (self.app, self):
            vars(one).clear()

    async def _aside(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - what it returns
        return await self._loop.run_in_executor(self._around.control, call, *arguments)

    async def _change(self, wanted: Mapping[str, Any]) -> None:
        def write_and_look() -> Route | None:
            change_route(self._around.record, self.name, wanted, self._around.run)
            return self.follower.look(force=True)

        self._swap(await self._aside(write_and_look))
        await self._around.agreed()

    def _announce(self, route: Route) -> None:
        for deployed in route.deployed:
            said, schema = deployed.answers, deployed.package.schema
            self._log.announce(deployed.version, schema, answers=said.kind, labels=said.labels)

    def _swap(self, route: Route | None) -> None:
        if route is None:
            return
        replaced = self.predictor.route
        self._announce(route)
        self.predictor.route = route
        self._around.counters.add("swaps")
        self._around.run.event("swap", route.facts | {"replaced": replaced.champion.version})
