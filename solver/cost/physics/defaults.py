"""Numbers of the devices until they are read from the hardware library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from solver.cost.physics.link_defaults import LINKS as LINKS
from solver.cost.physics.link_defaults import SHARED_LINKS
from solver.cost.physics.memory_defaults import MEMORY
from solver.cost.physics.step_defaults import STEP


class DeviceNumbers(NamedTuple):
    """`links`: name, how many neighbours it joins (None: any), bytes/s per device and direction."""

    numbers: Mapping[str, float]
    links: tuple[tuple[str, int | None, float], ...]


GIB = 2.0**30
GB = 1e9
T = 1e12

# Numbers that every device shares unless it states its own. One block per rule file.
SHARED: dict[str, float] = {
    **SHARED_LINKS,
    "launch_s": 3e-6,
    # matmul.py: fitted to 183 products on A100 (op_simumax_a100)
    "tile_ramp_elements": 56.0,
    "tile_loss_elements": 35.0,
    "wave_rounding": 0.6,
    "epilogue_exposed": 0.47,
    "memory_efficiency": 0.85,
    "matmul_efficiency_bf16": 0.78,
    "matmul_efficiency_fp16": 0.78,
    "matmul_efficiency_tf32": 0.78,
    "matmul_efficiency_fp32": 0.8,
    "matmul_efficiency_fp8": 0.64,
    "matmul_efficiency_fp8_block": 0.55,
    "matmul_efficiency_fp8_mx": 0.6,
    "matmul_efficiency_fp4": 0.45,
    "grouped_efficiency": 0.95,
    # mixture of experts: the fullest rank's rows by the mean; kernels of the router
    "expert_imbalance": 1.03,
    "router_kernels": 8.0,
    "expert_passes": 2.75,
    "host_exchange_s": 1.3e-3,
    "host_exchange_later_s": 0.5e-3,
    **STEP,
    **MEMORY,
    # attention.py
    "attention_efficiency_forward": 0.64,
    "attention_efficiency_backward": 0.52,
    "attention_tail": 0.55,
    "attention_narrow_power": 0.4,
    "attention_wide_head": 0.86,
}


def _device(
    bf16: float,
    fp8: float,
    memory_gib: float,
    memory_gb_per_s: float,
    links: tuple[tuple[str, int | None, float], ...],
    sm_count: int,
    **numbers: float,
) -> DeviceNumbers:
    return DeviceNumbers(
        {
            "peak_bf16_flop_per_s": bf16 * T,
            "peak_fp16_flop_per_s": bf16 * T,
            "peak_tf32_flop_per_s": bf16 * T / 2,
            "peak_fp8_flop_per_s": fp8 * T,
            "peak_fp4_flop_per_s": fp8 * T,
            "memory_bytes": memory_gib * GIB,
            "memory_bandwidth_bytes_per_s": memory_gb_per_s * GB,
            "sm_count": sm_count,
            **numbers,
        },
        links,
    )


def _links(
    inner: str, among: int, inner_gb: float, outer: str, outer_gb: float
) -> tuple[tuple[str, int | None, float], ...]:
    return ((inner, among, inner_gb * GB), (outer, None, outer_gb * GB))


_HDR = ("infiniband_hdr", 25.0)
_NDR = ("infiniband_ndr", 50.0)
_XDR = ("infiniband_xdr", 100.0)


# What large products and attention sustain, as a share of the peak.
def _sustained(
    bf16: float, fp8: float, block: float, mx: float, forward: float, backward: float
) -> dict[str, float]:
    return {
        "matmul_efficiency_bf16": bf16,
        "matmul_efficiency_fp16": bf16,
        "matmul_efficiency_fp8": fp8,
        "matmul_efficiency_fp8_block": block,
        "matmul_efficiency_fp8_mx": mx,
        "attention_efficiency_forward": forward,
        "attention_efficiency_backward": backward,
    }


_VOLTA = _sustained(0.72, 0.72, 0.72, 0.72, 0.4, 0.3)
_AMPERE = {**_sustained(0.792, 0.792, 0.792, 0.792, 0.538, 0.437), "host_rank_s": 1.92e-05}
_AMPERE_PCIE = _sustained(0.776, 0.776, 0.776, 0.776, 0.64, 0.52)
_HOPPER = {
    **_sustained(0.632, 0.64, 0.53, 0.6, 0.69, 0.578),
    "attention_portable": 2.01,
    "overlap_slowdown": 0.173,
}
_HOPPER_500W = {**_sustained(0.46, 0.41, 0.3, 0.38, 0.43, 0.36), "attention_portable": 1.4}
# Quantisation on B300 moves 5.4 of 8 TB/s (op_te_gemm_b300_h200nvl; H200 NVL 4.25 of 4.8).
_HBM3E_STREAMS = {"memory_efficiency": 0.7}
_BLACKWELL = {
    **_sustained(0.62, 0.55, 0.44, 0.49, 0.52, 0.43),
    **_HBM3E_STREAMS,
    "attention_portable": 2.5,
    "peak_fp4_flop_per_s": 9000 * T,
    "matmul_efficiency_fp4": 0.46,
}
_BLACKWELL_LIMITED = {
    **_sustained(0.338, 0.27, 0.19, 0.25, 0.28, 0.22),
    **_HBM3E_STREAMS,
    "attention_portable": 2.5,
}
_BLACKWELL_GRACE = {
    **_sustained(0.58, 0.51, 0.41, 0.45, 0.48, 0.40),
    **_HBM3E_STREAMS,
    "attention_portable": 2.5,
    "peak_fp4_flop_per_s": 10000 * T,
    "matmul_efficiency_fp4": 0.44,
}
_BLACKWELL_ULTRA = {
    **_sustained(0.67, 0.65, 0.55, 0.62, 0.56, 0.46),
    **_HBM3E_STREAMS,
    "attention_portable": 2.5,
    "peak_fp4_flop_per_s": 15000 * T,
    "matmul_efficiency_fp4": 0.40,
}
_CDNA3 = _sustained(0.331, 0.245, 0.22, 0.22, 0.22, 0.18)

DEVICES: dict[str, DeviceNumbers] = {
    "v100": _device(
        125, 125, 31.7, 900, _links("nvlink2", 8, 150, "infiniband_edr", 12.5), 80, **_VOLTA
    ),
    "a100_40": _device(312, 312, 39.38, 1555, _links("nvlink3", 8, 300, *_HDR), 108, **_AMPERE),
    "a100_80": _device(312, 312, 79.14, 2039, _links("nvlink3", 8, 300, *_HDR), 108, **_AMPERE),
    "a100_pcie_80": _device(
        312, 312, 79.14, 1935, _links("pcie4", 8, 31, *_HDR), 108, **_AMPERE_PCIE
    ),
    "a800": _device(312, 312, 79.14, 2039, _links("nvlink3", 8, 200, *_HDR), 108, **_AMPERE),
    "h100_sxm": _device(
        989.4, 1978.9, 79.18, 3350, _links("nvlink4", 8, 450, *_NDR), 132, **_HOPPER
    ),
    "h100_96_500w": _device(
        989.4, 1978.9, 95.0, 2400, _links("nvlink4", 8, 450, *_NDR), 132, **_HOPPER_500W
    ),
    "h100_pcie": _device(
        756, 1513, 79.18, 2000, _links("pcie5", 8, 63, *_NDR), 114, **_HOPPER_500W
    ),
    "h800": _device(989.4, 1978.9, 79.18, 3350, _links("nvlink4", 8, 200, *_NDR), 132, **_HOPPER),
    "h200": _device(989.4, 1978.9, 139.72, 4800, _links("nvlink4", 8, 450, *_NDR), 132, **_HOPPER),
    "h20": _device(148, 296, 95.0, 4000, _links("nvlink4", 8, 450, *_NDR), 78, **_HOPPER),
    # Held at 750 W (PyTorch's fleet).
    "b200_limited": _device(
        2250, 4500, 178.35, 8000, _links("nvlink5", 8, 900, *_NDR), 148, **_BLACKWELL_LIMITED
    ),
    "b200": _device(2250, 4500, 178.35, 8000, _links("nvlink5", 8, 900, *_NDR), 148, **_BLACKWELL),
    "gb200": _device(
        2500, 5000, 184.0, 8000, _links("nvlink5", 72, 900, *_NDR), 148, **_BLACKWELL_GRACE
    ),
    "b300": _device(
        2250, 4500, 268.0, 8000, _links("nvlink5", 8, 900, *_XDR), 148, **_BLACKWELL_ULTRA
    ),
    "gb300": _device(
        2500, 5000, 276.0, 8000, _links("nvlink5", 72, 900, *_XDR), 148, **_BLACKWELL_ULTRA
    ),
    "mi300x": _device(1307, 2614, 191.0, 5300, _links("xgmi", 8, 448, *_NDR), 304, **_CDNA3),
}
