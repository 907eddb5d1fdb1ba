"""The syntax tree of a `.mmp` file: what was written, before any name is looked up.

One frozen dataclass per rule of `dsl/text/grammar.lark`. Nothing of Lark appears here. Every
node knows its `span`; `doc` is the text of the `///` comments directly above a declaration.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsl.span import Span


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier where it was written."""

    text: str
    span: Span


# ---- expressions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with an optional unit, as written: `72 GiB`, `0.5`, `4`, `25 %`."""

    value: float
    is_integer: bool
    unit: str  # "" when there is none
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a selector: a name or glob, with an optional subscript.

    `glob` is the name as written and may hold `*` (any characters of one segment) or be `**`
    (any number of segments). `subscript` is None when there is no `[...]`, the string `"*"`, or a
    tuple of inclusive ranges.
    """

    glob: str
    subscript: str | tuple[tuple[Expr, Expr], ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """A path with globs, `net.layers[*].mlp.down`; also any plain dotted or simple name."""

    segments: tuple[Segment, ...]
    span: Span

    @property
    def is_plain(self) -> bool:
        """True when this is only names joined by dots."""
        return all(s.subscript is None and "*" not in s.glob for s in self.segments)

    @property
    def dotted(self) -> str:
        """The names joined by dots (meaningful for plain selectors)."""
        return ".".join(s.glob for s in self.segments)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """`+ - * / // %`, comparisons `== != < <= > >=`, `and`, `or`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`min(a, b)`, `max`, `ceil`, `floor`, and in kind formulas `size(x)`, `bytes(x)`."""

    function: Name
    arguments: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class AxisName:
    """A mesh axis (`gpu`) or one of its prime sub-axes (`gpu.0`)."""

    name: Name
    part: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class AxesGroup:
    """`(node, gpu)` as an argument."""

    axes: tuple[AxisName, ...]
    span: Span


Expr = Quantity | Text | Selector | Unary | Binary | Call | AxesGroup


@dataclass(frozen=True, slots=True)
class Argument:
    """`value` or `label: value`."""

    label: Name | None
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """`[label] name: type [= default]`; callers use `label` where there is one."""

    label: Name | None
    name: Name
    type: Name
    default: Expr | None
    span: Span


# ---- imports, values -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Language:
    """`language 1`: the language version the file is written for."""

    version: int
    span: Span


@dataclass(frozen=True, slots=True)
class Import:
    """`import a.b (c, d as e)`, `import a.b as x`, `import "./file.mmp"`.

    `source` is the dotted name or the path; `names` pairs each imported name with its local name.
    """

    source: str
    is_path: bool
    alias: Name | None
    names: tuple[tuple[Name, Name], ...]
    source_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class ParamStmt:
    """`param nodes: int = 4` at the top level; `-D nodes=8` overrides it."""

    parameter: Parameter
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Let:
    """`let tokens = batch * seq`."""

    name: Name
    value: Expr
    doc: str
    span: Span


# ---- hardware ------------------------------------------------------------------------------


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
class Link:
    """`link nvlink among 8 : 450 GB/s latency 3 us efficiency 0.8`.

    `among` is how many neighbouring devices it joins; without it, any number. Bandwidth is per
    device and direction.
    """

    name: Name
    among: Expr | None
    bandwidth: Expr
    latency: Expr
    efficiency: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Device:
    """`device NAME { compute.. memory.. launch.. link.. }`."""

    name: Name
    items: tuple[Compute | DeviceMemory | Launch | Link, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Field:
    """`key value` of an `optimizer` or `precision` block; keys are fixed by the grammar."""

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


# ---- operator kinds ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of a formal index list: a single index, or `name..` for any number of them."""

    name: Name
    is_many: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Formal:
    """A formal operand or result of a kind: `q[b, s, heads.., k]`."""

    name: Name
    patterns: tuple[Pattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Engine:
    """`engine tensor efficiency 0.7`: `tensor` (matrix unit) or `vector`."""

    name: Name
    efficiency: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Formula:
    """`flops forward E`, `traffic gradient(x) E`. `quantity` is `flops` or `traffic`."""

    quantity: str
    gradient_of: Name | None  # None: the forward phase
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Saves:
    """`saves q, key, bytes 4 * size(l)` or `saves nothing`: what lives until the backward."""

    operands: tuple[Name, ...]
    extra_bytes: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Whole:
    """`whole d`: these indices are never cut."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sum:
    """`sum k`: cutting these leaves partial sums in the results."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Tie:
    """`tie c to b, s`: an axis that cuts `b` or `s` cuts `c` too, and nothing else does."""

    name: Name
    to: tuple[Name, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Across:
    """`across v all_reduce E`: cutting `v` costs an all-reduce of E bytes, forward and backward."""

    name: Name
    collective: Name
    bytes: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Kind:
    """`kind matmul(a[i..], b[j..]) -> y[k..] { ... }`."""

    name: Name
    operands: tuple[Formal, ...]
    results: tuple[Formal, ...]
    items: tuple[Engine | Formula | Saves | Whole | Sum | Tie | Across, ...]
    doc: str
    span: Span


# ---- models --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndexDef:
    """`b = batch` of an `index` statement."""

    name: Name
    size: Expr
    is_batch: bool  # divided by the number of micro-batches
    span: Span


@dataclass(frozen=True, slots=True)
class IndexStmt:
    """`index s = seq, t = seq` or `batch index b = batch`."""

    definitions: tuple[IndexDef, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TensorDecl:
    """`input tokens[b, s] : int32` (role `input`) or `param table[v, d]` (role `param`)."""

    role: str
    name: Name
    indices: tuple[Name, ...]
    dtype: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Output:
    """`output loss, logits`."""

    paths: tuple[Selector, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Operand:
    """`x[b,s,d]`, `x`, `attn.x[b,s,d]` or `param w[d,f]`."""

    is_param: bool
    path: Selector
    indices: tuple[Name, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Result:
    """`y[b,s,f]` or `y`."""

    name: Name
    indices: tuple[Name, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Assign:
    """`y[b,s,f] = matmul(x[b,s,d], param w[d,f])`."""

    results: tuple[Result, ...]
    kind: Selector
    operands: tuple[Operand, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Alias:
    """`x = attn.out`: another name for a tensor, no operator."""

    name: Name
    path: Selector
    span: Span


@dataclass(frozen=True, slots=True)
class LayoutItem:
    """`layout x : s over gpu, b over node` of a measured strategy."""

    tensor: Name
    cuts: tuple[Cut, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class MeasuredField:
    """`forward 180 us`; keys: forward, backward, input_grad, weight_grad, params, saved,
    workspace, result, release (bytes released by the input gradient), split_backward (no value).
    """

    key: Name
    value: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class MeasuredBody:
    """What was measured: fields, the recompute variant, layouts, and named strategies."""

    fields: tuple[MeasuredField, ...]
    recompute: tuple[MeasuredField, ...] | None
    layouts: tuple[LayoutItem, ...]
    strategies: tuple[tuple[Name, MeasuredBody], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Measured:
    """`op chunk(x) -> y { forward 36 us ... }`."""

    name: Name
    operands: tuple[Operand, ...]
    results: tuple[Result, ...]
    body: MeasuredBody
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """`block attn { ... }`."""

    name: Name
    items: tuple[ModelItem, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class BlockOf:
    """`block vision = vit(width: 1024) with pixels = images`: another model as a block."""

    name: Name
    model: Selector
    arguments: tuple[Argument, ...]
    bindings: tuple[tuple[Name, Selector], ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat 32 as layers { ... }`."""

    count: Expr
    name: Name
    items: tuple[ModelItem, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    """`if tied { ... } else { ... }`, decided when the model is built."""

    condition: Expr
    then: tuple[ModelItem, ...]
    otherwise: tuple[ModelItem, ...]
    span: Span


ModelItem = (
    IndexStmt
    | TensorDecl
    | Output
    | Let
    | Assign
    | Alias
    | Measured
    | Block
    | BlockOf
    | Repeat
    | Conditional
)


@dataclass(frozen=True, slots=True)
class Base:
    """`= llama(layers: 32, batch: batch)` after a model's parameters: the model it is a case of."""

    model: Selector
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Model:
    """`model llama(layers: int, ...) { ... }`, or `model llama3_8b(batch: int) = llama(...)`.

    With a `base` there are no items: the model is the base with these arguments, under the same
    path (`net.layers[3]`, no segment between).
    """

    name: Name
    parameters: tuple[Parameter, ...]
    items: tuple[ModelItem, ...]
    doc: str
    span: Span
    base: Base | None = None


# ---- the plan ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MeshAxis:
    """`gpu: 8` or `node: 4 via infiniband`."""

    name: Name
    size: Expr
    link: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Mesh:
    """`mesh pod = h100_sxm[node: 4, gpu: 8]`, outermost axis first."""

    name: Name
    device: Selector
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
class TrainItem:
    """One line of `train`: `key` is optimizer, precision, microbatches, pipeline, recompute,
    transfer or overlap; the other fields are filled as that key needs."""

    key: Name
    value: Expr | None
    range: Range | None
    word: Name | None  # the schedule family, or the recompute mode
    axes: tuple[AxisName, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Train:
    """`train { ... }`."""

    items: tuple[TrainItem, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit memory <= 72 GiB per device, reserve 4 GiB`."""

    quantity: Name
    value: Expr
    reserve: Expr | None
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
    items: tuple[Let | Pin | Limit | Apply, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Minimize:
    """`minimize step_time then memory`."""

    objectives: tuple[Name, ...]
    span: Span


Statement = (
    Language
    | Import
    | ParamStmt
    | Let
    | Device
    | Optimizer
    | Precision
    | Kind
    | Model
    | Mesh
    | Instance
    | Train
    | Limit
    | Pin
    | Apply
    | Strategy
    | Minimize
)


@dataclass(frozen=True, slots=True)
class File:
    """One parsed file. `path` is as in `Span.file`; `source` is its whole text."""

    path: str
    source: str
    statements: tuple[Statement, ...]
