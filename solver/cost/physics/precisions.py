"""What a precision computes at, and what its operands weigh.

`fp8` scales whole tensors (current or delayed), `fp8-block` blocks of 128 (DeepSeek-V3), `fp8-mx`
blocks of 32 in hardware (OCP Microscaling). All three run on the FP8 units; their kernels sustain
different shares of the peak.
"""

from __future__ import annotations

from solver.cost.physics.parameters import DevicePhysics

_UNITS = {"fp8-block": "fp8", "fp8-mx": "fp8"}
_BYTES = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "fp4": 0.5}


def units(precision: str) -> str:
    """The precision of the matrix units that a recipe uses."""
    return _UNITS.get(precision, precision)


def is_quantised(precision: str) -> bool:
    """Whether operands of linear layers are quantised, to eight bits or to four."""
    return units(precision) in ("fp8", "fp4")


def element_bytes(precision: str) -> float:
    """Bytes of one operand element: two, where a library names a precision of its own."""
    return _BYTES.get(units(precision), 2.0)


def peak_flop_per_s(device: DevicePhysics, precision: str) -> float:
    """Dense peak of the units that the precision uses."""
    return device.peak_flop_per_s(units(precision))


def matmul_efficiency(device: DevicePhysics, precision: str) -> float:
    """Share of the peak that large products sustain."""
    return device.number(f"matmul_efficiency_{precision.replace('-', '_')}")
