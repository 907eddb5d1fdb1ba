"""The text of `shardings.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from solver.export.jax.refusals import FIELDS
from solver.export.jax.specs import text
from solver.export.named_axes import axis, input_axes, model_input_axes, parameter_axes, result_axes
from solver.export.saved import SavedPlan

_HEAD = '''"""The shardings of a plan, written by `mmp export --to jax`.

Per stage a mesh; per operator the layout in which it takes its inputs and hands on its results;
per parameter the layouts of its use, its storage, its gradient and its optimizer state. Constrain
everything (`constrain`), keep state where it is stored (`place`), run units in RECOMPUTED under
`jax.checkpoint`, and dispatch the operators of a stage in the order of SCHEDULE, whose B is the
whole backward where there is no W. Names are those of the spec.
"""

from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P


class Operator(NamedTuple):
    """The layouts of one operator; `stage` and `chunk` are where it runs."""

    stage: int
    chunk: int
    inputs: tuple[P, ...]
    results: tuple[P, ...]


class Parameter(NamedTuple):
    """`used` by its readers, between which `stored` is gathered; `gradients`, `optimizer` state."""

    used: P
    stored: P
    gradients: P
    optimizer: P


'''
_TAIL = '''

def mesh(stage: int = 0, devices: list | None = None) -> Mesh:
    """The mesh of a stage, of all devices in row-major order of AXES (None: `jax.devices()`)."""
    every = jax.devices() if devices is None else devices
    grid = np.asarray(every).reshape(tuple(AXES.values()))
    kept = [name for name in AXES if name not in PIPELINE]
    order = [list(AXES).index(name) for name in (*PIPELINE, *kept)]
    stages = grid.transpose(order).reshape(-1, *(AXES[name] for name in kept))
    return Mesh(stages[stage], tuple(kept), axis_types=(AxisType.Auto,) * len(kept))


def constrain(value: jax.Array, spec: P, mesh: Mesh) -> jax.Array:
    """Inside `jit`: lay a value out, and its gradient on the way back."""
    return jax.lax.with_sharding_constraint(value, NamedSharding(mesh, spec))


def place(value: jax.Array, spec: P, mesh: Mesh) -> jax.Array:
    """Outside `jit`: put an array on the devices of a stage."""
    return jax.device_put(value, NamedSharding(mesh, spec))
'''


def module(saved: SavedPlan) -> str:
    """A module that needs JAX and NumPy alone."""
    return _HEAD + "\n".join(_tables(saved)) + "\n" + _TAIL


def _tables(saved: SavedPlan) -> Iterator[str]:
    plan = saved.plan
    sizes = ", ".join(f'"{axis(part.name)}": {part.size}' for part in saved.spec.mesh.parts)
    yield f"AXES = {{{sizes}}}"
    yield '"""All axes of the mesh, outermost first, and their sizes."""\n'
    yield f"PIPELINE = {_names(axis(part.name) for part in plan.pipeline)}"
    yield '"""The axes that make stages; the others are those of every stage\'s mesh."""\n'
    yield f"MICROBATCHES = {plan.frame.microbatches}"
    yield '"""Into how many parts a step divides its batch; gradients add up."""\n'
    yield from _table("INPUTS", "P", _inputs(saved))
    yield '"""Layouts of a micro-batch of each model input."""\n'
    yield from _table("OPERATORS", "Operator", _operators(saved))
    yield '"""In the order of the program."""\n'
    yield from _table("PARAMETERS", "Parameter", _parameters(saved))
    yield '"""By name."""\n'
    units = [unit.name for unit in saved.spec.graph.units if plan.recomputed[unit.name]]
    yield f"RECOMPUTED = {_names(units)}"
    yield '"""Units whose forward runs again before their backward."""\n'
    yield "SCHEDULE = ("
    yield from (f"    ({', '.join(row)},)," for row in _schedule(saved))
    yield ")"
    yield '"""Per stage (phase, chunk of the stage, micro-batch) in the order of their start."""'


def _inputs(saved: SavedPlan) -> Iterator[tuple[str, str]]:
    for name, tensor in saved.spec.graph.tensors.items():
        if tensor.role == "input" and name in saved.plan.wiring.readers:
            yield name, text(model_input_axes(saved.plan, name))


def _operators(saved: SavedPlan) -> Iterator[tuple[str, str]]:
    plan = saved.plan
    for operator in saved.spec.graph.operators:
        choice = plan.decisions.operators[operator.name]
        inputs = _tuple([text(axes) for axes in input_axes(plan, operator)])
        results = _tuple([text(axes) for axes in result_axes(plan, operator)])
        yield operator.name, f"Operator({choice.stage}, {choice.turn}, {inputs}, {results})"


def _parameters(saved: SavedPlan) -> Iterator[tuple[str, str]]:
    for name in saved.document["parameters"]:
        specs = (text(parameter_axes(saved, name, field)) for field in FIELDS)
        yield name, f"Parameter({', '.join(specs)})"


def _schedule(saved: SavedPlan) -> Iterator[list[str]]:
    rows: list[list[str]] = [[] for _ in range(saved.plan.stages)]
    for action in sorted(saved.plan.decisions.schedule, key=lambda a: (a.start, a.end)):
        rows[action.stage].append(f'("{action.phase}", {action.turn}, {action.microbatch})')
    yield from rows


def _table(name: str, kind: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"{name}: dict[str, {kind}] = {{"
    yield from (f'    "{key}": {value},' for key, value in rows)
    yield "}"


def _names(names: Iterable[str]) -> str:
    return _tuple([f'"{name}"' for name in names])


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
