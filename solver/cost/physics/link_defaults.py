"""Numbers per kind of link: latencies and efficiencies of collectives (see links.py for each name).

Seconds are per message or hop; efficiencies are shares of the wire rate of the data sheet.
"""

from __future__ import annotations

# What every link has unless it states its own. Latencies start from NCCL's tuner (Hopper).
SHARED_LINKS: dict[str, float] = {
    "ring_efficiency": 0.8,
    "base_ll_s": 7e-6,
    "base_ll128_s": 14e-6,
    "base_simple_s": 30e-6,
    "hop_ll_s": 0.6e-6,
    "hop_ll128_s": 1.9e-6,
    "hop_simple_s": 3.4e-6,
    "ll_bytes_per_s": 100e9,
    "ll128_efficiency": 0.92,
    "tree_efficiency": 0.38,
    "switch_reduction_efficiency": 0.0,
    "switch_reduction_s": 63e-6,
    "exchange_efficiency": 0.7,
    "exchange_s": 50e-6,
    "send_efficiency": 0.7,
    "send_s": 10e-6,
}

_NET = {
    "ring_efficiency": 0.94,
    "hop_ll_s": 5e-6,
    "hop_ll128_s": 8e-6,
    "hop_simple_s": 14e-6,
    "ll_bytes_per_s": 40e9,
    "exchange_efficiency": 0.75,
    "send_efficiency": 0.9,
    "send_s": 20e-6,
}

LINKS: dict[str, dict[str, float]] = {
    "nvlink2": {"ring_efficiency": 0.93, "rings_2": 1, "rings_3": 2, "rings_4": 4, "rings_5": 2,
                "rings_6": 2, "rings_7": 4, "rings_8": 6},
    "nvlink3": {"ring_efficiency": 0.79, "ll_bytes_per_s": 25e9, "base_ll_s": 35e-6},
    "nvlink4": {"ring_efficiency": 0.82, "ll_bytes_per_s": 141e9,
                "switch_reduction_efficiency": 0.68},
    "nvlink5": {"ring_efficiency": 0.77, "ll_bytes_per_s": 282e9,
                "switch_reduction_efficiency": 0.6},
    "xgmi": {"ring_efficiency": 0.7, **{f"rings_{n}": float(n - 1) for n in range(2, 9)}},
    "pcie4": {"ring_efficiency": 0.7, "hop_simple_s": 5.7e-6},
    "pcie5": {"ring_efficiency": 0.7, "hop_simple_s": 5.7e-6},
    "infiniband_edr": _NET,
    "infiniband_hdr": _NET,
    "infiniband_ndr": _NET,
    "infiniband_xdr": _NET,
    "roce": _NET,
    "efa": {**_NET, "ring_efficiency": 0.92, "hop_ll_s": 18e-6, "hop_ll128_s": 20e-6,
            "hop_simple_s": 25e-6},
    "tcp": {**_NET, "ring_efficiency": 0.8, "hop_ll_s": 40e-6, "hop_ll128_s": 40e-6,
            "hop_simple_s": 50e-6},
}  # fmt: skip
