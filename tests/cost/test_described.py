"""Plans on described devices: tables of the search, the verifier and the rules say the same."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.load import load
from dsl.resolve.library import library_hardware
from dsl.spec import Device, Operator, Spec, SubAxis
from solver.cost.compute import phase_seconds, rates
from solver.cost.physics.attention import attention_seconds
from solver.cost.physics.collectives import Kind, collective_seconds
from solver.cost.physics.grouped import grouped_matmul_seconds
from solver.cost.physics.linear import linear_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.parameters import physics_of
from solver.cost.sends import sending
from solver.cost.wires import make_wires
from solver.verify import collectives as verifier
from solver.verify import kinds
from solver.verify.kernels import Work, kernel_seconds

DEVICES = library_hardware().devices
DESCRIBED = ("v100", "a100_80", "a100_pcie_80", "h100_sxm", "b200", "gb200", "mi300x")
NAMES: dict[verifier.Collective, Kind] = {
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "all_reduce": "all_reduce",
    "all_to_all": "all_to_all",
}
KINDS = {
    "all_gather": "scatter",
    "reduce_scatter": "scatter",
    "all_reduce": "reduce",
    "all_to_all": "exchange",
}


def parts_of(device: Device, nodes: int, ranks: int) -> tuple[SubAxis, ...]:
    """Sub-axes of size two: `nodes` of them between nodes, `ranks` inside."""
    outer = [SubAxis(f"node.{i}", "node", 2, (device.links[-1],)) for i in range(nodes)]
    inner = [SubAxis(f"gpu.{i}", "gpu", 2, (device.links[0],)) for i in range(ranks)]
    return (*outer, *inner)


@given(
    st.sampled_from(DESCRIBED),
    st.integers(0, 4),
    st.integers(0, 3),
    st.sampled_from(sorted(NAMES)),
    st.floats(0, 34),
)
@settings(max_examples=200, deadline=None)
def test_collectives_agree(
    name: str, nodes: int, ranks: int, collective: verifier.Collective, size: float
) -> None:
    device, volume = DEVICES[name], 2.0**size
    parts = parts_of(device, nodes, ranks)
    wires = make_wires(parts, physics_of(device))
    everyone = np.ones(len(parts), dtype=bool)
    by_table = wires.seconds(KINDS[collective], everyone, np.asarray(volume))
    assert verifier.seconds(collective, volume, parts, device) == pytest.approx(float(by_table))
    wide = fabric(physics_of(device), devices_per_node=8)
    by_rule = collective_seconds(
        NAMES[collective], volume, 2**ranks, 2**nodes, wide, groups=8 / 2**ranks
    )
    assert float(by_table) == pytest.approx(float(by_rule))
    bucketed = float(wires.bucketed(KINDS[collective], everyone, np.asarray(volume)))
    if collective != "all_to_all":
        own = verifier.seconds(collective, volume, parts, device, bucketed=True)
        assert bucketed == pytest.approx(own)
    assert bucketed <= float(by_table) * (1 + 1e-9)
    lower = make_wires(parts, physics_of(device), is_bound=True).seconds(
        KINDS[collective], everyone, np.asarray(volume)
    )
    assert float(lower) <= float(by_table) * (1 + 1e-9)


@pytest.mark.parametrize("name", ["h100_sxm", "mi300x", "a100_pcie_80"])
def test_messages_between_stages_agree(name: str) -> None:
    for link in DEVICES[name].links:
        own, other = sending(link), kinds.sending(link)
        assert own.latency == pytest.approx(other.latency)
        assert own.bandwidth == pytest.approx(other.bandwidth)
        assert own.latency == link.physics["send_s"]


SPEC = """
import hardware.nvidia (h100_sxm, a100_80)
import models.mixtral
mesh pod = {device}[node: 2, gpu: 2]
model net = mixtral.mixtral(layers: 1, d_model: 1024, heads: 8, kv_heads: 4, head_dim: 128,
    ffn: 2816, vocab: 32000, experts: 4, topk: 2, batch: 8, seq: 1000)
