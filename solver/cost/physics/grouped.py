"""Grouped matrix products of a mixture of experts: one product per expert in one kernel.

Each of `groups` experts has its own rows; tiles do not cross experts, so the last tile of each is
in part empty, and weights of every expert are read. `imbalance` is the fullest device's load over
the mean one (1: even): everyone waits for it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.cost.physics.matmul import matmul_seconds
from solver.cost.physics.parameters import DevicePhysics

Floats = float | npt.NDArray[np.float64]


def grouped_matmul_seconds(
    tokens: Floats,
    n: Floats,
    k: Floats,
    groups: Floats,
    device: DevicePhysics,
    precision: str,
    imbalance: float = 1.0,
    weight_gradient: bool = False,
    result_bytes: float = 2.0,
) -> Floats:
    """Seconds of [tokens, k] x [groups, k, n] with tokens dealt to `groups` experts.

    With `weight_gradient` each group sums over its tokens instead: [k, tokens] x [tokens, n].
    """
    rows = tokens * imbalance / groups
    if weight_gradient:
        time = matmul_seconds(k, n, rows, device, precision, groups, result_bytes)
    else:
        time = matmul_seconds(rows, n, k, device, precision, groups, result_bytes)
    return time / device.number("grouped_efficiency")
