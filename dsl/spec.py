"""The whole contract between the language and the solver: a resolved, checked plan problem.

Everything is frozen, in SI units (seconds, bytes, FLOP/s, bytes/s) and in a deterministic
order. Every pin, limit and operator carries the span and the name the user knows it by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from dsl.formula import Formula
from dsl.span import Span

if TYPE_CHECKING:  # networkx takes 40 ms to import, and few need the graph as one
    import networkx as nx

# ---- hardware ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A link between devices. `bandwidth` is bytes/s per device and direction, already times its
    efficiency; `latency` is seconds per message; `among` neighbouring devices it joins (None: any
    number). `physics` are numbers of the cost rules by name, also the bandwidth of the wire."""

    name: str
    among: int | None
    bandwidth: float
    latency: float
    physics: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Device:
    """One device type. Rates are effective: peak times efficiency.

    `flops` maps a precision name to FLOP/s; `memory_bytes` is the capacity, `memory_bandwidth`
    bytes/s, `launch` the least seconds any operator takes; `links` go from fastest to widest.
    `physics` are numbers of the cost rules by name, peaks without efficiency among them.
    """

    name: str
    flops: Mapping[str, float]
    memory_bytes: float
    memory_bandwidth: float
    launch: float
    links: tuple[Link, ...]
    span: Span
    physics: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class SubAxis:
    """A prime factor of a mesh axis; `gpu: 8` has `gpu.0` (outermost), `gpu.1`, `gpu.2`.

    `links` are those that join its devices, one per device kind of the mesh, in their order.
    """

    name: str
    axis: str
    size: int
    links: tuple[Link, ...]

    @property
    def link(self) -> Link:
        """The link, in a mesh of one kind; ValueError in others."""
        (only,) = self.links
        return only

    def seen_by(self, kind: int) -> SubAxis:
        """The sub-axis with the link of one kind."""
        return replace(self, links=(self.links[kind],))


