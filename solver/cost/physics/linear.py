"""One linear layer in one phase: its matrix product and the quantisation before it.

[tokens, inputs] times [inputs, outputs]. Under FP8 the forward quantises its input, the gradient of
the input quantises the gradient that comes in (the weight's gradient reuses both). How often
weights are quantised is the caller's to know (`quantise_seconds`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from solver.cost.physics.matmul import matmul_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.quantisation import quantise_seconds

Floats = float | npt.NDArray[np.float64]
Phase = Literal["forward", "input_gradient", "weight_gradient"]


def linear_seconds(
    tokens: Floats,
    inputs: Floats,
    outputs: Floats,
    device: DevicePhysics,
    precision: str,
    phase: Phase,
    main_gradient_bytes: float = 4.0,
    passes: float = 1.0,
) -> Floats:
    """Seconds of one phase. Gradients accumulate at `main_gradient_bytes` (read, add, write);
    quantisation touches memory `passes` times as often as a fused kernel."""
    if phase == "forward":
        cast = quantise_seconds(tokens * inputs, device, precision)
        return passes * cast + matmul_seconds(tokens, outputs, inputs, device, precision)
    if phase == "input_gradient":
        cast = quantise_seconds(tokens * outputs, device, precision)
        return passes * cast + matmul_seconds(tokens, inputs, outputs, device, precision)
    moved = 2.0 * main_gradient_bytes
    return matmul_seconds(outputs, inputs, tokens, device, precision, result_bytes=moved)
