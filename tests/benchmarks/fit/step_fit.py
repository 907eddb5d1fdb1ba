"""Fit the numbers that steps share to the dense rows of the published tables, and cross-validate.

    python -m tests.benchmarks.fit.step_fit [--free] [FOLDER]

Prints every number with its new value, then a line per source: its error with the numbers in use,
with those fitted to all sources, and with those fitted to all but it.

Least squares of log(predicted / measured), a source's rows weighing one together, errors beyond
`HUBER` linearly. Every number has a width, the ratio by which it may well differ from the value in
use: small for products and attention, which operators' tables and FP8 rows bound as well, large for
host and software. With `--free` all widths are 1, so that little but the rows decides. Numbers that
one source alone tells keep their value without it; waits and stalls of nanotron's slow runs
(`pipeline_wait_*`, `stall_s`) are read off those runs, which the fit leaves out. One Jacobian
serves all fits: logarithms make the model nearly linear.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.configuration.settle import settled_step
from solver.cost.physics.parameters import DevicePhysics, device_physics
from tests.benchmarks.fit.step_rows import DATA, Step, read_steps

Floats = npt.NDArray[np.float64]
HUBER, NOISE, STEP, SAMPLE = 0.15, 0.08, 0.02, 60
AMPERE, HOPPER = ("a100_40", "a100_80"), ("h100_sxm", "h200", "h800")


class Number(NamedTuple):
    """Numbers that move together on some devices (none named: on all), by ratios of about
    `width`."""

    names: tuple[str, ...]
    devices: tuple[str, ...]
    width: float


PRODUCTS = ("matmul_efficiency_bf16", "matmul_efficiency_fp16")
CORES = ("attention_efficiency_forward", "attention_efficiency_backward")
FREE = (
    "dropout_per_s",
    "host_update_layer_s",
    "overlap_slowdown",
    "tensor_overlap",
    "tensor_async",
    "eager_passes",
    "early_passes",
    "loss_passes",
    "attention_portable",
    "selective_share",
    "host_layer_s",
    "host_eager",
    "host_backward_ratio",
    "host_step_s",
    "deepspeed_rail",
    "deepspeed_exposed",
    "broadcast_s",
    "optimizer_passes",
)
NUMBERS = (
    Number(PRODUCTS, AMPERE, 0.025),
    Number(PRODUCTS, HOPPER, 0.025),
    Number(PRODUCTS, ("h100_96_500w",), 0.025),
    Number(PRODUCTS, ("b200_limited",), 0.025),
    Number(PRODUCTS, ("mi300x",), 0.025),
    Number(CORES, AMPERE, 0.1),
    Number(CORES, HOPPER, 0.1),
    Number(("host_rank_s",), AMPERE, 0.4),
    *(Number((name,), (), 0.4) for name in FREE),
)


def with_ratios(name: str, ratios: Mapping[Number, float]) -> DevicePhysics:
    """The device with numbers multiplied."""
    device = device_physics(name)
    changed = {
        each: device.number(each) * ratio
        for number, ratio in ratios.items()
        if not number.devices or name in number.devices
        for each in number.names
    }
    return device.with_numbers(**changed)


def residuals(steps: Sequence[Step], ratios: Mapping[Number, float]) -> Floats:
    """log(predicted / measured) of every step."""
    devices = {
        name: with_ratios(name, ratios) for name in {step.configuration.device for step in steps}
    }
    predicted = [
        settled_step(step.configuration, devices[step.configuration.device]).total for step in steps
    ]
    return np.log(np.array(predicted) / np.array([step.seconds for step in steps]))


def jacobian(steps: Sequence[Step], base: Floats) -> Floats:
    """Derivatives of the residuals by the logarithms of the numbers."""
    columns = [residuals(steps, {number: 1 + STEP}) - base for number in NUMBERS]
    return np.stack(columns, axis=1) / np.log(1 + STEP)


def solve(base: Floats, slopes: Floats, weights: Floats, is_free: bool) -> dict[Number, float]:
    """The ratios that fit best, from the linear model."""
    held = np.diag([(NOISE / (1.0 if is_free else number.width)) ** 2 for number in NUMBERS])
    moved = np.zeros(len(NUMBERS))
    for _ in range(6):
        rest = np.abs(base + slopes @ moved)
        robust = weights * np.minimum(1.0, HUBER / np.maximum(rest, 1e-9))
        normal = slopes.T @ (slopes * robust[:, None]) + held
        moved = np.linalg.solve(normal, -slopes.T @ (base * robust))
    return dict(zip(NUMBERS, np.exp(moved).tolist(), strict=True))


def sampled(steps: Iterable[Step]) -> list[Step]:
    """At most `SAMPLE` rows per source; of cells with many rows the faster two fifths, which
    ordinary runs and not failures of the network fill."""
    chosen: dict[str, list[Step]] = {}
    for step in steps:
        chosen.setdefault(step.source, []).append(step)
    draw = random.Random(1)
    kept = []
    for rows in chosen.values():
        if rows[0].configuration.runtime == "nanotron":
            rows = faster(rows)
        kept += rows if len(rows) <= SAMPLE else draw.sample(rows, SAMPLE)
    return kept


def faster(rows: Sequence[Step]) -> list[Step]:
    """The faster two fifths of every group."""
    groups: dict[object, list[Step]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    kept = []
    for members in groups.values():
        members.sort(key=lambda row: row.seconds)
        kept += members[: len(members) * 2 // 5 + 1]
    return kept


def error(steps: Sequence[Step], ratios: Mapping[Number, float]) -> float:
    """Mean absolute percentage error, as a ratio."""
    return float(np.mean(np.abs(np.expm1(residuals(steps, ratios)))))


def report(folder: Path, is_free: bool) -> Iterable[str]:
    """The lines to print, as they come."""
    steps = [step for step in read_steps(folder)[0] if step.kind == "dense"]
    sample = sampled(steps)
    sources = np.array([step.source for step in sample])
    counts = {source: int(np.sum(sources == source)) for source in dict.fromkeys(sources)}
    base = residuals(sample, {})
    slopes = jacobian(sample, base)
    weights = np.array([1.0 / counts[source] for source in sources])
    fitted = solve(base, slopes, weights, is_free)
    for number, ratio in fitted.items():
        shown = device_physics(number.devices[0] if number.devices else "a100_80")
        where = f" of {', '.join(number.devices)}" if number.devices else ""
        value = shown.number(number.names[0])
        yield f"{number.names[0]}{where}: {value:.4g} -> {value * ratio:.4g}"
    yield "| source | rows | in use | fitted to all | fitted to all others |"
    yield "|---|---|---|---|---|"
    figures = []
    for source in counts:
        rows = [step for step in steps if step.source == source]
        if rows[0].configuration.runtime == "nanotron":
            rows = faster(rows)
        others = solve(base, slopes, weights * (sources != source), is_free)
        figures.append([error(rows, ratios) for ratios in ({}, fitted, others)])
        yield line(source, len(rows), figures[-1])
    yield line("mean over sources", len(steps), np.mean(figures, axis=0).tolist())


def line(name: str, rows: int, figures: Sequence[float]) -> str:
    """A line of the table."""
    return f"| {name} | {rows} | {' | '.join(f'{figure:.1%}' for figure in figures)} |"


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--free"]
    for text in report(Path(words[0]) if words else DATA, "--free" in sys.argv):
        print(text, flush=True)  # noqa: T201
