"""Attention cores: fused (flash) and unfused, forward and backward.

Flash attention (Dao, 2022 and 2023) multiplies queries with keys and probabilities with values
tile by tile and never writes scores: 2 products forward, 5 backward (one recomputes the scores).
Causal kernels skip tiles above the diagonal. Work is dealt in rows of tiles; the longest row ends
the kernel alone, so a small number of heads leaves units idle:

    time = launch + (work + tail units longest row) / (efficiency peak)

Unfused attention is a batch of matrix products and passes over the scores in memory: forward
reads and writes for softmax and dropout, backward likewise (Korthikanti et al., 2022, section 4.1,
for what is stored). It computes above the diagonal as well.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from solver.cost.physics.matmul import matmul_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds

Floats = float | npt.NDArray[np.float64]
Kernel = Literal["flash", "unfused"]
Phase = Literal["forward", "backward"]

ROW = 128.0  # queries (forward) or keys (backward) of one row of tiles
_PASSES = {"forward": 9.0, "backward": 11.0}  # bytes per score: softmax, dropout and its mask


def attention_seconds(
    batch: Floats,
    heads: Floats,
    seq_q: Floats,
    seq_k: Floats,
    head_dim: float,
    device: DevicePhysics,
    causal: bool = True,
    kernel: Kernel = "flash",
    phase: Phase = "forward",
    precision: str = "bf16",
    value_dim: float | None = None,
) -> Floats:
    """Seconds of the attention core of one layer; the linear layers around it are not part of it.

    `head_dim` is that of queries and keys, `value_dim` that of values (None: the same).
    """
    values = head_dim if value_dim is None else value_dim
    if kernel == "unfused":
        return _unfused(batch * heads, seq_q, seq_k, head_dim, values, device, phase, precision)
    return _flash(batch, heads, seq_q, seq_k, head_dim, values, device, causal, phase)


def _flash(
    batch: Floats,
    heads: Floats,
    seq_q: Floats,
    seq_k: Floats,
    head_dim: float,
    value_dim: float,
    device: DevicePhysics,
    causal: bool,
    phase: Phase,
) -> Floats:
    if phase == "forward":
        products = 2.0 * (head_dim + value_dim)
    else:  # scores, dQ, dK over head_dim; dP, dV over value_dim
        products = 2.0 * (3 * head_dim + 2 * value_dim)
    kept = 0.5 if causal else 1.0
    work = kept * products * batch * heads * seq_q * seq_k
    longest = products * ROW * (seq_k if phase == "forward" else seq_q)
    return fused_seconds(
        work, longest, max(head_dim, value_dim), head_dim == value_dim, device, phase
    )


def fused_seconds(
    work: Floats,
    longest: Floats,
    width: float,
    is_even: bool,
    device: DevicePhysics,
    phase: Phase,
) -> Floats:
    """Seconds of a fused kernel that does `work` FLOP, of which `longest` in its longest row of
    tiles; `width` of the wider of keys and values, which `is_even` says are alike."""
    shape: float = min(1.0, width / 128.0) ** device.number("attention_narrow_power")
    if not is_even:
        shape = shape * device.number("attention_wide_head")
    rate = (
        attention_peak_flop_per_s(device) * device.number(f"attention_efficiency_{phase}") * shape
    )
    units = device.number("sm_count")
    compute = (work + device.number("attention_tail") * units * longest) / rate
    return compute + device.number("launch_s")


def attention_peak_flop_per_s(device: DevicePhysics) -> float:
    """Attention cores compute at 16 bits, whatever the products do."""
    return device.peak_flop_per_s("bf16" if device.computes("bf16") else "fp16")


def _unfused(
    matrices: Floats,
    seq_q: Floats,
    seq_k: Floats,
    head_dim: float,
    value_dim: float,
    device: DevicePhysics,
    phase: Phase,
    precision: str,
) -> Floats:
    scores = matrices * seq_q * seq_k
    passes = pointwise_seconds(_PASSES[phase] * scores, device, launches=2.0)
    score = matmul_seconds(seq_q, seq_k, head_dim, device, precision, batch=matrices)
    mixed = matmul_seconds(seq_q, value_dim, seq_k, device, precision, batch=matrices)
    if phase == "forward":
        return passes + score + mixed
    probability = matmul_seconds(seq_q, seq_k, value_dim, device, precision, batch=matrices)
    keys = matmul_seconds(seq_k, head_dim, seq_q, device, precision, batch=matrices)
    return passes + probability + mixed + 2 * keys
