"""A Spec as compact text, for golden files: one line for every thing a solver could see."""

from __future__ import annotations

from collections.abc import Iterator

from dsl import spec
from dsl.formula import Constant, Extent, Formula, Operation


def dump(found: spec.Spec) -> str:
    """The whole Spec but its sources (hashes of library files change with every edit)."""
    return "\n".join(_lines(found)) + "\n"


def formula(value: Formula) -> str:
    """`2*b*d`, `(b*d + 4*f)`."""
    match value:
        case Constant():
            return f"{value.value:g}"
        case Extent():
            scale = [] if value.scale == 1 else [f"{value.scale:g}"]
            return "*".join([*scale, *value.indices])
        case Operation(operator=operator, arguments=arguments):
            inner = [formula(argument) for argument in arguments]
            if operator in "+-*/":
                return f"({f' {operator} '.join(inner)})"
            return f"{operator}({', '.join(inner)})"


def _lines(found: spec.Spec) -> Iterator[str]:
    yield from _mesh(found.mesh)
    yield f"train {found.train.optimizer.name} {found.train.precision.name} " + " ".join(
        f"{name}={getattr(found.train, name)}"
        for name in ("microbatches", "recompute", "transfer", "overlap")
    )
    pipeline = found.train.pipeline
    several = f" {pipeline.chunks} chunks {pipeline.placement}" if pipeline.chunks > 1 else ""
    stages = f"{pipeline.low}..{pipeline.high}{several}"
    yield f"pipeline {stages} {pipeline.family} over {pipeline.parts}"
    for tensor in found.graph.tensors.values():
        yield _tensor(tensor)
    for operator in found.graph.operators:
        yield from _operator(operator)
    for unit in found.graph.units:
        where = f" = {unit.repeat}[{unit.position}]" if unit.repeat else ""
        yield f"unit {unit.name}{where}: {' '.join(unit.operators)}"
    yield f"outputs {' '.join(found.graph.outputs)}"
    for pin in found.pins:
        yield f"{pin.kind} {pin.text!r} weight={pin.weight} via={[str(v) for v in pin.via]}"
        yield from (f"  {requirement}" for requirement in pin.requirements)
    for limit in found.limits:
        weight = "" if limit.weight is None else f" weight {limit.weight:g}"
        sizes = f"{limit.value:g} reserve {limit.reserve:g}{weight}"
        yield f"limit {limit.text!r} {limit.quantity} {sizes}"
    yield f"minimize {' then '.join(found.objective)}"


def _mesh(mesh: spec.Mesh) -> Iterator[str]:
    for device in mesh.kinds:
        rates = " ".join(f"{name}={rate:g}" for name, rate in device.flops.items())
        yield (
            f"device {device.name} {rates} memory={device.memory_bytes:g} "
            f"bandwidth={device.memory_bandwidth:g} launch={device.launch:g}"
        )
    yield from (f"run {run.count} x {mesh.kinds[run.kind].name}" for run in mesh.runs)
    for axis in mesh.axes:
        links = [(part, "/".join(link.name for link in part.links)) for part in axis.parts]
        parts = [f"{part.name}={part.size} {names}" for part, names in links]
        yield f"axis {axis.name}={axis.size}: {', '.join(parts)}"


def _tensor(tensor: spec.Tensor) -> str:
    dims = ", ".join(f"{d.name}={d.size}{'*' * d.batch}" for d in tensor.dims)
    opaque = "" if tensor.opaque_bytes is None else f" opaque={tensor.opaque_bytes:g}"
    gradient = " gradient" if tensor.needs_gradient else ""
    return f"{tensor.role} {tensor.name}[{dims}] {tensor.element_bytes:g} B{opaque}{gradient}"


def _use(use: spec.Use) -> str:
    return f"{use.tensor}[{','.join(use.indices)}]:{use.formal}{'!' * use.saved}"


def _operator(operator: spec.Operator) -> Iterator[str]:
    results = ", ".join(_use(use) for use in operator.results)
    inputs = ", ".join(_use(use) for use in operator.inputs)
    yield f"{operator.name}: {results} = {operator.kind}({inputs})"
    yield (
        f"  space {','.join(i.name for i in operator.indices)} cut {','.join(operator.cuttable)}"
        f" sums {','.join(operator.sums)} ties {operator.ties} in {operator.unit}"
    )
    if operator.variants:
        yield from (f"  {variant}" for variant in operator.variants)
        return
    yield (
        f"  {operator.engine} {operator.efficiency:g} flops {formula(operator.forward_flops)}"
        f" traffic {formula(operator.forward_traffic)} extra {formula(operator.saved_extra)}"
    )
    yield from (f"  across {name}: {formula(value)}" for name, value in operator.across)
    for gradient in operator.gradients:
        yield (
            f"  gradient {gradient.operand}: flops {formula(gradient.flops)}"
            f" traffic {formula(gradient.traffic)}"
        )
