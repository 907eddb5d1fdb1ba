"""What a node of the traced graph stands for while it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from solver.importing.torch.atoms import Atom, Dims


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A tensor with a name: a result of an operator, an input, or a parameter.

    `path` is the operator's or input's name in its blocks, or the parameter's in its module.
    `dims` are those it has where it is made.
    """

    role: Literal["input", "parameter", "value"]
    path: tuple[str, ...]
    dims: Dims
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor as it is seen after views: its dimensions now. `spread` are atoms along which it
    is repeated without being stored (an `expand`)."""

    source: Source
    dims: Dims
    spread: frozenset[Atom] = frozenset()


@dataclass(frozen=True, slots=True)
class Constant:
    """What depends on no parameter and no activation: tables of angles, masks, numbers.
    `shape` is None where it is no tensor."""

    shape: tuple[int, ...] | None = None


Step = Literal[
    "square",
    "mean_square",
    "inverse_norm",
    "normed",
    "silu",
    "scores",
    "weights",
    "turned",
    "parts",
]


@dataclass(frozen=True, slots=True)
class Pending:
    """A step of a pattern that becomes one operator: `silu(of)` waits for its product, the square
    for its mean.

    `masked`: of attention scores, some are left out; of a rotation, a table has multiplied it.
    `other` is the key of scores, `pieces` what a `split` gives.
    """

    step: Step
    of: Value
    dims: Dims
    other: Value | None = None
    masked: bool = False
    pieces: tuple[Seen, ...] = ()


Seen = Value | Constant | Pending
