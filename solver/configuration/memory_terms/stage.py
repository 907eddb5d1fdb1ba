"""What a stage of the pipeline holds: layers, ends, and micro-batches whose activations live.

Micro-batches in flight on stage i of p, with m per step (Narayanan et al., 2019; Qi et al., 2024):

    GPipe          m
    1F1B           min(p - i, m)
    interleaved    min(2 (p - i - 1) + (v - 1) p + 1, m v) chunks of 1/v of the stage's layers
    ZB-1p, ZB-V    min(p, m)
    ZB-2p          min(2 p - 1, m)
    V-Half, V-Min  min(p / 2 + 1, m), min(p / 3 + 1, m)

Where nobody says how many chunks a stage of an interleaved schedule has, each layer is one. On the
first stage the interleaved count is the factor 1 + (p - 1) / (p v) of Korthikanti et al.
(2022), section 4.2.3.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.stages import stage_shares


class StageLoad(NamedTuple):
    """`in_flight` counts micro-batches of the whole stage; fractions where it has chunks."""

    stage: int
    layers: float
    embedding: bool
    head: bool
    in_flight: float


def stage_loads(configuration: Configuration) -> tuple[StageLoad, ...]:
    """Every stage, first to last."""
    return tuple(
        StageLoad(stage, share.layers, share.embedding, share.head, in_flight(configuration, stage))
        for stage, share in enumerate(stage_shares(configuration))
    )


def in_flight(configuration: Configuration, stage: int) -> float:
    """Micro-batches whose activations stage `stage` holds at most."""
    c = configuration
    p, m = c.pp, c.micro_batches
    if c.schedule == "interleaved":
        v = c.vp if c.vp > 1 else max(1, round(c.architecture.layers / p))
        chunks = 2 * (p - stage - 1) + (v - 1) * p + 1
        return min(chunks, m * v) / v
    most = {
        "none": 1.0,
        "1f1b": p - stage,
        "gpipe": m,
        "zb-1p": p,
        "zb-v": p,
        "zb-2p": 2 * p - 1,
        "zb-vhalf": p / 2 + 1,
        "zb-vmin": p / 3 + 1,
    }[c.schedule]
    return float(min(most, m))
