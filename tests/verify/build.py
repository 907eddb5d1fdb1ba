"""Specs and decisions by hand, for cases small enough to price with pencil and paper.

The machine has round rates: 1e12 FLOP/s, 1e11 bytes/s of memory, 1 us launch; links of 1e10 bytes/s
and 1 us inside a node, 1e9 bytes/s and 10 us between nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from dsl.formula import Constant, Extent, Formula, Operation
from dsl.span import Span
from dsl.spec import (
    Axis,
    Device,
    Gradient,
    Graph,
    Index,
    Limit,
    Link,
    Mesh,
    Operator,
    Optimizer,
    Pin,
    Pipeline,
    Precision,
    Requirement,
    Spec,
    SubAxis,
    Tensor,
    Train,
    Unit,
    Use,
    Variant,
)

SPAN = Span("case.mmp", 1, 1, 1, 2)
FAST = Link("fast", 8, 1e10, 1e-6)
SLOW = Link("slow", None, 1e9, 1e-5)
DEVICE = Device("toy", {"bf16": 1e12}, 1e9, 1e11, 1e-6, (FAST, SLOW), SPAN)
ADAMW = Optimizer("adamw", gradient_bytes=2.0, state_bytes=12.0, traffic_bytes=20.0)
BF16 = Precision("bf16", "bf16", parameter_bytes=2.0, activation_bytes=2.0)
TRAIN = Train(ADAMW, BF16, None, Pipeline(1, 64, None, None, None), "auto", None, 0.0)


def mesh(**sizes: int) -> Mesh:
    """`mesh(node=2, gpu=4)`: sizes are powers of two; the axis `node` runs over the slow link."""
    axes = []
    for name, size in sizes.items():
        link = SLOW if name == "node" else FAST
        count = size.bit_length() - 1
        parts = tuple(SubAxis(f"{name}.{at}", name, 2, (link,)) for at in range(count))
        axes.append(Axis(name, size, parts))
    return Mesh("pod", (DEVICE,), tuple(axes), SPAN)


@dataclass
class Net:
    """A graph under construction. `b` and `c` are batch indices; tensors are declared when made."""

    sizes: Mapping[str, int]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)

    def index(self, name: str) -> Index:
        return Index(name, self.sizes[name], name in "bc")

    def tensor(
        self,
        name: str,
        dims: str,
        role: Literal["input", "parameter", "value"],
        opaque: float | None = None,
    ) -> None:
        indices = tuple(self.index(i) for i in dims.split())
        self.tensors[name] = Tensor(name, role, indices, 2.0, role != "input", opaque, SPAN)

    def op(
        self,
        name: str,
        reads: Sequence[str],
        makes: str,
        *,
        sums: str = "",
        whole: str = "",
        saves: str = "",
        ties: tuple[tuple[str, tuple[str, ...]], ...] = (),
        across: tuple[tuple[str, Formula], ...] = (),
        engine: Literal["tensor", "vector"] = "tensor",
        saved_extra: float = 0.0,
        unit: str = "u0",
    ) -> None:
        """`op("up", ["n[b s d]", "w1[d f]"], "h[b s f]")`: FLOPs of every phase are two per point
        of the iteration space (0 for vector operators), traffic is that of the forward's operands.
        """
        inputs = [self._use(text, saves) for text in reads]
        self._declare(makes)
        result = self._use(makes, saves)
        names = dict.fromkeys(i for use in (*inputs, result) for i in use.indices)
        indices = tuple(sorted((self.index(i) for i in names), key=lambda i: not i.batch))
        tied = [name for name, _ in ties]
        traffic = Operation("+", tuple(Extent(use.indices, 2.0) for use in (*inputs, result)))
        flops = Constant(0.0) if engine == "vector" else Extent(tuple(names), 2.0)
        gradients = tuple(
            Gradient(at, flops, traffic)
            for at, use in enumerate(inputs)
            if self.tensors[use.tensor].needs_gradient
        )
        self.operators.append(
            Operator(
                name=name,
                kind="kind",
                inputs=tuple(inputs),
                results=(result,),
                indices=indices,
                cuttable=tuple(i for i in names if i not in whole.split() and i not in tied),
                sums=tuple(sums.split()),
                ties=ties,
                across=across,
                engine=engine,
                efficiency=0.5,
                forward_flops=flops,
                forward_traffic=traffic,
                gradients=gradients,
                saved_extra=Constant(saved_extra),
                variants=(),
                unit=unit,
                span=SPAN,
            )
        )

    def measured(
        self, name: str, read: str, make: str, variants: tuple[Variant, ...], result_bytes: float
    ) -> None:
        """A measured operator, a unit of its own, from one opaque tensor to another."""
        if read not in self.tensors:
            self.tensor(read, "", "input", opaque=result_bytes)
        self.tensor(make, "", "value", opaque=result_bytes)
        nothing = Constant(0.0)
        self.operators.append(
            Operator(
                name=name,
                kind="measured",
                inputs=(Use(read, (), read, False),),
                results=(Use(make, (), make, False),),
                indices=(),
                cuttable=(),
                sums=(),
                ties=(),
                across=(),
                engine="vector",
                efficiency=1.0,
                forward_flops=nothing,
                forward_traffic=nothing,
                gradients=(),
                saved_extra=nothing,
                variants=variants,
                unit=name,
                span=SPAN,
            )
        )

    def graph(self) -> Graph:
        units: dict[str, list[str]] = {}
        for operator in self.operators:
            units.setdefault(operator.unit, []).append(operator.name)
        layers = tuple(
            Unit(name, "net.layers", at, tuple(names))
            for at, (name, names) in enumerate(units.items())
        )
        return Graph(tuple(self.operators), dict(self.tensors), layers, ())

    def _declare(self, text: str) -> None:
        name, dims = _split(text)
        self.tensor(name, " ".join(dims), "value")

    def _use(self, text: str, saves: str) -> Use:
        name, dims = _split(text)
        if name not in self.tensors:
            raise KeyError(f"declare {name} first")
        return Use(name, dims, name, name in saves.split())


def _split(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, dims = text.partition("[")
    return name, tuple(dims.rstrip("]").split())


def variant(
    forward: float, input_grad: float, weight_grad: float, *, split: bool = True, **more: float
) -> Variant:
    values: dict[str, float | None] = {
        "static_bytes": 0.0,
        "saved_bytes": 0.0,
        "released_by_input_grad": 0.0,
        "workspace_bytes": 0.0,
        "recompute_forward": None,
        "recompute_saved_bytes": 0.0,
        **more,
    }
    return Variant("plain", forward, input_grad, weight_grad, split, cuts=(), **values)  # type: ignore[arg-type]


def mlp(blocks: int = 1, layers: int = 1, batch: int = 8) -> Net:
    """Embedding, `blocks` x (norm, up, act, down, add) per layer; sizes s 4, d 8, f 16, v 32.
    Layers are units `u0`, `u1`...; the embedding is in the first one."""
    net = Net({"b": batch, "s": 4, "d": 8, "f": 16, "v": 32})
    net.tensor("tokens", "b s", "input")
    net.tensor("table", "v d", "parameter")
    net.op("embed", ["tokens[b s]", "table[v d]"], "x0[b s d]", sums="v", engine="vector")
    for at in range(blocks * layers):
        unit = f"u{at // blocks}"
        for name, dims in ((f"scale{at}", "d"), (f"w{at}", "d f"), (f"v{at}", "f d")):
            net.tensor(name, dims, "parameter")
        x, n, h, a, y = (f"{stem}{at}" for stem in "xnhay")
        net.op(
            f"norm{at}",
            [f"{x}[b s d]", f"scale{at}[d]"],
            f"{n}[b s d]",
            whole="d",
            saves=x,
            engine="vector",
            unit=unit,
        )
        net.op(f"up{at}", [f"{n}[b s d]", f"w{at}[d f]"], f"{h}[b s f]", saves=n, unit=unit)
        net.op(f"act{at}", [f"{h}[b s f]"], f"{a}[b s f]", saves=h, engine="vector", unit=unit)
        net.op(
            f"down{at}",
            [f"{a}[b s f]", f"v{at}[f d]"],
            f"{y}[b s d]",
            sums="f",
            saves=a,
            unit=unit,
        )
        net.op(
            f"add{at}",
            [f"{x}[b s d]", f"{y}[b s d]"],
            f"x{at + 1}[b s d]",
            engine="vector",
            unit=unit,
        )
    return net


def spec(
    net: Net,
    where: Mesh,
    *,
    pins: tuple[Pin, ...] = (),
    limits: tuple[Limit, ...] = (),
    objective: Literal["step_time", "memory"] = "step_time",
    **train: object,
) -> Spec:
    settings = replace(TRAIN, **train)  # type: ignore[arg-type]
    return Spec("case.mmp", where, net.graph(), settings, pins, limits, (objective,), (), ())


def pin(
    *wishes: Requirement,
    kind: Literal["hard", "soft", "forbid"] = "hard",
    weight: float | None = None,
) -> Pin:
    return Pin(f"{kind} pin", kind, wishes, weight, Span("case.mmp", 7, 1, 7, 9), ())
