"""Numbers per kind of link: latencies and efficiencies of collectives (links.py says what each is).

Seconds are per collective or hop; efficiencies are shares of the data sheet's wire rate. "Fitted":
tests/benchmarks/fit/collectives_fit.py, on nccl-tests curves; what it cannot tell apart stays near
NCCL's tuner (src/graph/tuning.cc). "Slide": plateaus of NVIDIA GTC24-S62129 and GTC25-S72583, as in
stas00/ml-engineering, network. "Assumed": no source.
"""

from __future__ import annotations

# What a link has unless it states its own: that of NVLink 4, and rates that most links reach.
SHARED_LINKS: dict[str, float] = {
    "ring_efficiency": 0.8,
    "base_ll_s": 9.4e-6,
    "base_ll128_s": 10.5e-6,
    "base_simple_s": 31e-6,
    "hop_ll_s": 0.52e-6,
    "hop_ll128_s": 1.15e-6,
    "hop_simple_s": 3.5e-6,
    "ring_step_s": 0.0,
    "ll_bytes_per_s": 100e9,
    "ll128_efficiency": 0.78,
    "tree_efficiency": 0.38,
    "switch_reduction_efficiency": 0.0,
    "switch_reduction_s": 79e-6,
    "switch_tree_s": 50e-6,
    "exchange_efficiency": 0.71,
    "exchange_s": 50e-6,
    "exchange_message_s": 1e-6,
    "send_efficiency": 0.75,
    "send_s": 10e-6,
}

# Fitted to a four-node curve of 100 GB/s per node; large messages: slide, 192 of 200 GB/s (A100),
# 24 and 48 GB/s per card; all-to-all: slide, 24 GB/s of 25 among four nodes, three quarters of it
# between nodes; sends: assumed.
_INFINIBAND = {
    "ring_efficiency": 0.95,
    "hop_ll_s": 5.2e-6,
    "hop_ll128_s": 5.5e-6,
    "hop_simple_s": 6.3e-6,
    "ll_bytes_per_s": 44e9,
    "exchange_efficiency": 0.75,
    "exchange_s": 60e-6,
    "send_efficiency": 0.9,
    "send_s": 20e-6,
}
# The low-latency cap by NCCL's tuner for Hopper among two nodes; the rest as above.
_INFINIBAND_HOPPER = {**_INFINIBAND, "ll_bytes_per_s": 45e9}

LINKS: dict[str, dict[str, float]] = {
    # Fitted to 2, 4 and 8 V100; rings counted in the hybrid cube mesh (links between pairs).
    "nvlink2": {
        "ring_efficiency": 0.942,
        "base_ll_s": 12.2e-6,
        "base_ll128_s": 21.2e-6,
        "base_simple_s": 18.9e-6,
        "hop_ll_s": 0.61e-6,
        "hop_ll128_s": 2.67e-6,
        "hop_simple_s": 5.98e-6,
        "ll128_efficiency": 0.626,
        "ll_bytes_per_s": 31.7e9,
        "rings_2": 1,
        "rings_3": 2,
        "rings_4": 4,
        "rings_5": 2,
        "rings_6": 2,
        "rings_7": 4,
        "rings_8": 6,
    },
    # Fitted to 2, 4 and 8 A100, three sources.
    "nvlink3": {
        "ring_efficiency": 0.757,
        "base_ll_s": 31.1e-6,
        "base_ll128_s": 50.9e-6,
        "base_simple_s": 49.3e-6,
        "hop_ll_s": 0.81e-6,
        "hop_ll128_s": 1.96e-6,
        "hop_simple_s": 3.09e-6,
        "ll128_efficiency": 0.9,
        "ll_bytes_per_s": 27e9,
        "exchange_efficiency": 0.69,
        "exchange_s": 88e-6,
    },
    # Fitted to 4 to 8 H100 and H200, four sources; all-to-all: slide, 320 of 450 GB/s.
    "nvlink4": {
        "ring_efficiency": 0.833,
        "ll_bytes_per_s": 158e9,
        "switch_reduction_efficiency": 0.679,
    },
    # Bus rate of large all-reduces 682 GB/s in rings, 838 in the switch, all-to-all 640 (slide);
    # latencies as NVLink 4, assumed; low-latency cap: NCCL's tuner.
    "nvlink5": {
        "ring_efficiency": 0.765,
        "ll_bytes_per_s": 282e9,
        "switch_reduction_efficiency": 0.6,
    },
    # Measured at 2 and 8 MI300X: 47.7 and 312.9 GB/s; a link of its own between any two devices.
    "xgmi": {
        "ring_efficiency": 0.72,
        **{f"rings_{ranks}": float(ranks - 1) for ranks in range(2, 9)},
    },
    # Fits of SimuMax to A100 PCIe: all-gather 0.68 of 30 GB/s within a socket, 0.45 across; slide:
    # 24 of 31 GB/s.
    "pcie4": {
        "ring_efficiency": 0.55,
        "hop_simple_s": 5.7e-6,
        "exchange_efficiency": 0.35,
        "send_efficiency": 0.5,
        **{f"rings_{ranks}": 1.2 if ranks <= 4 else 1.0 for ranks in range(2, 9)},
    },
    # As PCIe 4; slide: 48 of 63 GB/s.
    "pcie5": {
        "ring_efficiency": 0.68,
        "hop_simple_s": 5.7e-6,
        "exchange_efficiency": 0.25,
        "send_efficiency": 0.5,
    },
    "infiniband_edr": _INFINIBAND,
    "infiniband_hdr": _INFINIBAND,
    "infiniband_ndr": _INFINIBAND_HOPPER,
    "infiniband_xdr": _INFINIBAND_HOPPER,
    "roce": _INFINIBAND_HOPPER,
    # Fitted to two nodes of p5; steps of a ring: gathers among 16 and 32 ranks in training runs of
    # p5, and the median all-gathers of 16 to 512 ranks in the Ultra-Scale Playbook.
    "efa": {
        **_INFINIBAND,
        "ring_step_s": 44e-6,
        "ring_efficiency": 0.93,
        "hop_ll_s": 31.4e-6,
        "hop_ll128_s": 56e-6,
        "hop_simple_s": 39.6e-6,
        "ll_bytes_per_s": 44.5e9,
        "switch_tree_s": 157e-6,
    },
    # Large messages measured on four and sixteen nodes of p5en: no trace of the slow steps above.
    "efa_v3": {
        **_INFINIBAND,
        "ring_efficiency": 0.93,
        "ring_step_s": 10e-6,
        "hop_ll_s": 20e-6,
        "hop_ll128_s": 36e-6,
        "hop_simple_s": 25e-6,
        "ll_bytes_per_s": 44.5e9,
        "switch_tree_s": 157e-6,
    },
    # Slide: 10 of 12.5 GB/s; latencies assumed.
    "tcp": {
        **_INFINIBAND,
        "ring_efficiency": 0.8,
        "hop_ll_s": 40e-6,
        "hop_ll128_s": 40e-6,
        "hop_simple_s": 50e-6,
        "send_efficiency": 0.8,
        "send_s": 60e-6,
    },
}
