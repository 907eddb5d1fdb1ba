"""Published operators: a row of an `op_*` table to what the rules predict for it.

Rows name a device, shapes and either seconds or FLOP/s. Kernels alone run at clocks that a training
step does not hold, so a source differs from the sustained efficiencies by a level of its own; what
the rules of shape are judged by is the spread around that level (`shape_errors`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from solver.configuration.row_words import precision_of
from solver.cost.physics.attention import attention_seconds
from solver.cost.physics.grouped import grouped_matmul_seconds
from solver.cost.physics.matmul import matmul_seconds
from solver.cost.physics.parameters import DevicePhysics

DEVICES = {
    "A100-PCIe-80G": "a100_pcie_80",
    "A100-SXM-40G": "a100_40",
    "H800-SXM": "h800",
    "H100": "h100_sxm",
    "B200": "b200",
}
HEADS = re.compile(r"heads=(\d+) kv_heads=\d+ qk_dim=(\d+) v_dim=(\d+)")
SEQUENCE = 4096.0  # of the attention rows, as printed in their `m`
BACKWARD_BY_FORWARD = 2.5  # FLOPs, as attention rows count them
PICO = 1e12


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """One measured kernel: `kind` is matmul, grouped or attention, `seconds` what it took."""

    row_id: str
    kind: str
    device: str
    precision: str
    seconds: float
    cells: Mapping[str, str]

    @property
    def source(self) -> str:
        """The table it comes from."""
        return self.row_id.split("#")[0]

    def predicted(self, device: DevicePhysics) -> float:
        """Seconds by the rules."""
        if self.kind == "attention":
            return _attention(self, device)
        if self.kind == "grouped":
            return _grouped(self, device)
        m, n, k = (float(self.cells[name]) for name in "mnk")
        batch = float(self.cells["b"] or 1)
        moved = 8.0 if "out=fp32" in self.cells["notes"] else 2.0
        return float(matmul_seconds(m, n, k, device, self.precision, batch, moved))


def operator_rows(paths: Iterable[Path]) -> tuple[OperatorRow, ...]:
    """The rows that time one kernel on a device of the library."""
    found = []
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        for cells in csv.DictReader(line for line in lines if not line.startswith("#")):
            row = _row(cells)
            if row:
                found.append(row)
    return tuple(found)


def _row(cells: Mapping[str, str]) -> OperatorRow | None:
    device, op = DEVICES.get(cells.get("gpu", "")), cells.get("op", "")
    if device is None or "fwd+bwd" in op:
        return None
    kind = "attention" if op.startswith("sdp") else "grouped" if "group" in op else "matmul"
    # Scaling by 128 channels is that of blocks.
    words = cells["precision"].replace("128-channel", "block")
    precision = precision_of(words, device)
    return OperatorRow(cells["row_id"], kind, device, precision, _seconds(cells, kind), cells)


def _seconds(cells: Mapping[str, str], kind: str) -> float:
    if cells["time_us"]:
        return float(cells["time_us"]) * 1e-6
    if kind == "attention":
        heads, key, value = _heads(cells)
        flops = 2 * (key + value) * heads * SEQUENCE**2
        flops *= BACKWARD_BY_FORWARD if cells["op"].endswith("bwd") else 1.0
        return flops / (float(cells["eff"]) * float(cells["peak_tflops"]) * PICO)
    m, n, k = (float(cells[name]) for name in "mnk")
    return 2 * m * n * k * float(cells["b"] or 1) / (float(cells["tflops"]) * PICO)


def _heads(cells: Mapping[str, str]) -> tuple[float, float, float]:
    match = HEADS.search(cells["notes"])
    if match is None:
        raise ValueError(f"{cells['row_id']}: heads are not stated")
    heads, key, value = (float(text) for text in match.groups())
    return heads, key, value


def _attention(row: OperatorRow, device: DevicePhysics) -> float:
    heads, key, value = _heads(row.cells)
    backward = row.cells["op"].endswith("bwd")
    return float(
        attention_seconds(
            1.0,
            heads,
            SEQUENCE,
            SEQUENCE,
            key,
            device,
            phase="backward" if backward else "forward",
            value_dim=value,
        )
    )


def _grouped(row: OperatorRow, device: DevicePhysics) -> float:
    """`m` is rows of one group where the layout names a phase, else of all where it does not."""
    m, n, k = (float(row.cells[name]) for name in "mnk")
    groups, layout = float(row.cells["groups"]), f"{row.cells['layout']} {row.cells['op']}"
    if " dB " in layout:  # [n, m] by [m, k], printed in that order
        m, n, k = k, m, n
    wide = bool(re.search(r"grad_w|wgrad| dB ", layout))
    if "grad_act" in layout:
        n, k = k, n
    rows = m if _total(row) else m * groups
    moved = 8.0 if "main_grad_dtype=fp32" in row.cells["notes"] and wide else 2.0
    seconds = grouped_matmul_seconds(
        rows, n, k, groups, device, row.precision, 1.0, wide, result_bytes=moved
    )
    return float(seconds)


def _total(row: OperatorRow) -> bool:
    """Whether `m` counts the rows of all groups."""
    return "M per group" not in row.cells["notes"] and "layout" not in row.cells["op"]


def errors(rows: Iterable[OperatorRow], device: DevicePhysics) -> list[float]:
    """Predicted by measured, less one."""
    return [row.predicted(device) / row.seconds - 1 for row in rows]


def shape_errors(found: list[float]) -> list[float]:
    """The same around their median level."""
    level = median(1 + error for error in found)
    return [(1 + error) / level - 1 for error in found]