@dataclass(frozen=True, slots=True)
class Axis:
    """A mesh axis and its prime sub-axes, outermost first (none when `size` is 1)."""

    name: str
    size: int
    parts: tuple[SubAxis, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """`count` neighbouring coordinates of the outermost axis have devices of this kind, a number
    in `Mesh.kinds`."""

    kind: int
    count: int


@dataclass(frozen=True, slots=True)
class Mesh:
    """Devices in a grid; axes from outermost to innermost.

    `kinds` are the different device types in it. With several, `runs` say which kind is where on
    the outermost axis, from its first coordinate on; with one, there are none.
    """

    name: str
    kinds: tuple[Device, ...]
    axes: tuple[Axis, ...]
    span: Span
    runs: tuple[Run, ...] = ()

    @property
    def device(self) -> Device:
        """The device, in a mesh of one kind; ValueError in others."""
        (only,) = self.kinds
        return only

    def devices_of(self, kind: int) -> int:
        """How many devices there are of a kind."""
        if not self.runs:
            return self.devices
        inside = self.devices // self.axes[0].size
        return inside * sum(run.count for run in self.runs if run.kind == kind)

    def seen_by(self, kind: int) -> Mesh:
        """The mesh as if all its devices were of one kind: what a device of this kind knows of it,
        with its own links."""
        axes = tuple(
            replace(axis, parts=tuple(part.seen_by(kind) for part in axis.parts))
            for axis in self.axes
        )
        return Mesh(self.name, (self.kinds[kind],), axes, self.span)

    @property
    def devices(self) -> int:
        """How many devices there are."""
        total = 1
        for axis in self.axes:
            total *= axis.size
        return total

    @property
    def parts(self) -> tuple[SubAxis, ...]:
        """All prime sub-axes, outermost first."""
        return tuple(part for axis in self.axes for part in axis.parts)


Engine = Literal["tensor", "attention", "vector"]

# ---- the model graph -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Index:
    """A named index of an iteration space. A `batch` index is divided by the number of
    micro-batches; `size` is that of the whole (global) batch."""

    name: str
    size: int
    batch: bool


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor. `dims` are its dimensions as its producer (or declaration) names them.

    `opaque_bytes` is set for the result of a measured operator without indices: its bytes per
    micro-batch on each device. `needs_gradient` is False for inputs and what depends only on them.
    """

    name: str
    role: Literal["input", "parameter", "value"]
    dims: tuple[Index, ...]
    element_bytes: float
    needs_gradient: bool
    opaque_bytes: float | None
    span: Span


@dataclass(frozen=True, slots=True)
class Use:
    """A tensor as an operator reads or writes it.

    `indices[i]` is the operator's own name for dimension i of the tensor (`t` where the producer
    said `s`). `saved`: the operator keeps this tensor for its backward.
    """

    tensor: str
    indices: tuple[str, ...]
    formal: str
    saved: bool


@dataclass(frozen=True, slots=True)
class Gradient:
    """The cost of the gradient with respect to input number `operand` of an operator."""

    operand: int
    flops: Formula
    traffic: Formula


@dataclass(frozen=True, slots=True)
class Variant:
    """One measured way to run an operator: times in seconds and bytes, per micro-batch and device.

    `static_bytes` is everything that stays (parameters, gradients, optimizer state). `saved_bytes`
    lives from forward to the end of the weight gradient, but `released_by_input_grad` of it goes
    when the input gradient ends. `recompute_*` describe the variant that saves little and runs
    `recompute_forward` seconds again before its backward (None: cannot be recomputed).
    `layouts` maps a tensor name to the sub-axes that cut each of its dimensions.
    """

    name: str
    forward: float
    input_grad: float
    weight_grad: float
    split_backward: bool
    static_bytes: float
    saved_bytes: float
    released_by_input_grad: float
    workspace_bytes: float
    recompute_forward: float | None
    recompute_saved_bytes: float
    cuts: tuple[tuple[str, tuple[str, ...]], ...]  # index name -> sub-axis names


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the graph, with the costs its kind declares bound to its indices.

    `indices` is the iteration space in canonical order (batch indices first, then as declared).
    `cuttable` are the indices a mesh axis may cut, a subset. `sums` are those whose cut leaves the
    results as partial sums. `ties` gives indices that are cut exactly where one of their drivers
    is. `across` lists (index, bytes): cutting that index costs one all-reduce of that many local
    bytes in the forward and one in the backward. Formulas are evaluated on local sizes; FLOPs and
    bytes of traffic. `saved_extra` is bytes kept for the backward beside saved operands.
    `engine`: the matrix unit, the matrix unit through a fused attention kernel, or memory alone.
    `unit` is the layer it belongs to. `variants` is non-empty exactly for measured operators, for
    which the formulas mean nothing.
    """

    name: str
    kind: str
    inputs: tuple[Use, ...]
    results: tuple[Use, ...]
    indices: tuple[Index, ...]
    cuttable: tuple[str, ...]
    sums: tuple[str, ...]
    ties: tuple[tuple[str, tuple[str, ...]], ...]
    across: tuple[tuple[str, Formula], ...]
    engine: Engine
    efficiency: float
    forward_flops: Formula
    forward_traffic: Formula
    gradients: tuple[Gradient, ...]
    saved_extra: Formula
    variants: tuple[Variant, ...]
    unit: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer: the smallest thing a pipeline stage holds whole.

    One iteration of an outermost `repeat` (`net.layers[3]`, with `repeat` = `net.layers` and
    `position` = 3), or a block or operator outside any repeat (`repeat` None).
    """

    name: str
    repeat: str | None
    position: int
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Operators in program order (every operator after those it reads), tensors by name."""

    operators: tuple[Operator, ...]
    tensors: Mapping[str, Tensor]
    units: tuple[Unit, ...]
    outputs: tuple[str, ...]

    def dag(self) -> nx.DiGraph[str]:
        """A networkx DAG over operator names; each edge has the list `tensors` it carries."""
        import networkx as nx

        producer = {use.tensor: op.name for op in self.operators for use in op.results}
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(op.name for op in self.operators)
        for op in self.operators:
            for use in op.inputs:
                source = producer.get(use.tensor)
                if source is None:
                    continue
                if graph.has_edge(source, op.name):
                    graph.edges[source, op.name]["tensors"].append(use.tensor)
                else:
                    graph.add_edge(source, op.name, tensors=[use.tensor])
        return graph


# ---- training settings ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Bytes per parameter: gradient accumulator, optimizer state, traffic of one update."""

    name: str
    gradient_bytes: float
    state_bytes: float
    traffic_bytes: float


