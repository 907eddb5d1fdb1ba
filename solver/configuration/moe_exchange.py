"""Dispatch and combine of a mixture layer: what of them a micro-batch waits for.

The exchange of a rank's tokens is a plain all-to-all where tokens are dropped, else one that merges
copies. Two assumptions about software of the Megatron kind:

- an exchange without dropping in nodes of eight waits for its counts on the host up to release
  25.11 (`host_exchange_s`), less since (`host_exchange_later_s`: kernels that keep counts on the
  device came with 25.11 to racks, with 26.02 to most nodes of eight);
- where it crosses nodes and stages have several chunks, it runs beside the compute of another
  micro-batch (`overlap_moe_expert_parallel_comm` of Megatron-Core).
"""

from __future__ import annotations

import re

from solver.configuration.configuration import Configuration
from solver.configuration.groups import place
from solver.cost.physics.expert_exchange import expert_exchange_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.parameters import DevicePhysics

LAST_HOST_COUNTS = (25, 11)
DATED = re.compile(r"(\d\d)\.(\d\d)")


def local_tokens(configuration: Configuration) -> float:
    """Tokens that one rank routes: its share of the sequence."""
    return configuration.tokens_per_micro_batch / configuration.tp


def exchange_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds of one dispatch or combine among the ranks of an expert group, the wait of the host
    included."""
    a, c = configuration.architecture, configuration
    if c.ep == 1:
        return 0.0
    group = place(c.ep, c.etp, c.devices_per_node)
    wires = fabric(device, c.devices_per_node)
    where = (group.ranks_per_node, group.nodes, wires)
    merged = not c.token_drop
    once = expert_exchange_seconds(local_tokens(c), a.topk, a.hidden * 2.0, *where, merged=merged)
    return float(once) + host_wait_seconds(c, device)


def host_wait_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds that one exchange waits for its counts on the host."""
    c = configuration
    dated = DATED.match(c.release)
    if c.token_drop or c.runtime != "megatron" or c.devices_per_node > 8 or not dated:
        return 0.0
    year_month = (int(dated[1]), int(dated[2]))
    return device.number(
        "host_exchange_s" if year_month <= LAST_HOST_COUNTS else "host_exchange_later_s"
    )


def exchange_overlaps(configuration: Configuration) -> bool:
    """Whether exchanges run beside the compute of another micro-batch."""
    c = configuration
    crosses = place(c.ep, c.etp, c.devices_per_node).nodes > 1
    return crosses and c.vp > 1 and c.runtime == "megatron" and not c.token_drop
