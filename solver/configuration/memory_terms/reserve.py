"""What no tensor asked for: fragmentation, and what a process holds outside PyTorch.

PyTorch's caching allocator splits blocks and cannot always join them again; what it reserves
exceeds what lives by a share of the activations, whose blocks come and go (`fragmentation`), and by
a constant (workspaces of the matrix library, rounding). Without a pipeline the blocks of a forward
are freed in the reverse order by its backward; in one those of several micro-batches come to lie
between each other, and the share is `PIPELINED` times as large. Near the device's end it waits for
freed blocks, joins and returns them: then only shares of fragmentation (`reserve_kept`) and of
inputs that wait for a stream (`held_kept`) still count, and the reserve stops at the capacity.

The CUDA context and the channels of the collective library are outside its count. They matter for
whether a configuration fits (`context_bytes`), and for figures of the driver, which InternEvo's
runs print (`driver_bytes`; communication buffers of many groups are in it).
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.cost.physics.parameters import DevicePhysics

PIPELINED = 1.6


def fragmentation_bytes(configuration: Configuration, live: float, device: DevicePhysics) -> float:
    """Reserve over `live` bytes of activations, logits and buffers."""
    share = device.number("fragmentation") * (PIPELINED if configuration.pp > 1 else 1.0)
    return share * live + device.number("workspace_bytes")


def context_bytes(device: DevicePhysics) -> float:
    """Outside the allocator, on one device."""
    return device.number("context_bytes")


def printed_context_bytes(configuration: Configuration, device: DevicePhysics) -> float:
    """Of those, the bytes that are in the figure which a run prints."""
    return device.number("driver_bytes") if configuration.runtime == "internevo" else 0.0
