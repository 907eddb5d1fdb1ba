"""The fabric a collective runs over: fast links inside a node, network links between nodes.

Numbers a link states by name (bandwidths as shares of the wire rate, latencies in seconds):

- `ring_efficiency`: bus rate of large messages in a ring; `rings_2` ... `rings_8`: rings that a
  group of so many neighbours finds, where links join pairs of devices (none stated: a switch);
- `base_*_s`, `hop_*_s`: start of a collective, and one hop, for the protocols LL, LL128, Simple;
- `ring_step_s`: least time of a step of a ring that crosses this network, but for LL;
- `ll_bytes_per_s`, `ll128_efficiency`: bus rate of LL (half of it among more than two nodes), share
  of the ring rate that LL128 keeps;
- `tree_efficiency`: rate of a tree by that of a ring;
- `switch_reduction_efficiency`, `switch_reduction_s`: reduction inside the switch (NVLS; 0: none),
  `switch_tree_s`: what a tree between nodes adds to its start (NVLSTree);
- `exchange_efficiency`, `exchange_s`, `exchange_message_s`: all-to-all, its start and what each
  rank of another node adds to that; `send_efficiency`, `send_s`: one pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.cost.physics.parameters import DevicePhysics, LinkPhysics

Floats = npt.NDArray[np.float64]
Number = float | Floats

# Passes over device memory per byte that a ring copies between user buffer and wire buffer.
COPY_PASSES = 3.0


@dataclass(frozen=True, eq=False)
class Fabric:
    """`devices_per_node` devices share `nic_count` network cards of equal rate.

    `memory_bytes_per_s` is the peak rate of device memory (local copies of a collective).
    """

    inner: LinkPhysics
    outer: LinkPhysics
    devices_per_node: int
    nic_count: int
    memory_bytes_per_s: float

    @property
    def node_bytes_per_s(self) -> float:
        """Wire rate of all network cards of a node, one direction."""
        return self.outer.bandwidth_bytes_per_s * self.devices_per_node

    def network_rate(self, ranks_per_node: Number, groups: Number) -> Floats:
        """Wire rate of the network for one group per node, bytes/s.

        A rank reaches its own card, or its share where it has more than one; groups of the same
        node divide the cards between them.
        """
        rank = max(self.outer.bandwidth_bytes_per_s, self.node_bytes_per_s / self.nic_count)
        return np.minimum(
            rank * np.asarray(ranks_per_node, dtype=np.float64), self.node_bytes_per_s / groups
        )

    def ring_rate(self, ranks_per_node: Number) -> Floats:
        """Bus rate of a ring inside the node, bytes/s, where every device has a link to a switch,
        or by the number of rings that the wiring between pairs allows."""
        full = self.inner.bandwidth_bytes_per_s * self.inner.number("ring_efficiency")
        return full * ring_share(self.inner, np.asarray(ranks_per_node, dtype=np.float64))


def fabric(physics: DevicePhysics, devices_per_node: int = 8, nic_count: int = 0) -> Fabric:
    """The fabric of nodes of that device. `nic_count` 0: a network card per device."""
    return Fabric(
        physics.inner,
        physics.outer,
        devices_per_node,
        nic_count or devices_per_node,
        physics.memory_bandwidth_bytes_per_s,
    )


def ring_share(link: LinkPhysics, ranks: Floats) -> Floats:
    """Rings found among `ranks` neighbours, as a share of those in a full node."""
    counts = _ring_counts(link.numbers)
    if counts is None:
        return np.ones_like(ranks)
    share: Floats = counts[np.clip(ranks, 1, len(counts) - 1).astype(np.int64)] / counts[-1]
    return share


def _ring_counts(numbers: Mapping[str, float]) -> Floats | None:
    """Rings by rank count; a lone rank has the wires of the node to itself."""
    sizes = [int(name.removeprefix("rings_")) for name in numbers if name.startswith("rings_")]
    if not sizes:
        return None
    last = max(sizes)
    return np.array(
        [numbers[f"rings_{last}"]] * 2 + [numbers[f"rings_{n}"] for n in range(2, last + 1)]
    )
