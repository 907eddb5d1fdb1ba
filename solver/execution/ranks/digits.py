"""Which rows of a dimension a rank holds: every sub-axis that cuts an index owns a digit of it.

An index of n rows that sub-axes of sizes p, q cut anywhere in a plan is counted as p x q x rest; a
sub-axis that cuts it fixes its own digit. So an all-gather, a slice or an all-to-all over any of
the sub-axes moves whole digits, and never rows that another layout of the tensor holds elsewhere.
Indices that the graph makes one (a dimension and an operator's name for it) share their digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dsl.spec import Operator
from solver.verify.layouts import Layout
from solver.verify.plan import Plan
from solver.verify.wiring import Read, Write

Node = tuple[str, str, int | str]  # ("tensor", name, dimension) or ("index", operator, index)


class IndivisibleError(ValueError):
    """An index that has not enough digits for the sub-axes that cut it."""


@dataclass(frozen=True, slots=True)
class Digits:
    """`radices` of the digits of every class of indices, slowest first, the rest last; `places` the
    digit that a sub-axis owns."""

    classes: Mapping[Node, Node]
    radices: Mapping[Node, tuple[int, ...]]
    places: Mapping[tuple[Node, str], int]

    def of(self, tensor: str, dimension: int) -> Node:
        """The class of a dimension."""
        return self.classes["tensor", tensor, dimension]

    def rows(self, root: Node, parts: Iterable[str], at: Mapping[str, int]) -> list[int]:
        """The numbers of the rows that a rank has of a class that sub-axes cut."""
        fixed = {self.places[root, part]: at[part] for part in parts}
        numbers = [0]
        for digit, radix in enumerate(self.radices[root]):
            own = range(radix) if digit not in fixed else (fixed[digit],)
            numbers = [number * radix + one for number in numbers for one in own]
        return numbers

    def index(self, operator: str, name: str) -> Node:
        """The class of an index of an operator."""
        return self.classes["index", operator, name]


def digits(plan: Plan) -> Digits:
    """The digits of every index of a plan. Raises IndivisibleError."""
    parents = _classes(plan)
    classes = {node: _root(parents, node) for node in parents}
    apart = _apart(plan, classes)
    sizes = _sizes(plan, classes)
    radices: dict[Node, tuple[int, ...]] = {}
    places: dict[tuple[Node, str], int] = {}
    for root in dict.fromkeys(classes.values()):
        owners = _owners(plan, sizes[root], apart.get(root, []), root)
        part_sizes = {part.name: part.size for part in plan.frame.parts}
        counts = [part_sizes[names[0]] for names in owners]
        rest = sizes[root]
        for count in counts:
            rest //= count
        radices[root] = (*counts, rest)
        places |= {(root, name): at for at, names in enumerate(owners) for name in names}
    return Digits(classes, radices, places)


def layouts_of(plan: Plan, tensor: str) -> Iterator[Layout]:
    """Every layout that a tensor, or its gradient, has in a plan."""
    for read in plan.wiring.readers.get(tensor, ()):
        yield plan.read_layout(read)
        yield plan.read_gradient(read)
    write = plan.wiring.producers.get(tensor)
    if write is not None:
        yield plan.produced(write)
    if plan.wiring.is_shared(tensor):
        yield plan.shared_layout(tensor)
    elif tensor in plan.decisions.parameters:
        from solver.verify.storage import used_layout

        yield used_layout(plan, tensor)


def _owners(
    plan: Plan, size: int, groups: list[frozenset[str]], root: Node
) -> list[tuple[str, ...]]:
    """The sub-axes that own each digit, in mesh order: one each while the size has digits left,
    then together with one that never cuts the same tensor."""
    owners: list[tuple[str, ...]] = []
    rest = size
    for part in plan.frame.parts:
        if not any(part.name in group for group in groups):
            continue
        if rest % part.size == 0:
            owners.append((part.name,))
            rest //= part.size
            continue
        sizes = {other.name: other.size for other in plan.frame.parts}
        for at, names in enumerate(owners):
            together = any(part.name in g and not g.isdisjoint(names) for g in groups)
            if sizes[names[0]] == part.size and not together:
                owners[at] = (*names, part.name)
                break
        else:
            raise IndivisibleError(
                f"{size} rows of `{root[1]}` are cut by more sub-axes than they have digits for"
            )
    return owners


def _apart(plan: Plan, classes: Mapping[Node, Node]) -> dict[Node, list[frozenset[str]]]:
    """For every class the sets of sub-axes that cut it in the layouts of one tensor."""
    found: dict[Node, list[frozenset[str]]] = {}
    for name, tensor in plan.spec.graph.tensors.items():
        cuts: dict[int, set[str]] = {at: set() for at in range(len(tensor.dims))}
        for layout in layouts_of(plan, name):
            for part, at in zip(plan.frame.parts, layout, strict=True):
                if at >= 0:
                    cuts[at].add(part.name)
        for at, names in cuts.items():
            if names:
                found.setdefault(classes["tensor", name, at], []).append(frozenset(names))
    for operator in plan.spec.graph.operators:
        sharding = plan.shardings[operator.name]
        for index in operator.indices:
            parts = sharding.parts_of(index.name, plan.frame)
            if parts:
                root = classes["index", operator.name, index.name]
                found.setdefault(root, []).append(frozenset(part.name for part in parts))
    return found


def _classes(plan: Plan) -> dict[Node, Node]:
    parents: dict[Node, Node] = {}
    for name, tensor in plan.spec.graph.tensors.items():
        for at in range(len(tensor.dims)):
            parents["tensor", name, at] = ("tensor", name, at)
    for operator in plan.spec.graph.operators:
        for index in operator.indices:
            node: Node = ("index", operator.name, index.name)
            parents[node] = node
        for tensor_node, index_node in _pairs(operator):
            parents[_root(parents, tensor_node)] = _root(parents, index_node)
    return parents


def _pairs(operator: Operator) -> Iterator[tuple[Node, Node]]:
    uses: Iterable[Read | Write] = (
        *(Read(operator, at) for at in range(len(operator.inputs))),
        *(Write(operator, use) for use in operator.results),
    )
    for one in uses:
        for at, name in enumerate(one.use.indices):
            yield ("tensor", one.use.tensor, at), ("index", operator.name, name)


def _root(parents: Mapping[Node, Node], node: Node) -> Node:
    while parents[node] != node:
        node = parents[node]
    return node


def _sizes(plan: Plan, classes: Mapping[Node, Node]) -> dict[Node, int]:
    sizes: dict[Node, int] = {}
    for name, tensor in plan.spec.graph.tensors.items():
        for at, dim in enumerate(tensor.dims):
            sizes[classes["tensor", name, at]] = plan.frame.size(dim)
    for operator in plan.spec.graph.operators:
        for index in operator.indices:
            root = classes["index", operator.name, index.name]
            sizes.setdefault(root, plan.frame.size(index))
    return sizes
