"""The host's share: seconds the CPU needs to launch a layer's kernels.

A device waits for its host where kernels are shorter than their launches. One layer forward takes
the host `host_layer_s`, backward `host_backward_ratio` times that; every collective adds
`host_collective_s`. Captured graphs take none of it.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.cost.physics.parameters import DevicePhysics


def host_layer_seconds(
    configuration: Configuration, device: DevicePhysics, calls: int, backward: bool
) -> float:
    """Seconds of host time for one layer and micro-batch in one direction."""
    c = configuration
    if c.cuda_graphs:
        return 0.0
    once = device.number("host_layer_s") * (1.0 if c.compiled else device.number("host_eager"))
    ratio = device.number("host_backward_ratio") if backward else 1.0
    return once * ratio + calls * device.number("host_collective_s")
