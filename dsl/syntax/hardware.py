"""Devices, links, optimizers and precisions."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.span import Span
from dsl.syntax.expressions import Expr, Name


@dataclass(frozen=True, slots=True)
class Compute:
    """`compute bf16 989.4 TFLOP/s efficiency 0.75`."""

    precision: Name
    rate: Expr
    efficiency: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """`memory 80 GB at 3350 GB/s efficiency 0.8`."""

    capacity: Expr
    bandwidth: Expr
    efficiency: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Launch:
    """`launch 4 us`: least time of any operator."""

    time: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Physics:
    """`physics send_efficiency 0.7`: a number of the cost rules; without a value, `physics hopper`:
    all numbers of a declared set."""

    name: Name
    value: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Link:
    """`link nvlink among 8 : 450 GB/s latency 3 us efficiency 0.8 { physics ... }`.

    `among` is how many neighbouring devices it joins; without it, any number. Bandwidth is per
    device and direction.
    """

    name: Name
    among: Expr | None
    bandwidth: Expr
    latency: Expr
    efficiency: Expr | None
    items: tuple[Physics, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Device:
    """`device NAME { compute.. memory.. launch.. link.. physics.. }`."""

    name: Name
    items: tuple[Compute | DeviceMemory | Launch | Link | Physics, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Field:
    """`key value` of an `optimizer` or `precision` block, whose keys are fixed by the grammar, or
    of a `physics` block."""

    key: Name
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Optimizer:
    """`optimizer adamw { gradient 4 B  state 12 B  traffic 30 B }`, bytes per parameter."""

    name: Name
    fields: tuple[Field, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Precision:
    """`precision bf16 { computes bf16  parameter 2 B  activation 2 B }`."""

    name: Name
    fields: tuple[Field, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class PhysicsSet:
    """`physics hopper { matmul_efficiency_bf16 0.72 }`: numbers that devices or links share."""

    name: Name
    fields: tuple[Field, ...]
    doc: str
    span: Span
