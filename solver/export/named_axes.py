"""Layouts by names: per dimension of a tensor the sub-axes that cut it, outermost first.

`gpu.0` is called `gpu_0`, since frameworks want names to be words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl.spec import Operator, Use
from solver.export.saved import SavedPlan
from solver.verify.layouts import Layout, whole_sums
from solver.verify.plan import Plan
from solver.verify.wiring import Read, Write

Axes = tuple[tuple[str, ...], ...]
"""Per dimension of a tensor, the names of the sub-axes that cut it."""


def axis(part: str) -> str:
    """The name of a sub-axis as a word."""
    return part.replace(".", "_")


def axes_of(plan: Plan, layout: Layout, dimensions: int) -> Axes:
    """The cuts of a layout; partial sums are summed where a constraint says so, and cut nothing."""
    return tuple(
        tuple(
            part.name for part, at in zip(plan.frame.parts, layout, strict=True) if at == dimension
        )
        for dimension in range(dimensions)
    )


def input_axes(plan: Plan, operator: Operator) -> list[Axes]:
    """How an operator takes each of its inputs."""
    return [
        axes_of(plan, plan.read_layout(Read(operator, number)), len(use.indices))
        for number, use in enumerate(operator.inputs)
    ]


def result_axes(plan: Plan, operator: Operator) -> list[Axes]:
    """How an operator hands on each of its results."""
    return [
        axes_of(plan, _handed_on(plan, operator, use), len(use.indices)) for use in operator.results
    ]


def _handed_on(plan: Plan, operator: Operator, use: Use) -> Layout:
    """A result in the layout that its readers share, or that of its one reader; as it is produced
    where its first reader is in another chunk, which lays it out anew, or where nobody reads it."""
    readers = plan.wiring.readers.get(use.tensor, ())
    here = plan.virtual_stage_of[operator.unit]
    if not readers or plan.virtual_stage_of[readers[0].operator.unit] != here:
        return whole_sums(plan.produced(Write(operator, use)))
    if plan.wiring.is_shared(use.tensor):
        return plan.shared_layout(use.tensor)
    return plan.read_layout(readers[0])


def model_input_axes(plan: Plan, name: str) -> Axes:
    """How a micro-batch of a model input arrives."""
    reads, dims = plan.wiring.readers[name], plan.spec.graph.tensors[name].dims
    is_shared = plan.wiring.is_shared(name)
    layout = plan.shared_layout(name) if is_shared else plan.read_layout(reads[0])
    return axes_of(plan, layout, len(dims))


def parameter_axes(saved: SavedPlan, name: str, field: str) -> Axes:
    """How a field of the document (`used`, `stored`, ...) cuts a parameter."""
    cuts: Mapping[str, Sequence[str]] = saved.document["parameters"][name][field]
    dims = saved.spec.graph.tensors[name].dims
    return tuple(tuple(cuts.get(dim.name, ())) for dim in dims)
