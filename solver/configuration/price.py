"""What one configuration costs: the step's seconds and a device's bytes, term by term."""

from __future__ import annotations

from dataclasses import dataclass, replace

from solver.configuration.configuration import Configuration, Recompute
from solver.configuration.memory import PeakMemory, predict_memory
from solver.configuration.time import StepTime, predict_step
from solver.cost.physics.parameters import device_physics


@dataclass(frozen=True, slots=True)
class Price:
    """The step of a configuration, and what its fullest device holds."""

    time: StepTime
    memory: PeakMemory


def price(configuration: Configuration) -> Price:
    """The price on the device of the hardware library that the configuration names."""
    device = device_physics(configuration.device)
    memory = predict_memory(configuration, device)
    settled = replace(configuration, recompute=_settled(configuration, memory.recompute))
    return Price(predict_step(settled, device), memory)


def _settled(configuration: Configuration, recompute: Recompute) -> Recompute:
    """What is recomputed where no word says so: the least that fits; of an attention core that is
    not fused, the core (Megatron-LM's selective recompute, its advice since 2022)."""
    c = configuration
    if not c.recompute_known and recompute == "none" and c.attention == "unfused":
        return "selective"
    return recompute
