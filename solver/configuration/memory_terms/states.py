"""Parameters, gradients and optimizer states (Rajbhandari et al., 2020, "ZeRO", section 3.1).

Mixed precision with Adam keeps per parameter 2 bytes of weight, g of accumulated gradient and 12 of
optimizer (a master copy and two moments in four bytes each). On N ranks that share one copy

    none   2 + g + 12          zero2   2 + (g + 12) / N
    zero1  2 + g + 12 / N      zero3   (2 + g + 12) / N

with g = 2 in the paper, and 4 where gradients are accumulated in FP32 (18 bytes in all, Korthikanti
et al., 2022). PyTorch's FSDP shards weights of four bytes that are the master copy themselves
(4 + 4 + 8). Single precision has the same 4 + 4 + 8.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.architecture import padded_vocab
from solver.configuration.configuration import Configuration
from solver.configuration.expert_parallel import expert_replicas
from solver.configuration.memory_terms.stage import StageLoad


class StateBytes(NamedTuple):
    """Bytes on one device, or per parameter."""

    parameters: float
    gradients: float
    optimizer: float


class StageParams(NamedTuple):
    """Parameters on one device of a stage before data-parallel sharding."""

    common: float
    experts: float


def bytes_per_param(configuration: Configuration, ranks: int) -> StateBytes:
    """Bytes per parameter where `ranks` share one copy."""
    c = configuration
    if c.frozen_base:
        return StateBytes(2.0 / (ranks if c.shard == "zero3" else 1), 0.0, 0.0)
    four = c.precision in ("fp32", "tf32") or (c.runtime == "fsdp" and c.shard == "zero3")
    weight, gradient, optimizer = (4.0, 4.0, 8.0) if four else (2.0, c.main_gradient_bytes, 12.0)
    level = {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3}[c.shard]
    return StateBytes(
        weight / (ranks if level >= 3 else 1),
        gradient / (ranks if level >= 2 else 1),
        optimizer / (ranks if level >= 1 else 1),
    )


def stage_params(configuration: Configuration, load: StageLoad) -> StageParams:
    """Parameters of a stage on one device. Layers count as the mean of dense and mixture ones."""
    a, c = configuration.architecture, configuration
    layers = (a.layers - a.moe_layers) * a.dense_layer_params
    experts = 0.0
    if a.moe_layers:
        layers += a.moe_layers * (a.moe_layer_params - a.experts * a.expert_params)
        experts = load.layers / a.layers * a.moe_layers * a.experts * a.expert_params
    common = load.layers / a.layers * layers
    rows = padded_vocab(a.vocab, c.tp) if c.tp > 1 else a.vocab
    table = rows * a.hidden
    if load.embedding:
        common += a.embedding_params - a.vocab * a.hidden + table
    if load.head:
        common += a.norm_params
        # a tied table is one where both ends share a device, and a copy of its own elsewhere
        common += 0 if a.tied and load.embedding else table
        common += a.prediction_layers * (
            a.prediction_params - (a.experts * a.expert_params if a.experts else 0)
        )
        if a.experts:
            experts += a.prediction_layers * a.experts * a.expert_params
    return StageParams(common / c.tp, experts / (c.ep * c.etp))


def state_bytes(configuration: Configuration, load: StageLoad) -> StateBytes:
    """Bytes of a stage's parameters, gradients and optimizer states on one device."""
    params = stage_params(configuration, load)
    common = bytes_per_param(configuration, configuration.shard_group)
    replicas = expert_replicas(configuration).size if params.experts else 1
    experts = bytes_per_param(configuration, replicas)
    return StateBytes(
        *(
            params.common * one + params.experts * other
            for one, other in zip(common, experts, strict=True)
        )
    )
