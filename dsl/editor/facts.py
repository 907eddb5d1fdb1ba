"""What the resolved model, mesh and devices say of a definition, in short sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dsl import spec
from dsl.editor.analysis import Analysis
from dsl.editor.definitions import Definition
from dsl.editor.quantities import show
from dsl.resolve.models.tree import Node
from dsl.resolve.pins.targets import Model
from dsl.resolve.units import BANDWIDTH, BYTES, RATE, TIME

_MOST_PATHS = 3


def mesh_facts(mesh: spec.Mesh | None, definition: Definition) -> Sequence[str]:
    """Sizes, sub-axes and links."""
    if mesh is None:
        return ()
    if definition.sort == "mesh":
        sizes = " x ".join(f"{axis.name} {axis.size}" for axis in mesh.axes)
        kinds = ", ".join(kind.name for kind in mesh.kinds)
        return (f"{mesh.devices} devices: {sizes}", f"of {kinds}")
    for axis in mesh.axes:
        if axis.name == definition.name:
            parts = [
                f"`{part.name}`: {part.size} over {', '.join(link.name for link in part.links)}"
                for part in axis.parts
            ]
            return (f"size {axis.size}", *parts)
    return ()


def device_facts(analysis: Analysis, definition: Definition) -> Sequence[str]:
    """Effective rates, memory and links of a device in the mesh; efficiencies are counted in."""
    kinds = analysis.mesh.kinds if analysis.mesh is not None else ()
    found = (k for k in kinds if (k.name, k.span.file) == (definition.name, definition.span.file))
    device = next(found, None)
    if device is None:
        return ()
    rates = ", ".join(f"{name} {show(rate, RATE)}" for name, rate in device.flops.items())
    memory = f"{show(device.memory_bytes, BYTES)} at {show(device.memory_bandwidth, BANDWIDTH)}"
    links = [
        f"link `{link.name}`{f' among {link.among}' if link.among else ''}: "
        f"{show(link.bandwidth, BANDWIDTH)}, {show(link.latency, TIME)}"
        for link in device.links
    ]
    return (f"reached: {rates}", f"memory: {memory}", *links)


def index_facts(model: Model | None, definition: Definition) -> Sequence[str]:
    """The sizes that an index has where the model uses it."""
    sizes: dict[int, None] = {}
    is_batch = False
    for operator in model.graph.operators if model is not None else ():
        if operator.span.file == definition.place.display:
            for index in operator.indices:
                if index.name == definition.name:
                    sizes[index.size] = None
                    is_batch = is_batch or index.batch
    if not sizes:
        return ()
    shown = ", ".join(f"{size:,}" for size in sorted(sizes))
    return (f"size {shown}", *(["divided into micro-batches"] if is_batch else []))


def member_facts(model: Model | None, definition: Definition) -> Sequence[str]:
    """Where a tensor, operator or block is in the model, its shape and its parameters."""
    if model is None:
        return ()
    if definition.sort in ("model", "block", "repeat"):
        return _blocks(model, definition)
    span = getattr(definition.node, "span", definition.span)
    operators = [op for op in model.graph.operators if op.span == span]
    if operators:
        return _operators(operators, model)
    tensors = [t for t in model.graph.tensors.values() if t.span in (span, definition.span)]
    return _tensors(tensors)


def _operators(operators: Sequence[spec.Operator], model: Model) -> Sequence[str]:
    first = operators[0]
    facts = [_paths([op.name for op in operators])]
    if first.indices:
        facts.append(f"computes over {_dims(first.indices)}")
    if first.cuttable:
        facts.append("can be cut: " + ", ".join(f"`{name}`" for name in first.cuttable))
    for use in first.results:
        tensor = model.graph.tensors[use.tensor]
        facts.append(f"result `{tensor.name.rpartition('.')[2]}`: {_shape(tensor)}")
    return facts


def _tensors(tensors: Sequence[spec.Tensor]) -> Sequence[str]:
    if not tensors:
        return ()
    return (_paths([t.name for t in tensors]), f"{tensors[0].role} {_shape(tensors[0])}")


def _blocks(model: Model, definition: Definition) -> Sequence[str]:
    nodes = [node for root in model.roots for node in root.walk() if _is(node, definition)]
    if not nodes:
        return ()
    operators = sum(1 for node in nodes for n in node.walk() if n.operator is not None)
    parameters = {n.path for node in nodes for n in node.walk() if n.sort == "parameter"}
    tensors = [model.graph.tensors[name] for name in parameters if name in model.graph.tensors]
    count = sum(math.prod(dim.size for dim in t.dims) for t in tensors)
    facts = [_paths([node.path for node in nodes]), f"{operators:,} operators"]
    return [*facts, f"{count:,} parameters"] if count else facts


def _is(node: Node, definition: Definition) -> bool:
    return node.span == definition.span and node.sort != "iteration"


def _paths(paths: Sequence[str]) -> str:
    shown = ", ".join(f"`{path}`" for path in paths[:_MOST_PATHS])
    return shown if len(paths) <= _MOST_PATHS else f"{shown} and {len(paths) - _MOST_PATHS:,} more"


def _dims(dims: Sequence[spec.Index]) -> str:
    return ", ".join(f"`{dim.name}` {dim.size:,}" for dim in dims)


def _shape(tensor: spec.Tensor) -> str:
    if tensor.opaque_bytes is not None:
        return show(tensor.opaque_bytes, BYTES)
    size = math.prod(dim.size for dim in tensor.dims) * tensor.element_bytes
    return f"[{_dims(tensor.dims)}], {show(size, BYTES)}"
