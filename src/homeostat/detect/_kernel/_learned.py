"""MMD with a kernel that is learned to tell the samples apart (Liu et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, Unpack

import numpy as np

from homeostat.core import InputError
from homeostat.detect._detector import LEAST_ROWS
from homeostat.detect._kernel._comparison import Compared, KernelTest, Settings
from homeostat.detect._kernel._mmd import median_bandwidth, mmd_interval
from homeostat.detect._kernel._permutations import splits
from homeostat.detect._kernel._points import Floats, Pair, Reader, check_whole
from homeostat.detect._kernel._sums import Kernel, Sums, kernel_sums, load_torch, on_device
from homeostat.detect._rows import Data

__all__ = ["LearnedMMD"]

_BATCH = 256


class LearnedMMD(KernelTest):
    """Tells whether rows as a whole have changed, by an MMD whose kernel is a trained network.

    For changes that distances of raw rows hardly show, in images and in many columns, and with
    a few hundred rows a side: part of the rows trains the kernel and the rest is tested, so in
    small windows :class:`AggregatedMMD` finds more. Needs `homeostat[torch]`.

    The kernel is ((1 - e) k(f(x), f(y)) + e) q(x, y) with Gaussian k and q and a network f; f,
    e and both widths are trained to maximise the squared MMD over its standard error, which is
    what the power grows with. See Liu et al. (2020), ICML, equations 1 and 3.

    The check is `shift.mmd_learned`; the statistic the unbiased squared MMD of the rows that
    trained nothing, the effect its root. Rows of a `block` are trained on or tested together.

    Args:
        network: Makes a torch module for so many columns; None makes two hidden layers of 64.
        train_share: Share of either sample that trains the kernel, in (0, 1).
        steps: Of Adam, on batches of 256 rows a side.
        learning_rate: Of Adam.
        device: Where torch computes, such as "cuda".
        settings: See :class:`KernelTest`; `most_rows` is 10,000.
    """

    _check = "shift.mmd_learned"

    def __init__(
        self,
        *,
        network: Callable[[int], Any] | None = None,
        train_share: float = 0.5,
        steps: int = 60,
        learning_rate: float = 3e-3,
        device: str = "cpu",
        **settings: Unpack[Settings],
    ) -> None:
        if not 0 < train_share < 1:
            raise InputError(f"`train_share` is a share in (0, 1), got {train_share}.")
        self.train_share = train_share
        settings.setdefault("most_rows", 10_000)
        super().__init__(**settings)
        self.network = network
        self.steps = check_whole(steps, "steps", least=1)
        self.learning_rate = learning_rate
        self.device = device

    def fit(self, reference: Data, /) -> Self:
        """Keep the reference.

        Raises:
            MissingExtraError: If torch is not installed.
            SchemaError: If it is not made of numbers (or text columns of a frame).
        """
        load_torch()
        return super().fit(reference)

    def _least(self) -> int:
        return int(np.ceil(LEAST_ROWS / min(self.train_share, 1 - self.train_share)))

    def _compare(self, pair: Pair, reader: Reader, rng: np.random.Generator) -> Compared:
        del reader
        x, y = (self._parted(part) for part in np.split(pair.points, [pair.n]))
        kernel = _train(x[0], y[0], median_bandwidth(np.concatenate([x[0], y[0]]), rng), self)
        split = splits(len(x[1]), len(y[1]), self.permutations, block=self.block, rng=rng)
        sums = kernel.sums(np.concatenate([x[1], y[1]]), split, self.device)
        statistics = sums.mmd()
        interval = mmd_interval(sums, statistics)
        effect = max(float(statistics[0]), 0.0) ** 0.5
        chance = max(float(np.quantile(statistics[1:], 1 - self.level)), 0.0) ** 0.5
        return Compared(
            statistics,
            effect,
            interval,
            f"Under a kernel learned on other rows, the rows are {effect:.2g} apart in MMD "
            f"{interval}, where chance gives up to {chance:.2g}",
            {
                "rows_trained_on": len(x[0]) + len(y[0]),
                "rows_compared": split.rows,
                "block": int(split.sizes.max()),
                "power_criterion": kernel.criterion,
            },
        )

    def _parted(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return rows to train on and rows to test: at random, or the first and the rest.

        Alike for samples of one length: a window that is the reference itself is not tested on
        rows that, on the reference's side, trained.
        """
        trained = round(len(rows) * self.train_share)
        order = np.arange(len(rows))
        if self.block is None:
            np.random.default_rng(self.seed).shuffle(order)
        return rows[order[:trained]], rows[order[trained:]]


