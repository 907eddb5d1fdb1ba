"""How far nanotron's host keeps up with its device.

A buffer that another stream reads is free again only when that stream has passed it: where the host
runs ahead of the device such buffers wait, where the host is the slower one few do. Judged by a
layer's time on the device, its products at half the peak and its collectives, over the host's,
`host_layer_s_per_tensor_rank` times the ranks of tensor parallelism.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.cost.physics.parameters import DevicePhysics

PEAK_REACHED = 0.5
COLLECTIVES, HALF = 8, 2.0


def device_by_host(configuration: Configuration, device: DevicePhysics) -> float:
    """A layer's seconds on the device over those of the host, at most 1: there the device is the
    slower one, as within one node, whose collectives take the host little time."""
    a, c = configuration.architecture, configuration
    if c.devices <= c.devices_per_node:
        return 1.0
    tokens = c.tokens_per_micro_batch
    params = (a.params - a.embedding_params - a.head_params) / a.layers
    flops = 6.0 * tokens * (params + a.heads * a.head_dim * c.seq_len) / c.tp
    moved = COLLECTIVES * HALF * a.hidden * tokens
    seconds = flops / (PEAK_REACHED * device.peak_flop_per_s("bf16"))
    seconds += moved / (device.number("gather_rate") * device.inner.bandwidth_bytes_per_s)
    return min(1.0, seconds / (device.number("host_layer_s_per_tensor_rank") * c.tp))
