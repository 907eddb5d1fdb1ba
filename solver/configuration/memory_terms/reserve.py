"""What no tensor asked for: fragmentation, and what a process holds outside PyTorch.

PyTorch's caching allocator splits blocks and cannot always join them again; what it reserves
exceeds what lives by a share of the activations, whose blocks come and go (`fragmentation`), and by
a constant (workspaces of the matrix library, rounding). The CUDA context, and the channels of the
collective library, are outside its count and matter only for whether a configuration fits.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.cost.physics.parameters import DevicePhysics


def fragmentation_bytes(live: float, device: DevicePhysics) -> float:
    """Reserve over `live` bytes of activations, logits and buffers."""
    return device.number("fragmentation") * live + device.number("workspace_bytes")


def context_bytes(configuration: Configuration, device: DevicePhysics) -> float:
    """Outside the allocator, on one device."""
    return device.number("context_bytes")
