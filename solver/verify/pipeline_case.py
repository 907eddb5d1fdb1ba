"""A scheduling problem and a schedule for it as the simulation takes them: seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from solver.verify.figures import Phase


@dataclass(frozen=True, slots=True)
class Chunk:
    """Operators of one chunk on one stream of a device, in seconds per micro-batch.

    `activation_bytes` are held from the start of F; `released_by_input_grad` of them until the end
    of B, the rest until the end of W. `workspace_bytes` are held on top while an operator of the
    chunk runs. Chunks on other streams than 0 (compute) hold nothing.
    """

    device: int
    forward: float
    input_grad: float
    weight_grad: float
    activation_bytes: float = 0.0
    released_by_input_grad: float = 0.0
    workspace_bytes: float = 0.0
    stream: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """Chunk `target` reads what `source` made, `delay` seconds after it has left.

    With a link, the activations occupy it for `forward_transfer` seconds first, one message at a
    time; with a `back_link` the gradients for `backward_transfer`. Both may be the same link.
    """

    source: int
    target: int
    delay: float = 0.0
    link: int | None = None
    forward_transfer: float = 0.0
    back_link: int | None = None
    backward_transfer: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be scheduled: every chunk takes every micro-batch.

    `capacities` (bytes) and `tails` (seconds that a device needs after its last operator) are per
    device. Where `fused`, W follows B at once and the gradient leaves when both are done.
    """

    chunks: tuple[Chunk, ...]
    edges: tuple[Edge, ...]
    microbatches: int
    capacities: tuple[float, ...]
    tails: tuple[float, ...]
    fused: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One operator in its place."""

    chunk: int
    microbatch: int
    phase: Phase
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """A message on its link: activations (F) or gradients (B) of edge number `edge`."""

    edge: int
    microbatch: int
    phase: Phase
    start: float
    end: float
