"""Peak memory of a known configuration, term by term, in bytes on one device."""

from __future__ import annotations

from dataclasses import dataclass, replace

from solver.configuration.configuration import Configuration, Recompute
from solver.configuration.memory_terms.activations import (
    layer_bytes,
    pending_bytes,
    working_bytes,
)
from solver.configuration.memory_terms.communication import bucket_bytes, transfer_bytes
from solver.configuration.memory_terms.gathered import gathered_layer_bytes, held_gather_bytes
from solver.configuration.memory_terms.logits import logits_bytes
from solver.configuration.memory_terms.optimizer_step import copied_bytes, step_bytes
from solver.configuration.memory_terms.reserve import (
    context_bytes,
    fragmentation_bytes,
    printed_context_bytes,
)
from solver.configuration.memory_terms.stage import StageLoad, stage_loads
from solver.configuration.memory_terms.states import stage_params, state_bytes
from solver.cost.physics.parameters import DevicePhysics

# How each term is known: `formula` of a paper or of a tensor's size, `assumed` of the software,
# `fitted` to printed figures.
KNOWN = {
    "parameters": "formula",
    "gradients": "formula",
    "optimizer": "formula",
    "activations": "formula",
    "recomputed": "formula",
    "logits": "assumed",
    "gathered": "assumed",
    "communication": "assumed",
    "step": "fitted",
    "held": "fitted",
    "reserve": "fitted",
}
# Layers whose offloaded activations are on the device: the one that runs, and the next.
OFFLOADED_KEPT = 2.0
RECOMPUTES: tuple[Recompute, ...] = ("none", "selective", "full")


@dataclass(frozen=True)
class StageMemory:
    """Bytes on one device of a stage. A layer is recomputed when the logits are gone, and the step
    comes when the passes are over: of each only the larger is at the peak."""

    stage: int
    parameters: float
    gradients: float
    optimizer: float
    activations: float
    recomputed: float
    logits: float
    gathered: float
    communication: float
    step: float
    held: float
    reserve: float

    @property
    def states(self) -> float:
        """What a step begins and ends with."""
        return self.parameters + self.gradients + self.optimizer

    @property
    def live(self) -> float:
        """What tensors hold at the peak."""
        passes = self.activations + max(self.recomputed, self.logits) + self.gathered
        return self.states + max(passes + self.communication, self.step)

    @property
    def total(self) -> float:
        """What the allocator reserves where there is room."""
        return self.live + self.held + self.reserve


@dataclass(frozen=True)
class PeakMemory:
    """`reported` is the stage whose figure a run prints, `largest` the one that decides whether
    the configuration fits the `capacity_bytes` that a process can use: of what the allocator holds
    beside live tensors, shares `held_kept` and `reserve_kept` stay when memory is short.
    `recompute` is what the configuration says, or where it says nothing the least that fits."""

    reported: StageMemory
    largest: StageMemory
    recompute: Recompute
    held_kept: float
    reserve_kept: float
    context_bytes: float
    printed_context_bytes: float
    capacity_bytes: float

    def _needed(self, stage: StageMemory) -> float:
        return stage.live + self.held_kept * stage.held + self.reserve_kept * stage.reserve

    @property
    def total_bytes(self) -> float:
        """The peak that a run prints: what the allocator reserves, at most what there is."""
        most = max(self._needed(self.reported), self.capacity_bytes - self.context_bytes)
        return min(self.reported.total, most) + self.printed_context_bytes

    @property
    def needed_bytes(self) -> float:
        """What the largest stage cannot do without, with what lies outside its allocator."""
        return self._needed(self.largest) + self.context_bytes

    @property
    def fits(self) -> bool:
        """Whether that fits the device."""
        return self.needed_bytes <= self.capacity_bytes


def predict_memory(configuration: Configuration, device: DevicePhysics) -> PeakMemory:
    """The peak of a configuration on a device. nanotron's figure is that of rank 0, the first
    stage; other software prints the largest."""
    if configuration.recompute_known:
        return _peak(configuration, device)
    for recompute in RECOMPUTES:
        peak = _peak(replace(configuration, recompute=recompute), device)
        if peak.fits:
            break
    return peak


def _peak(configuration: Configuration, device: DevicePhysics) -> PeakMemory:
    c = configuration
    stages = [_stage(c, load, device) for load in stage_loads(c)]
    largest = max(stages, key=lambda stage: stage.total)
    return PeakMemory(
        reported=stages[0] if c.runtime == "nanotron" else largest,
        largest=largest,
        recompute=c.recompute,
        held_kept=device.number("held_kept"),
        reserve_kept=device.number("reserve_kept"),
        context_bytes=context_bytes(device),
        printed_context_bytes=printed_context_bytes(c, device),
        capacity_bytes=device.memory_bytes,
    )


def _stage(configuration: Configuration, load: StageLoad, device: DevicePhysics) -> StageMemory:
    c = configuration
    params = stage_params(c, load)
    kept = load.layers * load.in_flight
    if c.activations_offloaded:
        kept = min(kept, OFFLOADED_KEPT)
    activations = kept * layer_bytes(c) + load.layers * pending_bytes(c)
    recomputed = working_bytes(c)
    logits = logits_bytes(c) if load.head else 0.0
    return StageMemory(
        load.stage,
        *state_bytes(c, load),
        activations=activations,
        recomputed=recomputed,
        logits=logits,
        gathered=gathered_layer_bytes(c, load, params),
        communication=bucket_bytes(c, params, device) + transfer_bytes(c),
        step=step_bytes(c, params),
        held=held_gather_bytes(c, load, device) + copied_bytes(c, params),
        reserve=fragmentation_bytes(c, activations + max(recomputed, logits), device),
    )
