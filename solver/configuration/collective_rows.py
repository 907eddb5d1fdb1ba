"""Rows of collective measurements (tables in the form of nccl-tests), and what the model says.

Columns read: `gpu`, `fabric`, `nodes`, `gpus_per_node`, `n_ranks`, `collective`, `algo`,
`size_bytes`. A fabric is read for its network cards (`32x100Gb` a node) and its kind (EFA, RoCE,
TCP); without cards it is the device's own network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from solver.cost.physics.collectives import Kind, collective_seconds
from solver.cost.physics.defaults import LINKS
from solver.cost.physics.links import Fabric, Floats, Number, fabric
from solver.cost.physics.parameters import device_physics
from solver.cost.physics.ring import ring_seconds
from solver.cost.physics.switch_reduction import switch_reduction_seconds
from solver.cost.physics.tree import tree_seconds

KINDS: Mapping[str, Kind] = {
    "all_reduce": "all_reduce",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "all_to_all": "all_to_all",
    "alltoall": "all_to_all",
    "sendrecv": "send",
    "send": "send",
}
# What a device column says, to the device of the library; the first that is found.
DEVICES: tuple[tuple[str, str], ...] = (
    (r"gb300", "gb300"),
    (r"gb200|nvl72", "gb200"),
    (r"b300", "b300"),
    (r"b200", "b200"),
    (r"h200", "h200"),
    (r"h800", "h800"),
    (r"h20\b", "h20"),
    (r"mi300", "mi300x"),
    (r"v100", "v100"),
    (r"a800", "a800"),
    (r"a100[^/]*(pcie|pci-e)|pcie gen ?4", "a100_pcie_80"),
    (r"h100[^/]*(pcie|pci-e)|pcie gen ?5", "h100_pcie"),
    (r"a100.*40", "a100_40"),
    (r"a100", "a100_80"),
    (r"h100", "h100_sxm"),
    (r"any", "h100_sxm"),
)
NETWORKS: tuple[tuple[str, str], ...] = (
    (r"efa v[3-9]|p5en|p6", "efa_v3"),
    (r"\befa\b", "efa"),
    (r"roce", "roce"),
    (r"tcp", "tcp"),
)
CARDS = re.compile(r"(?:(\d+)\s*x\s*)?(\d+)\s*Gb")
CEILING = re.compile(r"busbw ceiling ~?([\d.]+)(?:-([\d.]+))? GB/s")


@dataclass(frozen=True, slots=True)
class CollectiveRow:
    """One measured collective: `groups` such groups run at the same time in the same nodes."""

    kind: Kind
    size_bytes: float
    ranks_per_node: int
    nodes: int
    groups: int
    algorithm: str
    fabric: Fabric

    def seconds(self, size_bytes: Number | None = None) -> Floats:
        """Predicted time (of other sizes, if given); of the algorithm that the row forces, if it
        forces one."""
        size = self.size_bytes if size_bytes is None else size_bytes
        way = (size, self.ranks_per_node, self.nodes, self.groups, self.fabric)
        if self.kind == "all_reduce" and self.algorithm == "ring":
            return ring_seconds(2, *way)
        if self.kind == "all_reduce" and self.algorithm == "tree":
            return tree_seconds(*way)
        if self.kind == "all_reduce" and self.algorithm == "nvls":
            return switch_reduction_seconds(*way)
        return collective_seconds(
            self.kind, size, self.ranks_per_node, self.nodes, self.fabric, self.groups
        )


def read_collective(row: Mapping[str, str]) -> CollectiveRow | str:
    """The row, or why it cannot be priced."""
    kind = KINDS.get(row.get("collective", "").strip().lower())
    if kind is None:
        return f"collective {row.get('collective', '')!r} is not known"
    text = f"{row.get('gpu', '')} {row.get('fabric', '')}".lower()
    device = next((name for pattern, name in DEVICES if re.search(pattern, text)), None)
    if device is None:
        return f"device {row.get('gpu', '')!r} is not known"
    if not row.get("size_bytes", ""):
        return "no size"
    nodes = int(row["nodes"]) if row.get("nodes", "").isdigit() else 1
    per_node = int(row["gpus_per_node"]) if row.get("gpus_per_node", "").isdigit() else 8
    ranks = int(row["n_ranks"]) if row.get("n_ranks", "").isdigit() else nodes * per_node
    algorithm = row.get("algo", "").lower()
    domain = device_physics(device).inner.among or per_node
    groups = 1
    if "strided" in algorithm:
        groups = max(1, nodes * per_node // ranks)
    elif ranks <= max(per_node, domain):
        nodes = 1
    return CollectiveRow(
        kind,
        float(row["size_bytes"]),
        max(1, ranks // nodes),
        nodes,
        groups,
        "ring" if "no sharp" in text else _forced(algorithm),
        _fabric(device, row.get("fabric", ""), per_node),
    )


def _forced(algorithm: str) -> str:
    """The algorithm a row is measured with; empty where the library chose."""
    if algorithm.startswith("ring"):
        return "ring"
    if algorithm.startswith("nvls"):
        return "nvls"
    return "tree" if algorithm.startswith("tree") else ""


def _fabric(device: str, text: str, devices_per_node: int) -> Fabric:
    """The device's fabric, with the network that `text` describes."""
    found = fabric(device_physics(device), devices_per_node)
    outer = found.outer
    kind = next((name for pattern, name in NETWORKS if re.search(pattern, text.lower())), None)
    if kind is not None:
        outer = replace(outer, name=kind, numbers=LINKS[kind])
    cards = CARDS.search(text)
    ceiling = CEILING.search(text)
    count = devices_per_node
    if cards is not None:
        count = int(cards[1] or 1)
        rate = count * float(cards[2]) / 8 * 1e9
        outer = replace(outer, bandwidth_bytes_per_s=rate / devices_per_node)
    elif ceiling is not None:
        rate = float(ceiling[2] or ceiling[1]) * 1e9
        outer = replace(outer, bandwidth_bytes_per_s=rate / devices_per_node)
    return replace(found, outer=outer, nic_count=count)