class _LearnedKernel:
    """A trained kernel.

    Args:
        embed: Rows -> their embedding over its width.
        width: Of q, which compares rows as they are.
        floor: e.
        criterion: What training reached: squared MMD over its standard error, times sqrt(n).
    """

    def __init__(
        self, embed: Callable[[Floats], Floats], width: float, floor: float, criterion: float
    ) -> None:
        self.embed, self.width, self.floor, self.criterion = embed, width, floor, criterion

    def sums(self, points: Floats, split: Any, device: str) -> Sums:  # noqa: ANN401 - Splits
        """Return the kernel's sums.

        A product of Gaussians is a Gaussian of both distances together, and sums are linear in
        the kernel, so no kernel matrix has to be stored here either.
        """
        plain = points / self.width
        both = np.concatenate([self.embed(points), plain], axis=1)
        unit = [Kernel("gaussian", 1.0)]
        [near] = kernel_sums(both, split, unit, device=device)
        [base] = kernel_sums(plain, split, unit, device=device)
        e = self.floor
        return Sums(
            (1 - e) * near.within + e * base.within,
            (1 - e) * near.rows + e * base.rows,
            (1 - e) * near.to_first + e * base.to_first,
            split,
            (1 - e) * near.squares + e * base.squares,
            (1 - e) * near.taken_off + e * base.taken_off,
        )


def _train(x: Floats, y: Floats, bandwidth: float, settings: LearnedMMD) -> _LearnedKernel:
    torch, place = load_torch(), on_device(settings.device)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = (settings.network or _two_layers)(x.shape[1]).to(place)
        one, other = (torch.as_tensor(part, dtype=torch.float32, device=place) for part in (x, y))
        centre = torch.cat([one, other]).median(dim=0).values
        unit = bandwidth * 2**0.5
        near = [(part - centre) / unit for part in (one, other)]
        with torch.no_grad():
            some = network(torch.cat(near)[:1000])
            spread = torch.pdist(some.flatten(1)).square().median().sqrt().clamp(min=1e-3)
        logs = torch.zeros(3, device=place)
        logs[0], logs[2] = spread.log(), -2.0
        logs.requires_grad_(True)  # log width of k, log width of q, logit of e
        optimiser = torch.optim.Adam([*network.parameters(), logs], lr=settings.learning_rate)
        for _ in range(settings.steps):
            picked = [part[torch.randperm(len(part), device=place)[:_BATCH]] for part in near]
            pairs = min(len(part) for part in picked)
            loss = -_power(network, logs, *(part[:pairs] for part in picked))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        widths = logs.detach().cpu().numpy().astype(np.float64)

    def embed(points: Floats) -> Floats:
        with torch.no_grad():
            rows = torch.as_tensor(points, dtype=torch.float32, device=place)
            parts = ((rows - centre) / unit).split(4096)
            found = torch.cat([network(part).flatten(1) for part in parts])
        embedded: Floats = np.asarray(found.cpu().numpy(), np.float64)
        return embedded / float(np.exp(widths[0]))

    floor = float(1 / (1 + np.exp(-widths[2])))
    return _LearnedKernel(embed, unit * float(np.exp(widths[1])), floor, -float(loss.detach()))


def _power(network: Any, logs: Any, x: Any, y: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the squared MMD over its standard error under a change, times sqrt(n).

    From the matrix h of the U-statistic (Liu et al. 2020, equation 5).
    """
    torch = load_torch()
    rows = torch.cat([x, y])
    embedded = network(rows).flatten(1) / logs[0].exp()
    floor = torch.sigmoid(logs[2])
    apart = _squared(torch, rows / logs[1].exp())
    kernel = ((1 - floor) * torch.exp(-_squared(torch, embedded)) + floor) * torch.exp(-apart)
    n = len(x)
    h = kernel[:n, :n] + kernel[n:, n:] - kernel[:n, n:] - kernel[n:, :n]
    h = h * (1 - torch.eye(n, device=h.device))
    estimate = h.sum() / (n * (n - 1))
    variance = 4 * ((h.sum(dim=1) / n) ** 2).mean() - 4 * (h.sum() / n**2) ** 2
    return estimate / (variance.clamp(min=0) + 1e-8).sqrt()


def _squared(torch: Any, rows: Any) -> Any:  # noqa: ANN401 - tensors
    lengths = (rows**2).sum(dim=1)
    return torch.clamp(lengths[:, None] + lengths - 2 * rows @ rows.T, min=0)


def _two_layers(columns: int) -> Any:  # noqa: ANN401 - a torch module
    nn = load_torch().nn
    return nn.Sequential(
        nn.Linear(columns, 64), nn.Softplus(), nn.Linear(64, 64), nn.Softplus(), nn.Linear(64, 16)
    )