@dataclass(frozen=True, slots=True)
class Precision:
    """`computes` names the device rate used; bytes of a parameter and of an activation."""

    name: str
    computes: str
    parameter_bytes: float
    activation_bytes: float


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How many stages may be used (`high` None: as many as units), by which schedule family (None:
    the solver orders operators), over which sub-axes (None: the solver picks).

    Layers are cut into `chunks` chunks per stage, in order. With `placement` `loop` chunk i of a
    pipeline of P stages is on stage i mod P; with `v` (two chunks) chunks P..2P-1 go back, chunk i
    to stage 2P - 1 - i. A pipeline of one stage has one chunk. Where `most_chunks` is more than
    `chunks`, up to so many may be used, in a loop.
    """

    low: int
    high: int | None
    family: str | None
    parts: tuple[str, ...] | None
    span: Span | None
    chunks: int = 1
    placement: Literal["loop", "v"] = "loop"
    most_chunks: int = 1


@dataclass(frozen=True, slots=True)
class Train:
    """Training settings. `microbatches` None: any count that divides the batch indices.

    `transfer` is fixed seconds per stage-to-stage transfer (None: from bytes and link).
    `overlap` is the share of gradient-reduction and parameter-gather time that compute hides, or
    `scheduled`: as much as there is compute beside it (solver/README.md section 6).
    """

    optimizer: Optimizer
    precision: Precision
    microbatches: tuple[int, int] | None
    pipeline: Pipeline
    recompute: Literal["auto", "none", "full"]
    transfer: float | None
    overlap: float | Literal["scheduled"]

    @property
    def visible(self) -> float:
        """The share of those collectives that no compute hides, wherever they are; 1 where it
        depends on what runs beside them."""
        return 1.0 if isinstance(self.overlap, str) else 1.0 - self.overlap


# ---- what the user asks --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CutOver:
    """Every one of these sub-axes cuts this index of this operator."""

    operator: str
    index: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitBy:
    """The product of the sub-axes that cut each index is exactly its degree."""

    operator: str
    degrees: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class WholeIndex:
    """No sub-axis cuts this index of this operator."""

    operator: str
    index: str


@dataclass(frozen=True, slots=True)
class OnStage:
    """The unit sits on a stage in `low..high`; negative numbers count from the last stage (-1)."""

    unit: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class StoredOver:
    """This parameter's `what` is stored cut over at least these sub-axes (beyond its use).

    `parameters` implies `gradients` implies `optimizer`. A sub-axis that already cuts the
    parameter where it is used counts as stored over.
    """

    parameter: str
    what: Literal["parameters", "gradients", "optimizer"]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The unit's forward is (or is not) run again before its backward."""

    unit: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class PipelineOperator:
    """The forward (F), input gradient (B) or weight gradient (W) of a micro-batch in a chunk of a
    stage, all numbered from 0: micro-batches as they run, chunks among those of the stage.

    Where a chunk runs both gradients as one operator, B and W are this operator.
    """

    phase: Literal["F", "B", "W"]
    microbatch: int
    stage: int
    chunk: int


@dataclass(frozen=True, slots=True)
class RunsBefore:
    """`before` ends before `after` starts. Where one of them does not exist (fewer stages or
    micro-batches), it does not hold."""

    before: PipelineOperator
    after: PipelineOperator


Requirement = CutOver | SplitBy | WholeIndex | OnStage | StoredOver | Recomputed | RunsBefore


@dataclass(frozen=True, slots=True)
class Pin:
    """A wish of the user.

    `hard`: all requirements hold. `forbid`: for CutOver and StoredOver, none of the sub-axes cuts
    (stores over) it; for the others, the requirement does not hold; with a weight, it is soft.
    `soft` (weight not None): broken as a whole, paid once. `weight` is in the objective's unit
    (seconds for step_time, bytes for memory). `via` are the `apply` statements it came through,
    innermost first.
    """

    text: str
    kind: Literal["hard", "soft", "forbid"]
    requirements: tuple[Requirement, ...]
    weight: float | None
    span: Span
    via: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """`quantity` is `memory` (bytes per device; `reserve` of it is left unused) or `step_time`.

    `weight` None: it must hold. Otherwise it may be exceeded, and every byte that the fullest
    device is over it, or second that the step is, costs `weight` of the objective's unit.
    """

    text: str
    quantity: Literal["memory", "step_time"]
    value: float
    reserve: float
    span: Span
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read, and the SHA-256 of its bytes. `location` is where a file of a library
    lies, whose `path` is `library:path/in/it.mmp`; "" for all others."""

    path: str
    sha256: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """A locked library that was imported. `source` is `git+URL` or `path+FOLDER`, `revision` the
    commit ("" for a folder), `hash` that of all its files."""

    name: str
    source: str
    revision: str
    hash: str


@dataclass(frozen=True, slots=True)
class Spec:
    """A complete plan problem."""

    path: str
    mesh: Mesh
    graph: Graph
    train: Train
    pins: tuple[Pin, ...]
    limits: tuple[Limit, ...]
    objective: tuple[Literal["step_time", "memory"], ...]
    sources: tuple[Source, ...]
    overrides: tuple[tuple[str, str], ...]
    libraries: tuple[Library, ...] = ()
