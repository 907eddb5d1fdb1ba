"""Peak memory of a known configuration, term by term, in bytes on one device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.activations import layer_bytes, working_bytes
from solver.configuration.memory_terms.communication import bucket_bytes, transfer_bytes
from solver.configuration.memory_terms.gathered import gathered_layer_bytes, held_gather_bytes
from solver.configuration.memory_terms.logits import logits_bytes
from solver.configuration.memory_terms.reserve import context_bytes, fragmentation_bytes
from solver.configuration.memory_terms.stage import StageLoad, stage_loads
from solver.configuration.memory_terms.states import stage_params, state_bytes
from solver.cost.physics.parameters import DevicePhysics


@dataclass(frozen=True)
class StageMemory:
    """Bytes on one device of a stage."""

    stage: int
    parameters: float
    gradients: float
    optimizer: float
    activations: float
    recomputed: float
    logits: float
    gathered: float
    communication: float
    reserve: float

    @cached_property
    def total(self) -> float:
        """Their sum."""
        states = self.parameters + self.gradients + self.optimizer
        live = self.activations + self.recomputed + self.logits + self.gathered
        return states + live + self.communication + self.reserve


@dataclass(frozen=True)
class PeakMemory:
    """`reported` is the stage whose figure a run prints, `largest` the one that decides whether
    the configuration fits the `capacity_bytes` that a process can use."""

    reported: StageMemory
    largest: StageMemory
    context_bytes: float
    capacity_bytes: float

    @property
    def total_bytes(self) -> float:
        """The peak that a run prints."""
        return self.reported.total

    @property
    def fits(self) -> bool:
        """Whether the largest stage and what lies outside its allocator fit the device."""
        return self.largest.total + self.context_bytes <= self.capacity_bytes


def predict_memory(configuration: Configuration, device: DevicePhysics) -> PeakMemory:
    """The peak of a configuration on a device. nanotron's figure is that of rank 0, the first
    stage; other software prints the largest."""
    c = configuration
    stages = [_stage(c, load, device) for load in stage_loads(c)]
    largest = max(stages, key=lambda stage: stage.total)
    reported = stages[0] if c.runtime == "nanotron" else largest
    return PeakMemory(reported, largest, context_bytes(c, device), device.memory_bytes)


def _stage(configuration: Configuration, load: StageLoad, device: DevicePhysics) -> StageMemory:
    c = configuration
    params = stage_params(c, load)
    states = state_bytes(c, load)
    activations = load.layers * load.in_flight * layer_bytes(c)
    recomputed = working_bytes(c)
    logits = logits_bytes(c) if load.head else 0.0
    gathered = gathered_layer_bytes(c, load, params) + held_gather_bytes(c, load, device)
    communication = bucket_bytes(c, params) + transfer_bytes(c)
    return StageMemory(
        load.index,
        *states,
        activations=activations,
        recomputed=recomputed,
        logits=logits,
        gathered=gathered,
        communication=communication,
        reserve=fragmentation_bytes(activations + recomputed + logits, device),
    )
