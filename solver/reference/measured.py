"""What stands in for operators of which only times and bytes are known: small dense layers."""

from __future__ import annotations

from dsl.spec import Operator as SpecOperator
from dsl.spec import Tensor
from solver.reference.runtime.program import WHOLE, Dim, Operator, Port, Value, Weight
from solver.verify.plan import Plan

HIDDEN = 8
_ROW = (Dim("rows", 2), Dim("hidden", HIDDEN))
_NAMES = tuple(dim.name for dim in _ROW)


def weights(plan: Plan, axes: int) -> dict[str, Weight]:
    """One small parameter for each."""
    whole = (WHOLE,) * axes
    dims = (Dim("hidden", HIDDEN), Dim("out", HIDDEN))
    return {
        _weight_name(operator): Weight(_weight_name(operator), dims, whole, whole, whole, whole, ())
        for operator in plan.spec.graph.operators
        if operator.variants
    }


def stand_in(plan: Plan, operator: SpecOperator, axes: int) -> Operator:
    """The operator, never cut."""
    whole = (WHOLE,) * axes
    tensors = plan.spec.graph.tensors
    reads = [
        Port(use.tensor, _NAMES, whole, None if tensors[use.tensor].role == "input" else whole)
        for use in operator.inputs
    ]
    reads.append(Port(_weight_name(operator), ("hidden", "out"), whole, whole))
    writes = tuple(Port(use.tensor, _NAMES, whole, whole) for use in operator.results)
    return Operator(operator.name, "measured", tuple(reads), writes, {}, ((),) * axes, {})


def value(tensor: Tensor) -> Value:
    """What passes between them, or the input that the first one reads."""
    return Value(tensor.name, _ROW, is_input=tensor.role == "input")


def _weight_name(operator: SpecOperator) -> str:
    return f"{operator.name}.w"
