"""Temporaries of the optimizer step, when activations are gone.

A fused Adam makes none. InternEvo's is not fused: three of four bytes per element that a rank
updates (denominator, update and decayed weight). Before that it copies gradients to FP32, and
hybrid ZeRO flattens them in two bytes: the allocator still holds those blocks. Fitted to
InternEvo's published memory figures, assumed nowhere else.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.states import StageParams

ADAM, WIDENED, FLATTENED = 12.0, 4.0, 2.0


def step_bytes(configuration: Configuration, params: StageParams) -> float:
    """Bytes that live on one device beside parameters, gradients and optimizer states."""
    c = configuration
    return ADAM * _updated(c, params) if c.runtime == "internevo" else 0.0


def copied_bytes(configuration: Configuration, params: StageParams) -> float:
    """Bytes of gradient copies that the allocator holds, on one device."""
    c = configuration
    each = WIDENED + (0.0 if c.shard == "zero3" else FLATTENED)
    return each * _updated(c, params) if c.runtime == "internevo" else 0.0


def _updated(configuration: Configuration, params: StageParams) -> float:
    return (params.common + params.experts) / configuration.shard_group
