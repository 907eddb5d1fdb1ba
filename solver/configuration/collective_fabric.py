"""The fabric that a table of collectives names in words: device, network, network cards."""

from __future__ import annotations

import re
from dataclasses import replace

from solver.cost.physics.links import Fabric, fabric
from solver.cost.physics.parameters import device_physics

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
    (r"a100[^/]*\b40 ?gb?\b", "a100_40"),
    (r"a100", "a100_80"),
    (r"h100", "h100_sxm"),
    (r"any", "h100_sxm"),
)
NETWORKS: tuple[tuple[str, str], ...] = (
    (r"efa v[3-9]|p5en|p6", "efa_v3"),
    (r"\befa\b|\bp[45]d?e?\b", "efa"),
    (r"roce", "roce"),
    (r"tcp", "tcp"),
)
CARDS = re.compile(r"(?:(\d+)\s*x\s*)?(?:[HNEX]DR\s*)?(\d+)\s*[Gg]b(?!yte)")
# Words after which a rate without a count is that of one card of a node, or of the whole node.
ONE_CARD = re.compile(r"1 NIC|per node|TCP|\bp[456]", re.IGNORECASE)
# A fast link that joins more devices than this is rack-wide.
LARGEST_NODE = 16
# A rate beyond that of any card (Gbit/s) is the node's.
LARGEST_CARD = 800
CEILING = re.compile(r"busbw ceiling ~?([\d.]+)(?:-([\d.]+))? GB/s")
# Instances of Amazon that a fabric may name, with their cards: how many, Gbit/s each.
INSTANCES: tuple[tuple[str, tuple[int, float]], ...] = (
    (r"\bp4de?\b", (4, 100.0)),
    (r"\bp5\b", (32, 100.0)),
    (r"\bp5en\b", (16, 200.0)),
    (r"\bp6-b200\b", (8, 400.0)),
)


def named_device(text: str) -> str | None:
    """The device of the library that the text means."""
    return next((name for pattern, name in DEVICES if re.search(pattern, text.lower())), None)


def named_fabric(device: str, text: str, devices_per_node: int) -> Fabric:
    """The device's fabric with the network that `text` describes, in nodes of that many devices;
    of a rack-wide domain, trays of that many. A network that is not described is the device's."""
    physics = device_physics(device)
    kind = next((name for pattern, name in NETWORKS if re.search(pattern, text.lower())), None)
    if kind is not None:
        physics = physics.with_network(kind)
    found = fabric(physics, devices_per_node)
    outer = found.outer
    count, node_rate = _cards(text, devices_per_node)
    if node_rate:
        outer = replace(outer, bandwidth_bytes_per_s=node_rate / devices_per_node)
    among = found.inner.among or 0
    domain = among if among > LARGEST_NODE else devices_per_node
    cards = max(1, count * domain // devices_per_node)
    return replace(found, outer=outer, devices_per_node=domain, nic_count=cards)


def _cards(text: str, devices_per_node: int) -> tuple[int, float]:
    """Network cards of a node, and bytes/s of all of them (0: not said)."""
    if found := CARDS.search(text):
        alone = ONE_CARD.search(text) or float(found[2]) > LARGEST_CARD
        count = int(found[1] or (1 if alone else devices_per_node))
        return count, count * float(found[2]) / 8 * 1e9
    for pattern, (count, gigabits) in INSTANCES:
        if re.search(pattern, text.lower()):
            return count, count * gigabits / 8 * 1e9
    if found := CEILING.search(text):
        return devices_per_node, float(found[2] or found[1]) * 1e9
    return devices_per_node, 0.0