train {{ precision {precision}  microbatches 1  pipeline 1 stage }}
"""


def resolved(folder: Path, device: str, precision: str) -> Spec:
    path = folder / "spec.mmp"
    path.write_text(SPEC.format(device=device, precision=precision), encoding="utf-8")
    return load(path)


def sizes_of(op: Operator, cut: float) -> dict[str, float]:
    return {i.name: i.size / (cut if i.name in op.cuttable else 1.0) for i in op.indices}


@pytest.mark.parametrize(("device", "precision"), [("h100_sxm", "bf16"), ("h100_sxm", "fp8")])
def test_every_operator_agrees_with_the_verifier(
    tmp_path: Path, device: str, precision: str
) -> None:
    spec = resolved(tmp_path, device, precision)
    own, tensors = rates(spec.mesh.device, spec.train), spec.graph.tensors
    bound = rates(spec.mesh.device, spec.train, is_bound=True)
    seen = 0
    for op in spec.graph.operators:
        for gradient in (None, *op.gradients):
            for cut in (1.0, 2.0, 4.0):
                sizes = sizes_of(op, cut)
                flops, traffic = op.forward_flops, op.forward_traffic
                if gradient is not None:
                    flops, traffic = gradient.flops, gradient.traffic
                work = Work(
                    op,
                    None if gradient is None else gradient.operand,
                    sizes,
                    flops.evaluate(sizes),
                    traffic.evaluate(sizes),
                )
                if work.flops == 0 and work.traffic == 0:
                    continue
                local = {name: np.array([size, size]) for name, size in sizes.items()}
                table = phase_seconds(op, gradient, spec.graph, local, own)
                expected = kernel_seconds(work, tensors, spec.mesh.device, spec.train)
                assert table == pytest.approx([expected, expected]), op.name
                least_of_it = phase_seconds(op, gradient, spec.graph, local, bound)
                assert np.all(least_of_it <= table * (1 + 1e-12))
                seen += 1
    assert seen > 60


def test_operators_are_the_kernels_of_the_rules(tmp_path: Path) -> None:
    spec = resolved(tmp_path, "h100_sxm", "bf16")
    device = physics_of(spec.mesh.device)
    own = rates(spec.mesh.device, spec.train)
    found = {}
    for op in spec.graph.operators:
        sizes = {i.name: np.array([float(i.size)]) for i in op.indices}
        phases = (phase_seconds(op, g, spec.graph, sizes, own) for g in (None, *op.gradients))
        found[op.name.removeprefix("net.layers[0].")] = tuple(float(np.max(x)) for x in phases)
    tokens, accumulated = 8 * 1000, spec.train.optimizer.gradient_bytes
    shape = (tokens, 1024, 1024, device, "bf16")
    assert found["attn.q"] == pytest.approx(
        (
            linear_seconds(*shape, "forward"),
            linear_seconds(*shape, "input_gradient"),
            linear_seconds(*shape, "weight_gradient", accumulated),
        )
    )
    core = (8, 8, 1000, 1000, 128, device)
    launches = 2 * device.number("launch_s")  # one kernel per gradient here, one in all there
    assert found["attn.o"][0] == pytest.approx(attention_seconds(*core))
    assert sum(found["attn.o"][1:]) == pytest.approx(
        attention_seconds(*core, phase="backward") + launches
    )
    up = next(name for name in found if name.endswith(".up"))
    assert found[up][0] == pytest.approx(
        grouped_matmul_seconds(2 * tokens, 2816, 1024, 4, device, "bf16")
    )


@given(st.sampled_from((24, 60, 96)), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_bounds_are_concave_in_the_micro_batch(batch: int, low: int, more: int) -> None:
    """What `search/ranges.py` builds on: all micro-batches together take no less the more they
    are, and one takes at least its part of a larger one."""
    device = DEVICES["h100_sxm"]
    wires = make_wires(parts_of(device, 1, 2), physics_of(device), is_bound=True)
    everyone = np.ones(3, dtype=bool)
    fewer, many = low, low + more
    for kind in ("scatter", "reduce", "exchange"):
        one, other = (
            float(wires.seconds(kind, everyone, np.asarray(batch * 1e5 / m))) for m in (fewer, many)
        )
        assert fewer * one <= many * other * (1 + 1e-12)
        assert other >= fewer / many * one * (1 - 1e-12)


def test_a_device_with_multiprocessors_says_all_that_plans_need() -> None:
    for name in DESCRIBED:
        assert math.isfinite(DEVICES[name].physics["attention_tail"])
