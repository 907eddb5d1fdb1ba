"""Seconds of one step's micro-batches through the stages of a pipeline.

With stage times f (forward), b (backward, weights included) and m micro-batches, one forward and
one backward in turn (1F1B, Narayanan et al., 2019) ends after

    sum over stages (f + b) + (m - 1) max over stages (f + b)

v virtual stages per device (Narayanan et al., SC21) divide the ramp, the first sum without its
largest term, by v. Zero-bubble schedules (Qi et al., 2024) compute gradients of weights w apart:
with the activations of 1F1B (ZB-1p) the ramp loses 2 w per stage but the slowest; with twice those
(ZB-2p), or in the shape of a V (ZB-V), weights fill it whole, and the step ends no sooner than its
stages' work or the chain of forwards and backwards without weights:

    max(m max (f + b), sum (f + b - w) + (m - 1) max (f + b - w) + w)
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
    works = [stage.forward + stage.backward for stage in stages]
    slowest = max(works)
    if len(stages) == 1:
        return m * slowest
    ramp = sum(works) - slowest
    hops = 2 * (len(stages) - 1) * hop
    if c.schedule == "interleaved":
        return m * slowest + (ramp + hops) / c.vp
    weights = [stage.weights for stage in stages]
    if c.schedule == "zb-1p":
        spare = 2 * (sum(weights) - max(weights))
        return m * slowest + max(0.0, ramp - spare) + hops
    if c.schedule in ("zb-2p", "zb-v"):
        chain = [work - weight for work, weight in zip(works, weights, strict=True)]
        ends = sum(chain) + (m - 1) * max(chain) + min(weights)
        return max(m * slowest, ends) + hops
    return m * slowest + ramp + hops
