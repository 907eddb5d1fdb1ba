"""Rows of collective measurements (tables in the form of nccl-tests), and what the model says.

Columns read: `gpu`, `fabric`, `nodes`, `gpus_per_node`, `n_ranks`, `collective`, `algo`,
`size_bytes`. A fabric is read for its network cards (`32x100Gb` a node) and its kind (EFA, RoCE,
TCP); without cards it is the device's own network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solver.configuration.collective_fabric import named_device, named_fabric
from solver.cost.physics.collectives import Kind, collective_seconds
from solver.cost.physics.lines import chosen_seconds, fastest_seconds
from solver.cost.physics.links import Fabric, Floats, Number
from solver.cost.physics.ring import ring_lines
from solver.cost.physics.switch_reduction import switch_line
from solver.cost.physics.tree import tree_lines

KINDS: Mapping[str, Kind] = {
    "all_reduce": "all_reduce",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "all_to_all": "all_to_all",
    "alltoall": "all_to_all",
    "sendrecv": "send",
    "send": "send",
}


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
        group = (self.ranks_per_node, self.nodes, self.groups, self.fabric)
        if self.kind == "all_reduce" and self.algorithm == "ring":
            return chosen_seconds(ring_lines(2, *group), size)
        if self.kind == "all_reduce" and self.algorithm == "tree":
            return fastest_seconds(tree_lines(*group), size)
        if self.kind == "all_reduce" and self.algorithm == "nvls":
            return fastest_seconds((switch_line(*group),), size)
        return collective_seconds(
            self.kind, size, self.ranks_per_node, self.nodes, self.fabric, self.groups
        )


def read_collective(row: Mapping[str, str]) -> CollectiveRow | str:
    """The row, or why it cannot be priced."""
    kind = KINDS.get(row.get("collective", "").strip().lower())
    if kind is None:
        return f"collective {row.get('collective', '')!r} is not known"
    text = f"{row.get('gpu', '')} {row.get('fabric', '')}".lower()
    device = named_device(text)
    if device is None:
        return f"device {row.get('gpu', '')!r} is not known"
    if not row.get("size_bytes", ""):
        return "no size"
    nodes = int(row["nodes"]) if row.get("nodes", "").isdigit() else 1
    per_node = int(row["gpus_per_node"]) if row.get("gpus_per_node", "").isdigit() else 8
    ranks = int(row["n_ranks"]) if row.get("n_ranks", "").isdigit() else nodes * per_node
    algorithm = row.get("algo", "").lower()
    wires = named_fabric(device, row.get("fabric", ""), per_node)
    groups = 1
    if "strided" in algorithm:
        groups = max(1, nodes * per_node // ranks)
    else:
        nodes = min(nodes, -(-ranks // wires.devices_per_node))
    return CollectiveRow(
        kind,
        float(row["size_bytes"]),
        max(1, ranks // nodes),
        nodes,
        groups,
        "ring" if "no sharp" in text else _forced(algorithm),
        wires,
    )


def _forced(algorithm: str) -> str:
    """The algorithm a row is measured with; empty where the library chose."""
    if algorithm.startswith("ring"):
        return "ring"
    if algorithm.startswith("nvls"):
        return "nvls"
    return "tree" if algorithm.startswith("tree") else ""
