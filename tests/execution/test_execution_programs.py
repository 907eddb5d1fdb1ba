"""Programs of plans: on many devices they train as on one, and what is wrong in them shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from solver.reference.runtime.layouts import relayout
from solver.reference.runtime.program import PARTIAL, WHOLE, Port, Program
from solver.reference.runtime.training import train_undivided
from solver.reference.runtime.wires import Wires
from tests.execution.saved import NAMES, small
from tests.execution.team import DTYPE, Team, train

CPU = torch.device("cpu")


def _worst(program: Program) -> float:
    """The largest error of a gradient on any device, relative to the largest element of it (at
    least a ten-thousandth of the largest of all: what is only rounding has no size)."""
    wanted = train_undivided(program, CPU, DTYPE).gradients
    sizes = {name: float(whole.abs().max()) for name, whole in wanted.items()}
    least = max(sizes.values()) / 1e4
    whole = (WHOLE,) * len(program.axes)

    def work(wires: Wires) -> float:
        found = train(program, wires)
        assert found.keys() == wanted.keys()
        errors = []
        for name, gradient in found.items():
            weight = program.weights[name]
            own = relayout(wanted[name], weight.dims, whole, weight.optimizer, wires)
            errors.append(float((gradient - own).abs().max()) / max(least, sizes[name]))
        return max(errors)

    return max(float(str(error)) for error in Team(program).run(work).values())


@pytest.mark.parametrize("name", NAMES)
def test_many_devices_train_as_one(name: str) -> None:
    assert _worst(small(name)) < 1e-10


def _with_port(program: Program, operator: str, at: int, port: Port) -> Program:
    old = program.operators[operator]
    reads = tuple(port if number == at else p for number, p in enumerate(old.reads))
    changed = replace(old, reads=reads)
    return replace(program, operators=program.operators | {operator: changed})


def test_a_gradient_left_unsummed_shows() -> None:
    """The feed-forward's input gradient is a summand over the axis that cuts hidden units."""
    program = small("megatron")
    name = "net.layers[1].mlp.up"
    port = program.operators[name].reads[0]
    assert port.gradient is not None
    assert PARTIAL in port.gradient
    gradient = tuple(WHOLE if at == PARTIAL else at for at in port.gradient)
    assert _worst(_with_port(program, name, 0, replace(port, gradient=gradient))) > 1e-3


def test_a_wrong_placement_shows() -> None:
    """An operator that is said to leave whole sums leaves summands."""
    program = small("megatron")
    name = "net.layers[0].mlp.down"
    old = program.operators[name]
    port = old.writes[0]
    assert PARTIAL in port.layout
    layout = tuple(WHOLE if at == PARTIAL else at for at in port.layout)
    changed = replace(old, writes=(replace(port, layout=layout),))
    assert _worst(replace(program, operators=program.operators | {name: changed})) > 1e-3


def test_a_missing_gradient_reduction_shows() -> None:
    program = small("megatron")
    name = "net.layers[0].attn.q.w"
    weight = program.weights[name]
    assert weight.summed
    changed = replace(weight, summed=())
    port = program.operators["net.layers[0].attn.q"].reads[1]
    summands = replace(port, gradient=port.layout)
    program = _with_port(program, "net.layers[0].attn.q", 1, summands)
    assert _worst(replace(program, weights=program.weights | {name: changed})) > 1e-3
