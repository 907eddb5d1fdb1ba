"""Model FLOP of a step, and the share of the devices' peak that a step time means.

Six per token and parameter that multiplies (two forward, four backward; of a mixture those that a
token meets; tables are looked up, the head multiplies), and 12 h s per token and layer for scores
and values, half of it below the diagonal (PaLM, appendix B, causal). Recompute does not count.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.cost.physics.parameters import DevicePhysics


def model_flop(configuration: Configuration) -> float:
    """FLOP of one step of all devices."""
    a, c = configuration.architecture, configuration
    head = a.vocab * a.hidden
    multiplied = a.active_params - a.embedding_params - a.head_params + head
    widths = a.head_dim + a.value_dim
    attention = 6.0 * a.layers * a.heads * widths * c.seq_len / 2
    return c.global_batch * c.seq_len * (6.0 * multiplied + attention)


def utilisation(configuration: Configuration, seconds: float, device: DevicePhysics) -> float:
    """Model FLOP per second by the BF16 peak (FP16 on devices without), whatever the precision."""
    peak = device.peak_flop_per_s("bf16") * configuration.devices
    return model_flop(configuration) / (seconds * peak)
