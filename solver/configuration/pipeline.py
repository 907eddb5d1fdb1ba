"""Seconds of one step's micro-batches through the stages of a pipeline.

With stage times f (forward), b (backward, weights included) and m micro-batches, one forward and
one backward in turn (1F1B, Narayanan et al., 2019) ends after

    sum over stages (f + b) + (m - 1) max over stages (f + b)

v virtual stages per device (Narayanan et al., SC21) divide the first sum's bubble by v. Where
gradients of weights w are computed apart (Qi et al., 2024), the bubble (p - 1)(f + b) becomes
(p - 1)(f + b - 2 w) with the activations of 1F1B (ZB-1p) and, with twice those, what the largest
stage leaves (ZB-2p, ZB-V).
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration


class StageTime(NamedTuple):
    """Seconds of one micro-batch on a stage; `backward` has the gradients of weights in it."""

    forward: float
    backward: float
    weights: float


def pipeline_seconds(
    configuration: Configuration, stages: tuple[StageTime, ...], hop: float
) -> float:
    """Seconds from the first forward to the last backward; `hop` is one transfer to a neighbour."""
    c = configuration
    m = c.micro_batches
    slowest = max(stage.forward + stage.backward for stage in stages)
    if len(stages) == 1:
        return m * slowest
    ramp = sum(stage.forward + stage.backward for stage in stages) - slowest
    hops = 2 * (len(stages) - 1) * hop
    if c.schedule == "interleaved" and c.vp > 1:
        return m * slowest + (ramp + hops) / c.vp
    if c.schedule == "zb-1p":
        freed = 2 * sum(stage.weights for stage in stages[1:])
        return m * slowest + max(0.0, ramp - freed) + hops
    if c.schedule in ("zb-2p", "zb-v"):
        freed = 3 * sum(stage.weights for stage in stages[1:])
        return m * slowest + max(0.0, ramp - freed) + hops
    return m * slowest + ramp + hops
