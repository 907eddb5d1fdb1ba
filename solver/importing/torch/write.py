"""The text of a model from its operators: indices, inputs, blocks, repeats, outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from solver.importing.torch import atoms
from solver.importing.torch.atoms import Atom
from solver.importing.torch.chain import Repeat
from solver.importing.torch.names import Indices, Names, Scope, named
from solver.importing.torch.reader import Call, Operand
from solver.importing.torch.values import Source

_CARRIED = "x"
_KEYS_APART = ("attention", "full_attention")


@dataclass(slots=True)
class Writer:
    """The model as far as it is written. `places` are the scope and name of every tensor and
    parameter that has one; `prefix` is the path of modules that the open block stands for."""

    indices: Indices = field(default_factory=Indices)
    names: Names = field(default_factory=Names)
    places: dict[Source, tuple[Scope, str]] = field(default_factory=dict)
    shared: dict[tuple[str, ...], tuple[Scope, str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def input(self, source: Source) -> None:
        """Declare an input."""
        name = self.names.new((), source.path[-1])
        self.places[source] = ((), name)
        dims = named(self.indices, atoms.flat(source.dims))
        self.lines.append(f"input {name}{dims}" + (f" : {source.dtype}" * bool(source.dtype)))

    def items(self, items: Sequence[Call | Repeat], scope: Scope, depth: int) -> None:
        """Write operators, those of one module in a block. Module paths count from `depth`."""
        at = 0
        while at < len(items):
            item = items[at]
            if isinstance(item, Repeat):
                self._repeat(item, scope)
                at += 1
                continue
            end = at + 1
            block = _block(item, depth)
            while block and end < len(items) and block == _block(items[end], depth):
                end += 1
            alone = end == at + 1 and len(item.path) == depth + len(block) + 1
            if not block or alone:
                self._call(item, scope, "_".join(block) or item.path[-1])
            else:
                name = self.names.new(scope, "_".join(block))
                self.lines.append(f"block {name} {{")
                self.items(items[at:end], (*scope, name), depth + len(block))
                self.lines.append("}")
            at = end

    def output(self, source: Source, scope: Scope = ()) -> str:
        """A tensor's name where it is read."""
        there, name = self.places[source]
        shared = 0
        while shared < min(len(there), len(scope)) and there[shared] == scope[shared]:
            shared += 1
        return ".".join((*there[shared:], name))

    def _repeat(self, item: Repeat, scope: Scope) -> None:
        carried = self.names.new(scope, _CARRIED)
        self.lines.append(f"{carried} = {self.output(item.takes, scope)}")
        name = self.names.new(scope, "_".join(item.run.path) or "layers")
        inside = (*scope, name)
        self.lines.append(f"repeat {item.run.count} as {name} {{")
        before = self.places.get(item.takes)
        self.places[item.takes] = (scope, carried)
        self.items(item.calls, inside, len(item.run.path) + 1)
        self.lines.append(f"{carried} = {self.output(item.gives, inside)}")
        self.lines.append("}")
        if before is not None:
            self.places[item.takes] = before
        self.places[item.last] = (scope, carried)

    def _call(self, call: Call, scope: Scope, wanted: str) -> None:
        name = self.names.new(scope, wanted)
        used: dict[str, int] = {}
        made = set(atoms.flat(call.result.dims))
        read = [_renamed(one, made, call.kind) for one in call.operands]
        operands = ", ".join(self._operand(one, (*scope, name), used) for one in read)
        dims = named(self.indices, atoms.flat(call.result.dims))
        self.places[call.result] = (scope, name)
        self.lines.append(f"{name}{dims} = {call.kind}({operands})")

    def _operand(self, read: Operand, here: Scope, used: dict[str, int]) -> str:
        dims = named(self.indices, read.atoms, read.inner)
        if read.source.role != "parameter":
            return f"{self.output(read.source, here[:-1])}{dims}"
        key = read.source.path
        if key in self.shared:
            self.places[read.source] = self.shared[key]
            return f"{self.output(read.source, here[:-1])}{dims}"
        name = key[-1]
        used[name] = used.get(name, 0) + 1
        if used[name] > 1:
            name = f"{name}_{used[name]}"
        self.shared[key] = (here, name)
        return f"param {name}{dims}"


def _renamed(read: Operand, made: set[Atom], kind: str) -> Operand:
    """The operand with second names only where the first would say something else: for the keys of
    attention, and where a summed index is also one of the result."""
    if kind in _KEYS_APART:
        return read
    inner = (at for at in read.inner if not made.isdisjoint(atoms.leaves((read.atoms[at],))))
    return Operand(read.source, read.atoms, frozenset(inner))


def _block(item: Call | Repeat, depth: int) -> tuple[str, ...]:
    """The module below `depth` that an operator stands in; a number goes with the name after it."""
    if isinstance(item, Repeat):
        return ()
    inside = item.path[depth:-1]
    length = 2 if len(inside) > 1 and inside[1].isdigit() else 1
    return inside[:length]


def model(
    name: str,
    inputs: Sequence[Source],
    items: Sequence[Call | Repeat],
    outputs: Sequence[Source],
    rows: tuple[int, Atom | None],
) -> str:
    """The model's text. `rows` are the example's batch size and the index of its tokens."""
    writer = Writer()
    for source in inputs:
        writer.input(source)
    writer.items(items, (), 0)
    tokens = None if rows[1] is None else atoms.leaves((rows[1],))
    seq = writer.indices.of(tokens[0]) if tokens and len(tokens) == 1 else None
    head = f"model {name}(batch: int = {rows[0]}"
    if seq is not None:
        head += f", seq: int = {writer.indices.sizes[seq]}"
    sizes = dict(writer.indices.sizes)
    sizes.pop("b", None)
    of_seq = {seq, "t"} if seq == "s" else set()
    declared = [f"{key} = {'seq' if key in of_seq else size}" for key, size in sizes.items()]
    lines = [f"{head}) {{", "batch index b = batch"]
    lines += [f"index {', '.join(declared)}"] if declared else []
    lines += writer.lines
    lines += [f"output {', '.join(writer.output(source) for source in outputs)}", "}"]
    return "\n".join(lines)
