"""The graph of an export, read node by node into operators of the language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from solver.importing.torch import atoms
from solver.importing.torch.atoms import Atom, Dims
from solver.importing.torch.values import Constant, Pending, Seen, Source, Value

if TYPE_CHECKING:
    from torch.fx import Node


class NoKindError(ValueError):
    """A node that no operator kind computes."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor as an operator reads it: `atoms` name its dimensions, slowest first. `inner` are
    numbers of those that the operator sees under another name (the summed index of a square
    matrix, the keys of attention)."""

    source: Source
    atoms: tuple[Atom, ...]
    inner: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One operator: `path` are the modules it stands in and its own name."""

    kind: str
    operands: tuple[Operand, ...]
    result: Source
    path: tuple[str, ...]
    node: Node


Rule = Callable[["Reader", "Node"], Seen]


@dataclass(slots=True)
class Reader:
    """What has been read so far. `tables` are parameters with a row for every position."""

    rules: Mapping[str, Rule]
    seen: dict[Node, Seen] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    tables: set[Source] = field(default_factory=set)

    def read(self, node: Node) -> None:
        """Read a call of an ATen function. Raises NoKindError or NoIndexError."""
        if node.op != "call_function":
            raise NoKindError(f"a node of kind {node.op}")
        name = function_name(node)
        if name not in _SILENT and all(self._is_constant(used) for used in node.all_input_nodes):
            self.seen[node] = Constant(shape_of(node))
            return
        if name not in self.rules:
            raise NoKindError(f"no operator kind computes `{name}`")
        self.seen[node] = self.rules[name](self, node)

    def value(self, argument: Any) -> Value:
        """An argument that must be a tensor of the model, in steps of no pattern."""
        found = self.get(argument)
        if isinstance(found, Pending) and found.step == "turned" and found.masked:
            return self.turn(found)
        if not isinstance(found, Value):
            raise NoKindError(f"what is read here is {_say(found)}")
        return found

    def get(self, argument: Any) -> Seen:
        """What an argument stands for; numbers and None are constants."""
        found = self.seen.get(argument) if hasattr(argument, "users") else Constant()
        if found is None:
            raise NoKindError("what is read here has not been made")
        return found

    def several(self, argument: Any) -> tuple[Seen, ...]:
        """The members of an argument that is a list, or a node with several results."""
        if isinstance(argument, list | tuple):
            return tuple(self.get(member) for member in argument)
        found = self.get(argument)
        return found.pieces if isinstance(found, Pending) and found.pieces else (found,)

    def turn(self, found: Pending) -> Value:
        """A rotation that is complete."""
        if tuple(map(atoms.size, found.dims)) != tuple(map(atoms.size, found.of.dims)):
            raise NoKindError("what is read here is a part of a tensor")
        for at, call in enumerate(self.calls):
            if call.kind == "rope" and call.operands[0].source is found.of.source:
                return Value(self.calls[at].result, found.of.dims, found.of.spread)
        node = next(n for n, seen in self.seen.items() if seen is found)
        return self.alike("rope", (operand(found.of),), found.of, node)

    def call(
        self,
        kind: str,
        operands: Iterable[Operand],
        dims: Dims,
        node: Node,
        stored: Dims | None = None,
    ) -> Value:
        """Add an operator; its result, stored as `stored` where that is another order."""
        source = Source("value", (*modules_of(node), kind), stored or dims)
        self.calls.append(Call(kind, tuple(operands), source, source.path, node))
        return Value(source, dims)

    def alike(self, kind: str, operands: Iterable[Operand], like: Value, node: Node) -> Value:
        """Add an operator whose result has the dimensions, and the order, of a tensor it reads."""
        made = self.call(kind, operands, like.dims, node, like.source.dims)
        return Value(made.source, like.dims, like.spread)

    def _is_constant(self, node: Node) -> bool:
        return isinstance(self.seen.get(node), Constant)


_SILENT = frozenset({"aten._assert_tensor_metadata.default"})


def operand(value: Value, inner: int | None = None) -> Operand:
    """A value as an operand: its dimensions in the order of the tensor that is stored, whatever the
    view, and none along which it is only repeated. Dimension number `inner` of the view is the one
    that is seen under another name."""
    stored = atoms.flat(value.source.dims)
    seen = () if inner is None else atoms.leaves(value.dims[inner])
    return Operand(
        value.source, stored, frozenset(at for at, atom in enumerate(stored) if atom in seen)
    )


def function_name(node: Node) -> str:
    """`aten.linear.default`."""
    return str(node.target)


def shape_of(node: Node) -> tuple[int, ...] | None:
    """The sizes of a node's tensor (None where it is none)."""
    shape = getattr(node.meta.get("val"), "shape", None)
    return None if shape is None else tuple(int(n) for n in shape)


def modules_of(node: Node) -> tuple[str, ...]:
    """The path of the module a node stands in: ("layers", "0", "attn")."""
    stack = node.meta.get("nn_module_stack") or {}
    path: str = list(stack.values())[-1][0] if stack else ""
    return tuple(part for part in path.replace("L['self'].", "").split(".") if part)


def _say(found: Seen) -> str:
    if isinstance(found, Pending):
        return f"a step of a pattern ({found.step.replace('_', ' ')}) that no operator completes"
    return "a constant"
