"""Predicted collectives: against published curves, and what must hold whatever the numbers."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.configuration.collective_curves import MIB, Curve, curves, source_table
from solver.configuration.collective_rows import CollectiveRow, read_collective
from solver.cost.physics.collectives import KINDS, Kind, collective_seconds
from solver.cost.physics.links import Fabric, fabric
from solver.cost.physics.parameters import device_physics

README = Path(__file__).parents[2] / "solver" / "cost" / "physics" / "README.md"
PUBLISHED = Path(__file__).parents[1] / "data" / "published"
CURVES = curves(sorted(PUBLISHED.glob("coll_*.csv")))
SOURCES = sorted({curve.source for curve in CURVES})
DEVICES = ("v100", "a100_80", "a100_pcie_80", "h100_sxm", "b200", "gb200", "mi300x")

kinds = st.sampled_from(KINDS)
fabrics = st.sampled_from(DEVICES).map(lambda name: fabric(device_physics(name)))
sizes = st.floats(1e3, 1e11)
locals_ = st.integers(1, 8)
node_counts = st.integers(1, 64)


def errors(chosen: list[Curve], large: bool) -> list[float]:
    """Relative errors of the rows from 1 MiB up, or below."""
    return [
        abs(error)
        for curve in chosen
        for size, error in zip(curve.size_bytes, curve.predicted() / curve.seconds - 1, strict=True)
        if (size >= MIB) == large
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_a_published_source_is_predicted(source: str) -> None:
    chosen = [curve for curve in CURVES if curve.source == source]
    assert median(errors(chosen, large=True)) <= 0.10
    small = errors(chosen, large=False)
    assert not small or median(small) <= 0.15


def test_the_table_of_errors_is_the_one_in_the_readme() -> None:
    assert "\n".join(source_table(CURVES)) in README.read_text(encoding="utf-8")


def test_no_published_curve_is_far_off() -> None:
    worst = max(median(errors([curve], large=True)) for curve in CURVES)
    assert worst <= 0.15


@given(kinds, fabrics, sizes, locals_, node_counts)
def test_arrays_give_what_single_calls_give(
    kind: Kind, wires: Fabric, size: float, ranks: int, nodes: int
) -> None:
    many = collective_seconds(
        kind, np.array([size, 2 * size]), np.array([ranks, ranks]), np.array([nodes, nodes]), wires
    )
    alone = [float(collective_seconds(kind, s, ranks, nodes, wires)) for s in (size, 2 * size)]
    assert many.tolist() == pytest.approx(alone)


@given(kinds, fabrics, sizes, locals_, node_counts)
def test_more_bytes_take_longer(
    kind: Kind, wires: Fabric, size: float, ranks: int, nodes: int
) -> None:
    less = collective_seconds(kind, size, ranks, nodes, wires)
    more = collective_seconds(kind, 2 * size, ranks, nodes, wires)
    assert more > less or ranks * nodes == 1


@given(kinds, fabrics, sizes, locals_, st.integers(2, 64), st.integers(2, 8))
def test_groups_that_share_the_network_are_not_faster(
    kind: Kind, wires: Fabric, size: float, ranks: int, nodes: int, groups: int
) -> None:
    alone = collective_seconds(kind, size, ranks, nodes, wires)
    beside = collective_seconds(kind, size, ranks, nodes, wires, groups)
    assert beside >= alone * (1 - 1e-12)


@given(fabrics, sizes, locals_, node_counts)
def test_a_reduction_is_no_slower_than_its_two_halves(
    wires: Fabric, size: float, ranks: int, nodes: int
) -> None:
    halves = sum(
        collective_seconds(kind, size, ranks, nodes, wires)
        for kind in ("reduce_scatter", "all_gather")
    )
    assert collective_seconds("all_reduce", size, ranks, nodes, wires) <= halves * (1 + 1e-12)


@given(fabrics, sizes, locals_, node_counts)
def test_no_gather_beats_the_wire(wires: Fabric, size: float, ranks: int, nodes: int) -> None:
    n = ranks * nodes
    wire = wires.inner.bandwidth_bytes_per_s if ranks > 1 else wires.node_bytes_per_s
    seconds = collective_seconds("all_gather", size, ranks, nodes, wires)
    assert n == 1 or seconds > size * (n - 1) / n / wire


@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_rank_needs_no_time(kind: Kind) -> None:
    assert collective_seconds(kind, 1e9, 1, 1, fabric(device_physics("h100_sxm"))) == 0


def test_one_rank_per_node_reaches_its_own_card() -> None:
    """Eight groups of one rank per node move as much as one group of eight: all cards are busy."""
    wires = fabric(device_physics("h100_sxm"))
    eight = collective_seconds("all_gather", 8e10, 8, 4, wires)
    groups = collective_seconds("all_gather", 1e10, 1, 4, wires, groups=8)
    assert groups == pytest.approx(eight * (3 / 4) / (31 / 32), rel=0.2)


def test_shares_of_few_cards() -> None:
    """Where eight devices have four cards, a lone rank has a whole card, eight have half each."""
    wires = fabric(device_physics("a100_80"), nic_count=4)
    lone = float(wires.network_rate(1, 1))
    assert lone == 2 * wires.outer.bandwidth_bytes_per_s
    assert float(wires.network_rate(1, 8)) == wires.outer.bandwidth_bytes_per_s


def test_pairs_of_the_cube_mesh_have_few_rings() -> None:
    """Of V100 joined in pairs, two have one link between them, eight find six rings."""
    wires = fabric(device_physics("v100"))
    rates = [float(wires.ring_rate(ranks)) for ranks in (2, 4, 8)]
    assert rates[1] / rates[0] == pytest.approx(4)
    assert rates[2] / rates[0] == pytest.approx(6)


ROW = {
    "gpu": "A100-SXM-80G",
    "fabric": "NVLink3 + EFA 4x100Gb (p4d)",
    "nodes": "4",
    "gpus_per_node": "8",
    "n_ranks": "32",
    "collective": "all_reduce",
    "algo": "auto",
    "size_bytes": "1048576",
}


@pytest.mark.parametrize(
    ("gpu", "fabric_text", "per_node", "gigabytes", "cards", "network"),
    [
        ("A100-SXM-80G", "NVLink3 + EFA 4x100Gb (p4d)", 8, 50, 4, "efa"),
        ("A100-SXM-40G", "EFA (p4d)", 8, 50, 4, "efa"),
        ("A100-SXM-80G", "DGX A100 8x HDR 200Gb", 8, 200, 8, "infiniband"),
        ("H100-SXM-80G", "RoCE 3200Gbps", 8, 400, 1, "roce"),
        ("H200-SXM-141G", "NVLink4 + EFA v3 16x200Gb (p5en)", 8, 400, 16, "efa_v3"),
        ("B200", "NDR 400Gb", 8, 400, 8, "infiniband"),
        ("GB200", "NVL72, 4x400Gb", 4, 72 * 50, 72, "infiniband"),
        ("H100", "NVSwitch", 8, 400, 8, "infiniband"),
    ],
)
def test_the_cards_of_a_fabric_are_read(
    gpu: str, fabric_text: str, per_node: int, gigabytes: float, cards: int, network: str
) -> None:
    changed = {"gpu": gpu, "fabric": fabric_text, "gpus_per_node": str(per_node)}
    row = read_collective({**ROW, **changed})
    assert isinstance(row, CollectiveRow)
    assert row.fabric.node_bytes_per_s == pytest.approx(gigabytes * 1e9)
    assert row.fabric.nic_count == cards
    assert row.fabric.outer.name == network


def test_a_rack_is_one_node() -> None:
    changed = {"gpu": "GB200", "gpus_per_node": "4", "nodes": "36", "n_ranks": "144"}
    row = read_collective({**ROW, **changed})
    assert isinstance(row, CollectiveRow)
    assert (row.ranks_per_node, row.nodes, row.groups) == (72, 2, 1)


def test_strided_groups_share_the_network() -> None:
    row = read_collective({**ROW, "algo": "strided group", "n_ranks": "8"})
    assert isinstance(row, CollectiveRow)
    assert (row.ranks_per_node, row.nodes, row.groups) == (2, 4, 4)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("collective", "broadcast", "collective 'broadcast' is not known"),
        ("gpu", "TPU", "device 'TPU' is not known"),
        ("size_bytes", "", "no size"),
    ],
)
def test_a_row_that_cannot_be_priced_says_why(column: str, value: str, why: str) -> None:
    assert read_collective({**ROW, column: value}) == why
