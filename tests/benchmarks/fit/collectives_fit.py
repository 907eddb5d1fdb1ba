"""Fit the numbers of links to the published curves (scipy least squares on log time).

    python -m tests.benchmarks.fit.collectives_fit [--rows] [--across | --across-curves] [TABLE.csv]

With --across it fits without one source at a time instead, and shows how that source is predicted;
with --across-curves without one curve at a time.
Every curve weighs the same. A prior keeps each number within a factor of about 1.6 of its start
unless the data insist, so that what no curve tells apart stays at NCCL's own constants.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from solver.configuration.collective_curves import Curve, report
from solver.cost.physics.parameters import LinkPhysics
from tests.benchmarks.fit.collectives_score import chosen_curves

PRIOR_WEIGHT = 0.05
Numbers = dict[tuple[str, str], float]
# Latencies of NCCL's tuner (src/graph/tuning.cc), its start raised by the time to launch; rates of
# large messages as the data sheet's wire rate times what rings usually reach.
INNER = {
    "ring_efficiency": 0.82,
    "base_ll_s": 12e-6,
    "base_ll128_s": 16e-6,
    "base_simple_s": 30e-6,
    "hop_ll_s": 0.6e-6,
    "hop_ll128_s": 1.9e-6,
    "hop_simple_s": 3.4e-6,
    "ll128_efficiency": 0.85,
}
EXCHANGE = {"exchange_efficiency": 0.72, "exchange_s": 50e-6}
START: dict[str, dict[str, float]] = {
    "nvlink2": {**INNER, "ring_efficiency": 0.9, "ll_bytes_per_s": 39e9},
    "nvlink3": {**INNER, "ll_bytes_per_s": 60e9, **EXCHANGE},
    "nvlink4": {
        **INNER,
        "ll_bytes_per_s": 141e9,
        "switch_reduction_efficiency": 0.68,
        "switch_reduction_s": 60e-6,
    },
    "efa": {
        "hop_ll_s": 20e-6,
        "hop_ll128_s": 30e-6,
        "hop_simple_s": 35e-6,
        "ll_bytes_per_s": 45e9,
        "switch_tree_s": 100e-6,
    },
    "infiniband_hdr": {
        "hop_ll_s": 5e-6,
        "hop_ll128_s": 8e-6,
        "hop_simple_s": 14e-6,
        "ll_bytes_per_s": 44e9,
    },
}


def with_numbers(link: LinkPhysics, numbers: Numbers) -> LinkPhysics:
    """The link with the fitted numbers of its kind."""
    own = {name: value for (kind, name), value in numbers.items() if kind == link.name}
    return replace(link, numbers={**link.numbers, **own})


def fitted(curve: Curve, numbers: Numbers) -> Curve:
    """The curve on links with the fitted numbers."""
    fabric = curve.row.fabric
    fabric = replace(
        fabric,
        inner=with_numbers(fabric.inner, numbers),
        outer=with_numbers(fabric.outer, numbers),
    )
    return curve._replace(row=replace(curve.row, fabric=fabric))


def log_errors(curve: Curve, numbers: Numbers) -> np.ndarray:
    """log(predicted / measured), with the curve's weight."""
    predicted = fitted(curve, numbers).predicted()
    return np.log(predicted / curve.seconds) * len(curve.seconds) ** -0.5


def fit(measured: list[Curve]) -> Numbers:
    """The fitted numbers, by link kind and name."""
    keys = [(kind, name) for kind, numbers in START.items() for name in numbers]
    start = np.log([START[kind][name] for kind, name in keys])

    def loss(values: np.ndarray) -> np.ndarray:
        numbers = dict(zip(keys, np.exp(values).tolist(), strict=True))
        errors = [log_errors(curve, numbers) for curve in measured]
        return np.concatenate([*errors, PRIOR_WEIGHT * (values - start)])

    solution = least_squares(loss, start, loss="soft_l1", f_scale=0.05, max_nfev=60, diff_step=1e-3)
    return dict(zip(keys, np.exp(solution.x).tolist(), strict=True))


def across(measured: list[Curve], by_curve: bool) -> Iterator[str]:
    """Each source, or each curve, predicted by a fit to the others."""
    held_out = []

    def label(curve: Curve) -> tuple[str, str]:
        return curve.source, curve.name if by_curve else ""

    for left in sorted({label(curve) for curve in measured}):
        numbers = fit([curve for curve in measured if label(curve) != left])
        held_out += [fitted(curve, numbers) for curve in measured if label(curve) == left]
    yield from report(held_out)


def main() -> None:
    """Print the fitted numbers by link kind and the errors, or those across sources."""
    measured = chosen_curves()
    if "--across" in sys.argv or "--across-curves" in sys.argv:
        by_curve = "--across-curves" in sys.argv
        sys.stdout.write("\n".join([*across(measured, by_curve), ""]))
        return
    numbers = fit(measured)
    lines = [f"{kind:16} {name:28} {value:.3g}" for (kind, name), value in numbers.items()]
    lines += report([fitted(curve, numbers) for curve in measured], "--rows" in sys.argv)
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
