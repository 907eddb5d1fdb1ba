"""Matrix products: tiles over multiprocessors, roofline, launch.

A product of [m, k] and [k, n] runs as tiles of the result, one per multiprocessor at a time:

    waves  = tiles / multiprocessors, rounded up in part (schedulers hide some of the last wave)
    tile   = 2 tile_m tile_n (k + ramp) / (efficiency peak / multiprocessors), times a loss that
             grows as tiles get small (operands are read from shared memory 1/tile_m + 1/tile_n)
    time   = launch + max(waves tile + epilogue, bytes / memory bandwidth)

`ramp` is the fill and drain of a tile's pipeline, in steps of k; the epilogue writes the result
and is hidden in part. The library picks the best tile and may split k. Form: wave and tile
quantisation as in NVIDIA, "Matrix Multiplication Background User's Guide"; Osama et al.,
"Stream-K", 2023. Shared constants are fitted to 183 products on an A100 (SimuMax); the efficiency
is one number per device and precision: what large products sustain at the clock power allows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.precisions import element_bytes, matmul_efficiency, peak_flop_per_s

Floats = float | npt.NDArray[np.float64]

_TILES = ((256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64))
_SPLITS = (1, 2, 4)
_OPTIONS = np.array([(m, n, s) for m, n in _TILES for s in _SPLITS], dtype=np.float64)
_LARGEST = 1 / 128 + 1 / 256  # operand reads per result of the largest tile


def matmul_seconds(
    m: Floats,
    n: Floats,
    k: Floats,
    device: DevicePhysics,
    precision: str,
    batch: Floats = 1.0,
    result_bytes: float = 2.0,
    whole_tiles: bool = True,
) -> Floats:
    """Seconds of `batch` products [m, k] x [k, n].

    `result_bytes` are moved per element of the result: 2 to write bf16, 8 to read, add to and
    write an fp32 gradient. Without `whole_tiles` work is not rounded up to tiles and waves: a lower
    bound that is concave in every size.
    """
    sizes = np.broadcast_arrays(m, n, k, batch)
    m_, n_, k_, b_ = (np.asarray(size, dtype=np.float64)[..., None] for size in sizes)
    tile_m, tile_n, split = _OPTIONS.T
    units = device.number("sm_count")
    rate = peak_flop_per_s(device, precision) * matmul_efficiency(device, precision)
    bandwidth = device.memory_bandwidth_bytes_per_s * device.number("memory_efficiency")

    loss = 1 + device.number("tile_loss_elements") * (1 / tile_m + 1 / tile_n - _LARGEST)
    steps = k_ / split + device.number("tile_ramp_elements")
    per_tile = 2 * tile_m * tile_n * steps * loss * units / rate
    if whole_tiles:
        full = b_ * np.ceil(m_ / tile_m) * np.ceil(n_ / tile_n) * split / units
        full = full + device.number("wave_rounding") * (np.ceil(full) - full)
    else:
        full = b_ * m_ / tile_m * n_ / tile_n * split / units
    waves = np.maximum(1.0, full)
    results = b_ * m_ * n_
    exposed = device.number("epilogue_exposed") * result_bytes + np.where(split > 1, 4 * split, 0)
    compute = np.min(waves * per_tile + exposed * results / bandwidth, axis=-1)

    operand = element_bytes(precision)
    moved = (b_ * (m_ + n_) * k_ * operand + results * result_bytes)[..., 0] / bandwidth
    time = device.number("launch_s") + np.maximum(compute, moved)
    return time if np.ndim(time) else float(time)
