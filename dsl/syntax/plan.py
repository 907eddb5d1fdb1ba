"""Mesh, training settings, pins, limits, strategies, objective."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.span import Span
from dsl.syntax.expressions import Argument, AxisName, Expr, Name, Parameter, Selector
from dsl.syntax.values import Let


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """`2 of h100_sxm`: so many neighbouring coordinates of an axis have such devices."""

    count: Expr
    device: Selector
    span: Span


@dataclass(frozen=True, slots=True)
class MeshAxis:
    """`gpu: 8`, `node: 4 via infiniband` or `node: 2 of h100_sxm + 2 of a100_80`; `size` is None
    exactly where there are runs."""

    name: Name
    size: Expr | None
    runs: tuple[DeviceRun, ...]
    link: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Mesh:
    """`mesh pod = h100_sxm[node: 4, gpu: 8]`, outermost axis first; without a device before the
    axes, an axis lists runs of them."""

    name: Name
    device: Selector | None
    axes: tuple[MeshAxis, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Instance:
    """`model net = llama3_8b(batch: 256, seq: 8192)`."""

    name: Name
    model: Selector
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Range:
    """`4`, `1..4`, or `auto` (both ends None)."""

    low: Expr | None
    high: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Chunks:
    """`2 chunks loop`: chunks of every pipeline stage, and how they are placed (`loop`, `v`); of
    `1..8 chunks` these are the fewest, and `most`."""

    count: int
    placement: Name | None
    span: Span
    most: int


@dataclass(frozen=True, slots=True)
class TrainItem:
    """One line of `train`: `key` is optimizer, precision, microbatches, pipeline, recompute,
    transfer or overlap; the other fields are filled as that key needs."""

    key: Name
    value: Expr | None
    range: Range | None
    word: Name | None  # the schedule family, the recompute mode, or `scheduled` overlap
    axes: tuple[AxisName, ...]
    span: Span
    chunks: Chunks | None = None


@dataclass(frozen=True, slots=True)
class Train:
    """`train { ... }`."""

    items: tuple[TrainItem, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Rate:
    """`weight 3 ms per GiB over`; `unit` is None where it was left out, which the resolver
    reports together with the other mistakes of dimension."""

    value: Expr
    unit: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit memory <= 72 GiB per device, reserve 4 GiB [weight 3 ms per GiB over]`."""

    quantity: Name
    value: Expr
    reserve: Expr | None
    weight: Rate | None
    span: Span


@dataclass(frozen=True, slots=True)
class Cut:
    """`f over gpu`: the named axes cut this index."""

    index: Name
    axes: tuple[AxisName, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Split:
    """`split s 2, h 4`: the degrees by which indices are cut; the solver picks axes."""

    degrees: tuple[tuple[Name, int], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class WholePart:
    """`whole f`: no axis cuts this index."""

    index: Name
    span: Span


@dataclass(frozen=True, slots=True)
class OnStage:
    """`on stage first`, `on stage last`, `on stage 2`, `on stage 0..1`."""

    where: str | Range  # "first" | "last" | Range
    span: Span


@dataclass(frozen=True, slots=True)
class Stored:
    """`[parameters|gradients|optimizer] stored over (node, gpu)`.

    `parameters` (the default) is FSDP/ZeRO-3, `gradients` ZeRO-2, `optimizer` ZeRO-1.
    """

    what: str
    axes: tuple[AxisName, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RecomputePart:
    """`recompute` or `no recompute`."""

    wanted: bool
    span: Span


PinPart = Cut | Split | WholePart | OnStage | Stored | RecomputePart


@dataclass(frozen=True, slots=True)
class Pin:
    """`pin SELECTOR : part, part [weight E]`, or `forbid` with `is_forbid`."""

    is_forbid: bool
    selector: Selector
    parts: tuple[PinPart, ...]
    weight: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class OperatorPlace:
    """`forward 3 of stage 0 [chunk 1]`: a phase of a micro-batch on a stage."""

    phase: Name
    microbatch: Expr
    stage: Expr
    chunk: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Order:
    """`order PLACE before PLACE [weight E]`."""

    before: OperatorPlace
    after: OperatorPlace
    weight: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Apply:
    """`apply megatron.sequence_parallel(net.layers[*], over: gpu) [weight E]`."""

    strategy: Selector
    arguments: tuple[Argument, ...]
    weight: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Strategy:
    """`strategy tensor_parallel(layers: path, over axes: axes) { pin ... }`."""

    name: Name
    parameters: tuple[Parameter, ...]
    items: tuple[Let | Pin | Order | Limit | Apply, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Minimize:
    """`minimize step_time then memory`."""

    objectives: tuple[Name, ...]
    span: Span
