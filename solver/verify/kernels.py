"""Kernels of a described device (section 5): matrix products in tiles, fused attention, passes over
memory. One operator at a time, with plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsl.resolve.physics_names import is_described
from dsl.spec import Device, Operator, Tensor, Train

Sizes = Mapping[str, float]
Numbers = Mapping[str, float]

TILES = ((256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64))
SPLITS = (1, 2, 4)
ROW = 128  # queries of a row of tiles in a fused attention kernel
QUANTISED = {"fp8": (6.0, 2), "fp8-block": (4.0, 1), "fp8-mx": (4.0, 1), "fp4": (6.0, 2)}
OPERAND_BYTES = {"fp32": 4.0, "tf32": 4.0, "fp8": 1.0, "fp8-block": 1.0, "fp8-mx": 1.0, "fp4": 0.5}


@dataclass(frozen=True, slots=True)
class Work:
    """One phase of an operator on local sizes: the forward (`operand` None) or the gradient of one
    operand; its arithmetic in FLOP and its traffic in bytes, as its kind declares them."""

    operator: Operator
    operand: int | None
    sizes: Sizes
    flops: float
    traffic: float


def kernel_seconds(
    work: Work, tensors: Mapping[str, Tensor], device: Device, train: Train
) -> float:
    """Seconds of a phase that does anything."""
    numbers, operator = device.physics, work.operator
    passes = numbers["launch_s"] + work.traffic / _bandwidth(numbers)
    if operator.engine == "vector":
        return passes
    if operator.engine == "attention" and len(operator.inputs) >= 3:
        return max(passes, _attention(work, numbers))
    rate = _rate(device, train.precision.computes)
    if _is_product(operator) and work.operand in (None, 0, 1):
        return _product(work, tensors, rate, numbers, train)
    return max(passes, numbers["launch_s"] + work.flops / (rate * operator.efficiency))


def update_bandwidth(device: Device) -> float:
    """Bytes/s that an update of the optimizer moves, on any device."""
    return _bandwidth(device.physics) if is_described(device.physics) else device.memory_bandwidth


def _bandwidth(numbers: Numbers) -> float:
    return numbers["memory_bandwidth_bytes_per_s"] * numbers["memory_efficiency"]


def _rate(device: Device, precision: str) -> float:
    """FLOP/s that large products sustain; the device's own rate where nothing is known of it."""
    share = device.physics.get(f"matmul_efficiency_{precision}")
    if share is None:
        return device.flops[precision]
    return device.physics[f"peak_{precision}_flop_per_s"] * share


def _is_product(operator: Operator) -> bool:
    """Two operands, one result, two FLOPs for every point of the iteration space."""
    if operator.engine != "tensor" or len(operator.inputs) < 2 or len(operator.results) != 1:
        return False
    whole = {index.name: index.size for index in operator.indices}
    return operator.forward_flops.evaluate(whole) == 2 * math.prod(whole.values())


def _product(
    work: Work,
    tensors: Mapping[str, Tensor],
    rate: float,
    numbers: Numbers,
    train: Train,
) -> float:
    operator, precision = work.operator, train.precision.computes
    a, w = (set(use.indices) for use in operator.inputs[:2])
    y = set(operator.results[0].indices)
    batch = _extent(work, a & w & y)
    rows, columns = _extent(work, y - w), _extent(work, (y & w) - a)
    summed = _extent(work, {index.name for index in operator.indices} - y)
    is_layer = tensors[operator.inputs[1].tensor].role == "parameter"
    use = operator.results[0] if work.operand is None else operator.inputs[work.operand]
    written, cast = tensors[use.tensor].element_bytes, 0.0
    if work.operand is None:
        shape, cast = (rows, columns, summed), rows * summed * batch
    elif work.operand == 0:
        shape, cast = (rows, summed, columns), rows * columns * batch
    else:
        shape = (summed, columns, rows)
        written = 2 * train.optimizer.gradient_bytes if is_layer else written
    operand = OPERAND_BYTES.get(precision, 2.0)
    spent = matmul_seconds(*shape, batch, rate, numbers, operand, written) / operator.efficiency
    if is_layer and a & w & y:
        spent /= numbers["grouped_efficiency"]
    if is_layer and cast and precision in QUANTISED:
        size, launches = QUANTISED[precision]
        spent += launches * numbers["launch_s"] + size * cast / _bandwidth(numbers)
    return spent


def matmul_seconds(
    m: float,
    n: float,
    k: float,
    batch: float,
    rate: float,
    numbers: Numbers,
    operand_bytes: float,
    result_bytes: float,
) -> float:
    """`batch` products [m, k] x [k, n] on multiprocessors that together do `rate` FLOP/s."""
    units, bandwidth = numbers["sm_count"], _bandwidth(numbers)
    results = batch * m * n
    best = math.inf
    for tile_m, tile_n in TILES:
        loss = 1 / tile_m + 1 / tile_n - (1 / 128 + 1 / 256)
        work = 2 * tile_m * tile_n * (1 + numbers["tile_loss_elements"] * loss)
        tiles = batch * math.ceil(m / tile_m) * math.ceil(n / tile_n)
        for split in SPLITS:
            depth = k / split + numbers["tile_ramp_elements"]
            waves = tiles * split / units
            waves += numbers["wave_rounding"] * (math.ceil(waves) - waves)
            epilogue = numbers["epilogue_exposed"] * result_bytes + (4 * split if split > 1 else 0)
            spent = max(1.0, waves) * work * depth * units / rate
            best = min(best, spent + epilogue * results / bandwidth)
    moved = batch * (m + n) * k * operand_bytes + results * result_bytes
    return numbers["launch_s"] + max(best, moved / bandwidth)


def _attention(work: Work, numbers: Numbers) -> float:
    """A fused kernel: its longest row of tiles ends alone."""
    operator = work.operator
    q, key, val = (set(use.indices) for use in operator.inputs[:3])
    o, cut = set(operator.results[0].indices), set(operator.cuttable)
    rows, keys = _extent(work, q & o & cut), _extent(work, key - q)
    query, value = _extent(work, (q & key) - cut), _extent(work, (val & o) - cut)
    ahead = operator.forward_flops.evaluate(work.sizes)
    kept = min(1.0, ahead / (2 * rows * keys * (query + value))) or 1.0
    longest = ROW * work.flops / (kept * rows)
    phase = "forward" if work.operand is None else "backward"
    peak = numbers.get("peak_bf16_flop_per_s") or numbers["peak_fp16_flop_per_s"]
    rate = peak * numbers[f"attention_efficiency_{phase}"]
    rate *= min(1.0, max(query, value) / 128) ** numbers["attention_narrow_power"]
    if query != value:
        rate *= numbers["attention_wide_head"]
    tail = numbers["attention_tail"] * numbers["sm_count"] * longest
    spent: float = numbers["launch_s"] + (work.flops + tail) / rate
    return spent


def _extent(work: Work, names: Iterable[str]) -> float:
    return math.prod(work.sizes[name] for name in names)
