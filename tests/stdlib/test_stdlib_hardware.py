"""Device figures are those of tests/data/gpu_specs.csv."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from published import rows

from dsl.spec import Spec

Planned = Callable[..., Spec]

# device -> (row of the table, bus bandwidth reached inside a node in GB/s, usable memory in GiB)
DEVICES = {
    "nvidia.a100_40": ("A100-SXM-40G", 232, 39.38),
    "nvidia.a100_80": ("A100-SXM-80G", 232, 79.14),
    "nvidia.h100_sxm": ("H100-SXM-80G", 362, 79.18),
    "nvidia.h200": ("H200-SXM-141G", 361, 139.72),
    "nvidia.b200": ("B200-SXM-180G", 682, 178.35),
    "amd.mi300x": ("MI300X", 312.9, 191.69),
    "huawei.ascend_910b": ("Ascend-910B2 (Atlas 800T A2, 24 cores)", None, 60.96),
}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_rates(device: str, planned: Planned) -> None:
    row = rows("gpu_specs.csv", "device")[DEVICES[device][0]]
    flops = planned("models.llama", "llama3_1b", device=device).mesh.device.flops
    assert flops["bf16"] == flops["fp16"]
    if row["mamf_bf16_tflops"]:
        assert flops["bf16"] == pytest.approx(float(row["mamf_bf16_tflops"]) * 1e12)
    else:
        assert flops["bf16"] == pytest.approx(0.75 * float(row["bf16_dense_tflops"]) * 1e12)
    assert ("fp8" in flops) == bool(row["fp8_dense_tflops"])
    if row["fp8_dense_tflops"]:
        assert flops["bf16"] < flops["fp8"] < float(row["fp8_dense_tflops"]) * 1e12


def test_memory(device: str, planned: Planned) -> None:
    row = rows("gpu_specs.csv", "device")[DEVICES[device][0]]
    part = planned("models.llama", "llama3_1b", device=device).mesh.device
    assert part.memory_bytes == pytest.approx(DEVICES[device][2] * 2**30)
    # A process gets less than the chips hold (nominal GB are GiB of DRAM) but most of it.
    assert 0.95 * float(row["hbm_gb"]) * 1e9 < part.memory_bytes < float(row["hbm_gb"]) * 2**30
    share = part.memory_bandwidth / (float(row["hbm_gbs"]) * 1e9)
    assert 0.79 < share < 0.86


def test_links(device: str, planned: Planned) -> None:
    name, reached, _ = DEVICES[device]
    row = rows("gpu_specs.csv", "device")[name]
    near, far = planned("models.llama", "llama3_1b", device=device).mesh.device.links
    assert near.among == int(row["intra_domain"])
    assert far.among is None
    expected = 0.75 * float(row["intra_gbs_per_dir"]) if reached is None else reached
    assert near.bandwidth == pytest.approx(expected * 1e9)
    assert 0.79 < far.bandwidth / (float(row["inter_gbs_per_dir_per_device"]) * 1e9) < 0.87
    assert 0 < near.latency < far.latency < 20e-6


def test_worker_is_never_the_bottleneck(planned: Planned) -> None:
    device = planned("models.llama", "llama3_1b", device="abstract.worker").mesh.device
    assert device.launch == 0
    assert device.links[0].latency == 0
    assert device.memory_bytes == 1000 * 2**40
