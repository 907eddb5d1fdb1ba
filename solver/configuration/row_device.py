"""The devices of a row: which one, how many share a fast link, how fast the network is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from solver.configuration.cells import RowError, positive, text
from solver.cost.physics.parameters import device_physics

# The first that matches; letters, digits and blanks of the cell alone are looked at.
DEVICES = (
    (re.compile(r"gb300"), "gb300"),
    (re.compile(r"gb200"), "gb200"),
    (re.compile(r"b300"), "b300"),
    (re.compile(r"b200.*power|power.*b200"), "b200_limited"),
    (re.compile(r"b200"), "b200"),
    (re.compile(r"h100.*(96 ?gb|500 ?w|hbm2e)"), "h100_96_500w"),
    (re.compile(r"h100.*pcie"), "h100_pcie"),
    (re.compile(r"h100"), "h100_sxm"),
    (re.compile(r"h800"), "h800"),
    (re.compile(r"h200"), "h200"),
    (re.compile(r"\bh20\b"), "h20"),
    (re.compile(r"a100.*pcie"), "a100_pcie_80"),
    (re.compile(r"a100.*40 ?gb?"), "a100_40"),
    (re.compile(r"a100"), "a100_80"),
    (re.compile(r"a800"), "a800"),
    (re.compile(r"mi300x"), "mi300x"),
    (re.compile(r"v100"), "v100"),
)
# `1600 Gbps node-node`, `400 Gbps per node`, `4x100Gb RoCE per node`, `8x HDR 200Gb/s per node`.
PER_NODE = re.compile(
    r"(?:(\d+) ?x ?)?(?:HDR |NDR |EDR )?(\d+) ?Gb(?:ps|/s|it/s)?(?: [A-Za-z]+)?"
    r" (?:per node|node-node)",
    re.IGNORECASE,
)
PER_DEVICE = re.compile(
    r"(\d+) ?Gb(?:ps|/s|it/s)?(?: [A-Za-z]+)? per (?:GPU|device)", re.IGNORECASE
)
BANDWIDTH = re.compile(r"inter_node_bandwidth (\d+) ?Gbps", re.IGNORECASE)
BITS_PER_BYTE, GIGA = 8, 1e9


def device_name(row: Mapping[str, str]) -> str:
    """The device of the hardware library; RowError where the cell means none."""
    cell = text(row, "gpu")
    if not cell:
        raise RowError("`gpu` is not given")
    words = re.sub(r"[^a-z0-9]+", " ", cell.lower())
    for pattern, name in DEVICES:
        if pattern.search(words):
            return name
    raise RowError(f"device `{cell}` is not in the library")


def devices_per_node(row: Mapping[str, str], device: str, devices: int) -> int:
    """How many devices the fast link joins.

    A rack-wide link (NVL72) joins all of its domain, whatever number sits in one tray: a smaller
    number than the link's is taken as trays where the link joins more than sixteen.
    """
    given = positive(row, "gpus_per_node")
    among = device_physics(device).inner.among or devices
    if given is None or (among > 16 and given < among):
        return among
    return given


def network_bytes_per_s(remarks: str, per_node: int) -> float | None:
    """Bytes per second, device and direction between nodes, where the remarks state them."""
    bits = 0.0
    if match := PER_DEVICE.search(remarks):
        bits = float(match[1])
    elif match := PER_NODE.search(remarks):
        bits = int(match[1] or 1) * int(match[2]) / per_node
    elif match := BANDWIDTH.search(remarks):
        bits = int(match[1]) / per_node
    return bits * GIGA / BITS_PER_BYTE or None
