"""Temporaries of the optimizer step, when activations are gone.

A fused Adam makes none. InternEvo's is not fused: three of four bytes per element that a rank
updates (denominator, update and decayed weight); its hybrid ZeRO flattens gradients before that and
copies them to FP32, six bytes more. Fitted to its published memory figures, assumed nowhere else.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.states import StageParams

ADAM, FLATTENED = 12.0, 6.0


def step_bytes(configuration: Configuration, params: StageParams) -> float:
    """Bytes on one device beside parameters, gradients and optimizer states."""
    c = configuration
    if c.runtime != "internevo":
        return 0.0
    each = ADAM + (0.0 if c.shard == "zero3" else FLATTENED)
    return each * (params.common + params.experts) / c.shard_group
