"""Communication beside compute: what stays visible, and what both lose.

While a collective runs, its kernels hold multiprocessors and memory bandwidth; compute beside it
takes `overlap_slowdown` times longer over that time (Rashidi et al., "Enabling compute-
communication overlap in distributed deep learning training platforms", ISCA 2021).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.cost.physics.parameters import DevicePhysics

Floats = float | npt.NDArray[np.float64]


def exposed_seconds(communication: Floats, compute: Floats, device: DevicePhysics) -> Floats:
    """Seconds that communication adds to compute that it may run beside.

    What fits beside the compute costs its slow-down; the rest is added in full.
    """
    hidden = np.minimum(communication, compute)
    return communication - hidden + device.number("overlap_slowdown") * hidden
