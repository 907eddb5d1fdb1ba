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
    """Stages in order.

    Layers are dealt evenly, a remainder to the first stages. Where the end stages have fewer, or
    two more layers would deal evenly (embedding and loss counted as layers, as Megatron-LM can),
    the others share what they leave. Modules of multi-token prediction count as layers. nanotron
    deals blocks by their multiplications, the head's among them.
    """
    c = configuration
    if c.pp == 1:
        counts = [float(c.architecture.layers + c.mtp_layers)]
    elif c.runtime == "nanotron":
        counts = _by_cost(c)
    else:
        counts = _evenly(c)
    return tuple(
        StageShare(count, stage == 0, stage == c.pp - 1) for stage, count in enumerate(counts)
    )


def _evenly(configuration: Configuration) -> list[float]:
    c = configuration
    layers, fewer = c.architecture.layers + c.mtp_layers, c.end_stage_layers_fewer
    chunks = c.pp * c.vp
    if layers % chunks and (layers + 2) % chunks == 0:
        fewer = 1
    if fewer or c.vp > 1:
        counts = [(layers + 2 * fewer) / c.pp] * c.pp
        counts[0] -= fewer
        counts[-1] -= fewer
        return counts
    low, more = divmod(layers, c.pp)
    return [float(low + (stage < more)) for stage in range(c.pp)]


def _by_cost(configuration: Configuration) -> list[float]:
    """A stage takes blocks until their sum passes its share of the whole."""
    a, c = configuration.architecture, configuration
    head = a.vocab / (4 * a.heads * a.head_dim + (3 if a.glu else 2) * a.ffn)
    whole = a.layers + head
    counts = [0.0] * c.pp
    stage = 0
    for done in range(1, a.layers + 1):
        counts[stage] += 1
        if done > whole * (stage + 1) / c.pp and stage < c.pp - 1:
            stage += 1
    return counts
