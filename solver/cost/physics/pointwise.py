"""Operators bound by memory: bytes over the bandwidth that streams reach, behind a launch.

Williams, Waterman & Patterson, "Roofline", 2009.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.cost.physics.parameters import DevicePhysics

Floats = float | npt.NDArray[np.float64]


def pointwise_seconds(moved_bytes: Floats, device: DevicePhysics, launches: float = 1.0) -> Floats:
    """Seconds to read and write `moved_bytes` in `launches` kernels."""
    bandwidth = device.memory_bandwidth_bytes_per_s * device.number("memory_efficiency")
    return moved_bytes / bandwidth + launches * device.number("launch_s")
