"""How layers, embedding and head are dealt to the stages of a pipeline."""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration


class StageShare(NamedTuple):
    """What one stage holds."""

    layers: float
    embedding: bool
    head: bool


def stage_shares(configuration: Configuration) -> tuple[StageShare, ...]:
    """Stages in order. Layers are dealt evenly (a remainder goes to the first stages); where the
    end stages have fewer, the others share what they leave."""
    c = configuration
    layers, fewer = c.architecture.layers, c.end_stage_layers_fewer
    if fewer and c.pp > 1:
        each = (layers + 2 * fewer) / c.pp
        counts = [each] * c.pp
        counts[0] -= fewer
        counts[-1] -= fewer
    elif c.vp > 1:
        counts = [layers / c.pp] * c.pp
    else:
        low, more = divmod(layers, c.pp)
        counts = [float(low + (stage < more)) for stage in range(c.pp)]
    return tuple(
        StageShare(count, stage == 0, stage == c.pp - 1) for stage, count in enumerate(counts)
    )
