"""The text of a first spec."""

from __future__ import annotations

import math
from dataclasses import dataclass

from solver.starting.catalogue import Machine, Preset

NODE = 8  # devices, where a device's links do not say how many are neighbours
SAMPLES = 8  # of the global batch, for every device
RESERVE = 4  # GiB
SHARE = 0.96  # of a device's memory that the limit allows


@dataclass(frozen=True, slots=True)
class Choice:
    """What a first spec is about; `batch` in samples, `seq` in tokens where the model has it."""

    model: Preset
    machine: Machine
    nodes: int
    per_node: int
    batch: int
    seq: int | None


def grid(count: int, machine: Machine) -> tuple[int, int]:
    """(nodes, devices in each) of so many devices. ValueError where nodes would not be full."""
    per_node = machine.per_node or NODE
    if count <= per_node:
        return 1, count
    if count % per_node:
        raise ValueError(
            f"{count} devices are no whole number of nodes of {per_node}; "
            "say how many nodes of how many devices, such as 3x4"
        )
    return count // per_node, per_node


def spec_text(choice: Choice) -> str:
    """A spec in the one style that leaves everything to the planner."""
    model, machine = choice.model, choice.machine
    devices = choice.nodes * choice.per_node
    node = f"node: {choice.nodes}, " if choice.nodes > 1 else ""
    seq = f", seq: {choice.seq}" if choice.seq is not None else ""
    return f"""\
// {model.name} on {devices} {machine.name}.
language 1
import {machine.module} ({machine.name})
import {model.module} ({model.name})

mesh pod = {machine.name}[{node}{machine.axis}: {choice.per_node}]

model net = {model.name}(batch: {choice.batch}{seq})

train {{
  optimizer adamw
  precision {machine.precision}
  microbatches auto
  pipeline auto
  recompute auto
}}
{_limit(machine)}
// A wish and what it is worth; without the weight it must hold.
// pin net : optimizer stored over {machine.axis} weight 2 ms

minimize step_time
"""


def _limit(machine: Machine) -> str:
    if machine.memory_gib is None:
        return ""
    most = math.floor(machine.memory_gib * SHARE)
    return f"\nlimit memory <= {most} GiB per device, reserve {RESERVE} GiB\n"
