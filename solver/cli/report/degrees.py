"""The degrees of a plan in the field's words: DP, TP, CP, EP, PP, read off the cuts.

Only matrix operators with a parameter count, those inside repeated layers if there are any. What
an index of one of them is follows from where it occurs:
a batch index -> DP; an index of the parameter, the input and the result -> experts, EP; another
index of the parameter -> TP; any other -> the sequence, CP. Each sub-axis of the mesh counts for
what it cuts in most of the forward FLOPs; one that cuts nothing there repeats the work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dsl.spec import Operator
from solver.cli.report.view import View

Role = Literal["data", "tensor", "context", "expert", "repeated"]


@dataclass(frozen=True, slots=True)
class Degrees:
    """Degrees of parallelism. `expert` overlaps with the others: it is the degree inside expert
    operators. `sequence`: norms and residual sums are cut by tokens over axes that are TP in the
    matrix operators (Megatron's sequence parallelism)."""

    data: int
    tensor: int
    context: int
    pipeline: int
    expert: int
    repeated: int
    sequence: bool
    is_known: bool  # False: no operator tells, all are measured

    def text(self) -> str:
        """`DP 4 x TP 8 x PP 2`, with CP, EP and repetition where there is any."""
        if not self.is_known:
            return f"PP {self.pipeline}"
        words = [f"DP {self.data}", f"TP {self.tensor}{'+SP' if self.sequence else ''}"]
        if self.context > 1:
            words.append(f"CP {self.context}")
        words.append(f"PP {self.pipeline}")
        if self.repeated > 1:
            words.append(f"{self.repeated} times the same work")
        experts = f", EP {self.expert} inside the experts" if self.expert > 1 else ""
        return " x ".join(words) + experts


def degrees(view: View) -> Degrees:
    """Read the degrees off a plan."""
    roles_of = {op.name: _index_roles(view, op) for op in _matrices(view)}
    grouped = {name: roles for name, roles in roles_of.items() if "expert" in roles.values()}
    dense = {name: roles for name, roles in roles_of.items() if name not in grouped}
    parts = [part for part in view.part_sizes if part not in view.pipeline_parts]
    outside = {part: _vote(view, part, dense or roles_of) for part in parts}
    inside = {part: _vote(view, part, grouped) for part in parts}
    return Degrees(
        _degree(view, outside, "data"),
        _degree(view, outside, "tensor"),
        _degree(view, outside, "context"),
        len(view.stages),
        _degree(view, inside, "expert"),
        _degree(view, outside, "repeated"),
        _is_sequence_parallel(view, roles_of, outside),
        bool(roles_of),
    )


def _degree(view: View, votes: dict[str, Role | None], role: Role) -> int:
    return math.prod(view.part_sizes[part] for part, found in votes.items() if found == role)


def _matrices(view: View) -> list[Operator]:
    """Matrix operators with a parameter; inside repeated layers, if there are any."""
    inside = frozenset(unit.name for unit in view.spec.graph.units if unit.repeat is not None)
    found = [
        op
        for op in view.spec.graph.operators
        if op.engine == "tensor" and not op.variants and _indices_of(view, op, "parameter")
    ]
    return [op for op in found if op.unit in inside] or found


def _indices_of(view: View, operator: Operator, role: str) -> frozenset[str]:
    """Indices of the inputs of an operator that are parameters, or values, or model inputs."""
    tensors = view.spec.graph.tensors
    uses = [use for use in operator.inputs if tensors[use.tensor].role == role]
    return frozenset(index for use in uses for index in use.indices)


def _index_roles(view: View, operator: Operator) -> dict[str, Role]:
    """What cutting each index of a matrix operator is called."""
    parameter = _indices_of(view, operator, "parameter")
    inputs = _indices_of(view, operator, "value") | _indices_of(view, operator, "input")
    results = frozenset(index for use in operator.results for index in use.indices)

    def role(name: str, is_batch: bool) -> Role:
        if is_batch:
            return "data"
        if name not in parameter:
            return "context"
        return "expert" if name in inputs and name in results else "tensor"

    return {index.name: role(index.name, index.batch) for index in operator.indices}


def _vote(view: View, part: str, roles_of: dict[str, dict[str, Role]]) -> Role | None:
    """What a sub-axis is for in most of the forward FLOPs of these operators."""
    votes: dict[Role, float] = {}
    for name, roles in roles_of.items():
        operator = view.operators[name]
        sizes = {index.name: float(index.size) for index in operator.indices}
        cut = [index for index, parts in view.cuts(name).items() if part in parts]
        role: Role = roles[cut[0]] if cut else "repeated"
        votes[role] = votes.get(role, 0.0) + operator.forward_flops.evaluate(sizes)
    return max(votes.items(), key=lambda vote: vote[1])[0] if votes else None


def _is_sequence_parallel(
    view: View, roles_of: dict[str, dict[str, Role]], votes: dict[str, Role | None]
) -> bool:
    """Whether operators of the vector unit cut the sequence over an axis of tensor parallelism."""
    sequence = frozenset(
        index for roles in roles_of.values() for index, role in roles.items() if role == "context"
    )
    tensor = frozenset(part for part, role in votes.items() if role == "tensor")
    units = frozenset(view.operators[name].unit for name in roles_of)
    return any(
        index in sequence and not tensor.isdisjoint(parts)
        for op in view.spec.graph.operators
        if op.engine == "vector" and op.unit in units and not op.variants
        for index, parts in view.cuts(op.name).items()
    )
