"""Functions from which no model can be imported; each file of `refused/` shows the reason."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self, layers: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(layers))
        self.spare = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](x)


class Running(Net):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(self.layers[0](x), -1)


class Gate(Net):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.silu(self.layers[0](x))


class Cut(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](x)[:, :3]


class Decides(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.spare(x) if self.layers[0](x).sum() > 0 else x


class Side(Net):
    def forward(self, x: Tensor) -> Tensor:
        return sum((layer(x) for layer in self.layers), self.spare(x))


class Window(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).view(2, 4, 3, 4).view(2, 4, 2, 6)


def running() -> tuple[Any, ...]:
    return Running(), torch.zeros(2, 4, 8)


def gate() -> tuple[Any, ...]:
    return Gate(), torch.zeros(2, 4, 8)


def cut() -> tuple[Any, ...]:
    return Cut(), torch.zeros(2, 4, 8)


def ragged() -> tuple[Any, ...]:
    return Window(), torch.zeros(2, 4, 12)


def decides() -> tuple[Any, ...]:
    return Decides(), torch.zeros(2, 4, 8)


def side() -> tuple[Any, ...]:
    return Side(3), torch.zeros(2, 4, 8)


def spare() -> tuple[Any, ...]:
    return Net(), torch.zeros(2, 4, 8)


def module() -> nn.Module:
    return Net()


def nothing() -> tuple[Any, ...]:
    return Net(), ()


def pair() -> tuple[Any, ...]:
    return 3, torch.zeros(2)


def fails() -> tuple[Any, ...]:
    raise OSError("no such checkpoint")
