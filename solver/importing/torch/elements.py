"""Rules for what works element by element, and the patterns that make one operator of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solver.importing.torch import atoms
from solver.importing.torch.reader import NoKindError, Reader, Rule, operand
from solver.importing.torch.values import Constant, Pending, Seen, Value

if TYPE_CHECKING:
    from torch.fx import Node

_ATTENTION = ("scores", "weights")


def add(reader: Reader, node: Node) -> Seen:
    """A sum, a bias, a mask on scores, or the end of a rotation."""
    one, other = reader.get(node.args[0]), reader.get(node.args[1])
    if isinstance(one, Constant):
        one, other = other, one
    if isinstance(one, Pending) and isinstance(other, Constant):
        masked = one.masked or (one.step == "scores" and other.shape is not None)
        return _step(one, one.step, masked)
    if isinstance(one, Pending) and isinstance(other, Pending):
        if one.step == other.step == "turned" and one.of.source is other.of.source:
            return _step(one, "turned", one.masked or other.masked)
        raise NoKindError("a sum of steps of two patterns")
    left, right = reader.value(node.args[0]), reader.value(node.args[1])
    if left.source.role == "parameter" or len(left.dims) < len(right.dims):
        left, right = right, left
    if right.source in reader.tables:
        atoms.join(left.dims[-1], right.dims[-1])
        return reader.alike("position_add", (operand(left), operand(right)), left, node)
    _join_from_behind(left, right)
    if right.source.role == "parameter":
        return reader.alike("bias_add", (operand(left), operand(right)), left, node)
    return reader.alike("add", (operand(left), operand(right)), left, node)


def multiply(reader: Reader, node: Node) -> Seen:
    """A gated unit, a norm's scale, a rotation by tables, scores by a number, or a product."""
    one, other = reader.get(node.args[0]), reader.get(node.args[1])
    if isinstance(one, Constant) or (isinstance(other, Pending) and isinstance(one, Value)):
        one, other = other, one
    if isinstance(other, Constant):
        return _by_constant(one, other)
    if isinstance(one, Pending):
        if one.step == "silu" and isinstance(other, Value):
            return _gated(reader, node, one.of, other)
        if one.step == "inverse_norm" and isinstance(other, Value) and one.of == other:
            return Pending("normed", other, other.dims)
        if one.step == "normed" and isinstance(other, Value) and other.source.role == "parameter":
            atoms.join(one.dims[-1], other.dims[-1])
            return reader.alike("rms_norm", (operand(one.of), operand(other)), one.of, node)
    left, right = reader.value(node.args[0]), reader.value(node.args[1])
    if len(left.dims) < len(right.dims) or left.source.role == "parameter":
        left, right = right, left
    _join_from_behind(left, right)
    kind = "scale" if right.source.role == "parameter" else "multiply"
    return reader.alike(kind, (operand(left), operand(right)), left, node)


def square(reader: Reader, node: Node) -> Seen:
    """The square of a tensor whose mean a norm takes."""
    if len(node.args) > 1 and node.args[1] != 2:
        raise NoKindError(f"a power of {node.args[1]}")
    x = reader.value(node.args[0])
    return Pending("square", x, x.dims)


def mean(reader: Reader, node: Node) -> Seen:
    """The mean of squares over the last dimension."""
    found = reader.get(node.args[0])
    last = isinstance(node.args[1], list | tuple) and list(node.args[1]) in ([-1], _last(node))
    if not isinstance(found, Pending) or found.step != "square" or not last:
        raise NoKindError("a mean that is no part of a norm")
    return _step(found, "mean_square")


def inverse(reader: Reader, node: Node) -> Seen:
    """One over the root of the mean square."""
    found = reader.get(node.args[0])
    if not isinstance(found, Pending) or found.step != "mean_square":
        raise NoKindError("an inverse root that is no part of a norm")
    return _step(found, "inverse_norm")


def silu(reader: Reader, node: Node) -> Seen:
    """The gate of a gated unit; its product follows."""
    x = reader.value(node.args[0])
    return Pending("silu", x, x.dims)


def softmax(reader: Reader, node: Node) -> Seen:
    """The softmax of scores, or of a router."""
    found = reader.get(node.args[0])
    if isinstance(found, Pending) and found.step == "scores":
        return _step(found, "weights", found.masked)
    x = reader.value(node.args[0])
    return reader.alike("softmax", (operand(x),), x, node)


def masked(reader: Reader, node: Node) -> Seen:
    """Scores without some of the keys."""
    found = reader.get(node.args[0])
    if not isinstance(found, Pending) or found.step not in _ATTENTION:
        raise NoKindError("a mask on what are no scores of attention")
    return _step(found, found.step, True)


def unary(kind: str) -> Rule:
    """An activation with a kind of its own."""

    def read(reader: Reader, node: Node) -> Seen:
        x = reader.value(node.args[0])
        return reader.alike(kind, (operand(x),), x, node)

    return read


def _by_constant(one: Seen, other: Constant) -> Seen:
    if isinstance(one, Pending) and one.step in _ATTENTION:
        return one
    is_table = other.shape is not None and len(other.shape) > 0
    if isinstance(one, Pending) and one.step == "turned":
        return _step(one, "turned", one.masked or is_table)
    if isinstance(one, Value) and is_table:
        return Pending("turned", one, one.dims, masked=True)
    if isinstance(one, Value):
        return Pending("turned", one, one.dims)
    raise NoKindError("a step of a pattern times a constant")


def _gated(reader: Reader, node: Node, gate: Value, up: Value) -> Value:
    _join_from_behind(gate, up)
    return reader.alike("silu_mul", (operand(gate), operand(up)), gate, node)


def _join_from_behind(one: Value, other: Value) -> None:
    for first, second in zip(reversed(one.dims), reversed(other.dims), strict=False):
        if atoms.size(second) > 1 or atoms.size(first) == 1:
            atoms.join(first, second)


def _step(found: Pending, step: Any, is_masked: bool = False) -> Pending:
    return Pending(step, found.of, found.dims, found.other, is_masked)


def _last(node: Node) -> list[int]:
    return [len(node.args[0].meta["val"].shape) - 1]  # type: ignore[union-attr]


RULES: dict[str, Rule] = {
    **dict.fromkeys(("aten.add.Tensor", "aten.add_.Tensor", "aten.sub.Tensor"), add),
    **dict.fromkeys(("aten.mul.Tensor", "aten.div.Tensor", "aten.mul.Scalar"), multiply),
    **dict.fromkeys(("aten.pow.Tensor_Scalar", "aten.square.default"), square),
    "aten.mean.dim": mean,
    "aten.rsqrt.default": inverse,
    **dict.fromkeys(("aten.silu.default", "aten.silu_.default"), silu),
    "aten.softmax.int": softmax,
    "aten._softmax.default": softmax,
    "aten.masked_fill.Scalar": masked,
    "aten.masked_fill.Tensor": masked,
    "aten.gelu.default": unary("gelu"),
    "aten.relu.default": unary("relu"),
}
"""By the name of the ATen function."""
