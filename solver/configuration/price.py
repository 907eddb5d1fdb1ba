"""What one configuration costs: the step's seconds and a device's bytes, term by term."""

from __future__ import annotations

from dataclasses import dataclass

from solver.configuration.configuration import Configuration
from solver.configuration.memory import PeakMemory, predict_memory
from solver.configuration.settle import settled_step
from solver.configuration.time import StepTime
from solver.cost.physics.parameters import device_physics


@dataclass(frozen=True, slots=True)
class Price:
    """The step of a configuration, and what its fullest device holds."""

    time: StepTime
    memory: PeakMemory


def price(configuration: Configuration) -> Price:
    """The price on the device of the hardware library that the configuration names."""
    device = device_physics(configuration.device)
    return Price(settled_step(configuration, device), predict_memory(configuration, device))
