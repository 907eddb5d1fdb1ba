"""Fit the numbers of link_defaults.py to the published curves (scipy least squares on log time).

    python tests/benchmarks/fit/collectives_fit.py [FOLDER] [--without TABLE]

Every curve weighs the same. A prior keeps each number within a factor of about 1.6 of its start
unless the data insist, so that what no curve tells apart stays at NCCL's own constants.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from solver.cost.physics.link_defaults import LINKS, SHARED_LINKS
from solver.cost.physics.parameters import LinkPhysics
from tests.benchmarks.fit.collectives_score import Measured, measured_rows

PRIOR_WEIGHT = 0.05
INNER = (
    "ring_efficiency",
    "base_ll_s",
    "base_ll128_s",
    "base_simple_s",
    "hop_ll_s",
    "hop_ll128_s",
    "hop_simple_s",
    "ll_bytes_per_s",
    "ll128_efficiency",
)
FREE: dict[str, tuple[str, ...]] = {
    "nvlink2": INNER,
    "nvlink3": (*INNER, "exchange_efficiency", "exchange_s"),
    "nvlink4": (*INNER, "switch_reduction_efficiency", "switch_reduction_s"),
    "efa": (
        "hop_ll_s",
        "hop_ll128_s",
        "hop_simple_s",
        "ll_bytes_per_s",
    ),
}


def with_numbers(link: LinkPhysics, numbers: dict[tuple[str, str], float]) -> LinkPhysics:
    """The link with the fitted numbers of its kind."""
    own = {name: value for (kind, name), value in numbers.items() if kind == link.name}
    return replace(link, numbers={**link.numbers, **own})


def residuals(
    rows: list[Measured], weights: np.ndarray, numbers: dict[tuple[str, str], float]
) -> np.ndarray:
    """Weighted log errors."""
    fabrics = {}
    found = []
    for item in rows:
        fabric = item.row.fabric
        key = (fabric.inner.name, fabric.outer.name, fabric.node_bytes_per_s)
        if key not in fabrics:
            fabrics[key] = (
                with_numbers(fabric.inner, numbers),
                with_numbers(fabric.outer, numbers),
            )
        inner, outer = fabrics[key]
        row = replace(item.row, fabric=replace(fabric, inner=inner, outer=outer))
        found.append(np.log(row.seconds() / item.seconds))
    return np.asarray(found) * weights


def fit(rows: list[Measured]) -> dict[tuple[str, str], float]:
    """The fitted numbers, by link kind and name."""
    keys = [(kind, name) for kind, names in FREE.items() for name in names]
    start = np.log([LINKS[kind].get(name, SHARED_LINKS[name]) for kind, name in keys])
    count = Counter(item.curve for item in rows)
    weights = np.array([count[item.curve] ** -0.5 for item in rows])

    def loss(values: np.ndarray) -> np.ndarray:
        numbers = dict(zip(keys, np.exp(values), strict=True))
        errors = residuals(rows, weights, numbers)
        return np.concatenate([errors, PRIOR_WEIGHT * (values - start)])

    solution = least_squares(loss, start, loss="soft_l1", f_scale=0.05, max_nfev=60, diff_step=1e-3)
    return dict(zip(keys, np.exp(solution.x).tolist(), strict=True))


def main() -> None:
    """Print the fitted numbers by link kind."""
    arguments = sys.argv[1:]
    without = arguments.pop(arguments.index("--without") + 1) if "--without" in arguments else ""
    paths = [argument for argument in arguments if not argument.startswith("--")]
    folder = Path(paths[0] if paths else "tests/data/published")
    numbers = fit([item for item in measured_rows(folder) if item.table != without])
    for kind in FREE:
        print(f'    "{kind}": {{')
        for (owner, name), value in numbers.items():
            if owner == kind:
                print(f'        "{name}": {value:.3g},')
        print("    },")


if __name__ == "__main__":
    main()
