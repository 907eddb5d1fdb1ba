"""Buffers of collectives and transfers.

nanotron accumulates in FP32 beside the gradients that its data parallelism reduces: two more bytes
per parameter, freed layer by layer where there is nobody to reduce with, and those of the table,
the largest of all, once more while they are added. Where optimizer states are sharded they are
freed as they are scattered: the slower the host is beside the device (`backlog`), the fewer wait,
as its fourth root (fitted), and none where tensor parallelism leaves the node. A pipeline stage
keeps what it receives and what it sends next: two layer inputs in each direction.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.activations import input_bytes
from solver.configuration.memory_terms.backlog import device_by_host
from solver.configuration.memory_terms.states import StageParams
from solver.cost.physics.parameters import DevicePhysics

WAITING_POWER = 0.25


def bucket_bytes(configuration: Configuration, params: StageParams, device: DevicePhysics) -> float:
    """Gradients on their way to be reduced, on one device."""
    c = configuration
    if c.runtime != "nanotron":
        return 0.0
    table = 2.0 * c.architecture.vocab * c.architecture.hidden / c.tp
    return table + _share_waiting(c, device) * 2.0 * (params.common + params.experts)


def transfer_bytes(configuration: Configuration) -> float:
    """Receive and send buffers of a pipeline stage on one device."""
    return 4 * input_bytes(configuration) if configuration.pp > 1 else 0.0


def _share_waiting(configuration: Configuration, device: DevicePhysics) -> float:
    """Of the gradients that are reduced, those there at the peak."""
    c = configuration
    if c.dp == 1:
        return 0.0
    if c.shard == "none" or c.tp == 1:
        return 1.0
    if c.tp > c.devices_per_node:
        return 0.0
    return float(device_by_host(c, device) ** WAITING_POWER)
