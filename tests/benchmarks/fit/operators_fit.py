"""Fit the shape constants of products and attention to published kernels; show every table's error.

    python -m tests.benchmarks.fit.operators_fit [--fit] TABLE.csv...

Without --fit it scores the numbers in use. With it, the constants that all devices share are fitted
by least squares on log time to the tables of one device (the A100 of `op_simumax_a100.csv`), with
that device's own efficiencies; the other tables then tell how far the shapes carry over.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from solver.cost.physics.parameters import DevicePhysics, device_physics
from tests.benchmarks.fit.operators_rows import OperatorRow, errors, operator_rows, shape_errors

MATMUL = (
    "matmul_efficiency_bf16",
    "tile_ramp_elements",
    "tile_loss_elements",
    "wave_rounding",
    "epilogue_exposed",
)
ATTENTION = (
    "attention_efficiency_forward",
    "attention_efficiency_backward",
    "attention_tail",
    "attention_wide_head",
)


def fitted(
    rows: list[OperatorRow], device: DevicePhysics, names: tuple[str, ...]
) -> dict[str, float]:
    """The numbers with the least robust error (soft L1 at 5 %) of log time."""
    start = np.array([device.number(name) for name in names])

    def residuals(scale: np.ndarray) -> np.ndarray:
        changed = device.with_numbers(**dict(zip(names, scale * start, strict=True)))
        return np.log([row.predicted(changed) / row.seconds for row in rows])

    result = least_squares(
        residuals, np.ones_like(start), loss="soft_l1", f_scale=0.05, diff_step=1e-3
    )
    return {name: float(value) for name, value in zip(names, result.x * start, strict=True)}


def report(rows: tuple[OperatorRow, ...], changed: dict[str, float]) -> str:
    """A line per table and kind of kernel."""
    groups: dict[tuple[str, str, str], list[OperatorRow]] = defaultdict(list)
    for row in rows:
        groups[row.source, row.kind, row.device].append(row)
    lines = [
        "| table | kernel | device | rows | level | error | around the level |",
        "|---|---|---|---|---|---|---|",
    ]
    for (source, kind, name), group in sorted(groups.items()):
        device = device_physics(name)
        own = {key: value for key, value in changed.items() if "efficiency" not in key}
        found = errors(group, device.with_numbers(**own))
        shape = np.abs(shape_errors(found)).mean()
        level = 1 + float(np.median(found))
        lines.append(
            f"| {source} | {kind} | {name} | {len(group)} | {level:.2f} "
            f"| {np.abs(found).mean():.1%} | {shape:.1%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Score, or fit and score."""
    paths = [Path(argument) for argument in sys.argv[1:] if argument != "--fit"]
    rows = operator_rows(paths)
    changed: dict[str, float] = {}
    if "--fit" in sys.argv:
        name = "a100_pcie_80"
        own = [row for row in rows if row.device == name]
        device = device_physics(name)
        for kind, names in (("matmul", MATMUL), ("attention", ATTENTION)):
            chosen = [row for row in own if row.kind == kind]
            changed |= fitted(chosen, device, names)
        for key, value in changed.items():
            sys.stdout.write(f"{key} = {value:.4g}\n")
    sys.stdout.write(report(rows, changed) + "\n")


if __name__ == "__main__":
    main()
