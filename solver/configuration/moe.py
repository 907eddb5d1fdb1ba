"""One mixture layer on one device: attention, router, exchange of tokens, experts.

A token goes to `topk` experts. Every rank of a group of `ep` holds `experts / ep` of them; with
expert tensor parallelism each expert is cut over `etp` ranks, which gather each other's tokens.
Passes over memory, two bytes per element, on top of those of a dense layer (`layer.py`):

    router        scores of every expert in single precision, 16 per score (softmax, picks, map)
    permutation   rows in the order of their experts: read and written, forward (dispatch and
                  combine, the latter a weighted sum) and backward alike
    gate          8 forward (two read, one written, times the router's weight), 12 backward, per
                  value of an expert's width

Experts run as grouped products; each is quantised on its own, a kernel each. Passes over
rows of experts are chains of kernels that are not fused (padding to a precision's tile, sorting of
chunks, weights in single precision): they count `expert_passes` times, one number fitted for all
devices, models and releases. Tokens are routed evenly by force in benchmarks that say so; else the
fullest rank's load counts (`expert_imbalance`).
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.layer import LayerTime, dense_layer, feed_forward, linears, priced
from solver.configuration.moe_exchange import (
    exchange_overlaps,
    exchange_seconds,
    host_wait_seconds,
    local_tokens,
)
from solver.cost.physics.expert_exchange import distinct_bins
from solver.cost.physics.grouped import grouped_matmul_seconds
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds
from solver.cost.physics.precisions import is_quantised
from solver.cost.physics.quantisation import quantise_seconds


class MoeLayerTime(NamedTuple):
    """`compute` as of a dense layer; `exchange` is what is visible of one dispatch or combine (two
    forward, two backward), seconds."""

    compute: LayerTime
    exchange: float


def moe_layer(configuration: Configuration, device: DevicePhysics) -> MoeLayerTime:
    """Seconds of a layer with experts."""
    a, c = configuration.architecture, configuration
    tokens = c.tokens_per_micro_batch
    shared = feed_forward(a.hidden, a.shared_ffn, a.glu, c.tp) if a.shared_ffn else ()
    gate = (6.0, 10.0) if a.glu else (4.0, 6.0)
    rows = (*linears(a, c.tp), *shared)
    base = priced(configuration, device, rows, tokens * a.shared_ffn / c.tp, gate)
    forward, backward, weights = experts(configuration, device)
    routed = router_seconds(configuration, device)
    moved = permutation_seconds(configuration, device)
    compute = LayerTime(
        forward=base.forward + forward + routed + moved,
        backward=base.backward + backward + routed + moved,
        weights=base.weights + weights,
        core=base.core,
    )
    exchange = exchange_seconds(configuration, device)
    if exchange_overlaps(configuration):
        beside = (compute.forward + compute.backward + compute.weights) / 4
        waits = host_wait_seconds(configuration, device)
        exchange = waits + float(exposed_seconds(exchange - waits, beside, device))
    return MoeLayerTime(compute, exchange)


def mixed_layer(configuration: Configuration, device: DevicePhysics) -> MoeLayerTime:
    """The mean layer: those without experts and those with them by their numbers."""
    a = configuration.architecture
    modules = a.prediction_layers if a.experts else 0
    mixtures = a.moe_layers + modules
    if not mixtures:
        return MoeLayerTime(dense_layer(configuration, device), 0.0)
    mixture = moe_layer(configuration, device)
    plain = a.layers - a.moe_layers
    if not plain:
        return mixture
    share = mixtures / (plain + mixtures)
    dense = dense_layer(configuration, device)
    pairs = zip(dense, mixture.compute, strict=True)
    mean = LayerTime(*((1 - share) * one + share * other for one, other in pairs))
    return MoeLayerTime(mean, share * mixture.exchange)


def expert_rows(configuration: Configuration) -> float:
    """Rows that the experts of one rank see in a micro-batch when picks are even."""
    c = configuration
    return local_tokens(c) * c.architecture.topk * c.etp


def experts(configuration: Configuration, device: DevicePhysics) -> tuple[float, float, float]:
    """Seconds of the experts: forward, gradients of inputs, gradients of weights."""
    a, c = configuration.architecture, configuration
    groups = max(1.0, a.experts / c.ep)
    rows = expert_rows(c)
    width = a.moe_ffn / c.etp
    ups = 2 if a.glu else 1
    imbalance = 1.0 if c.forced_balance or c.token_drop else device.number("expert_imbalance")
    wide_bytes = 2.0 * c.main_gradient_bytes
    forward = backward = weights = 0.0
    for inputs, outputs in ((a.hidden, ups * width), (width, a.hidden)):
        common = (groups, device, c.expert_precision or c.precision, imbalance)
        forward += float(grouped_matmul_seconds(rows, outputs, inputs, *common))
        backward += float(grouped_matmul_seconds(rows, inputs, outputs, *common))
        wide = grouped_matmul_seconds(rows, outputs, inputs, *common, True, wide_bytes)
        weights += float(wide)
        forward += _cast(rows * inputs, groups, c, device)
        backward += _cast(rows * outputs, groups, c, device)
    gated = rows * width * imbalance
    gate = (8.0, 12.0) if a.glu else (5.0, 8.0)
    passes = device.number("expert_passes")
    forward += passes * float(pointwise_seconds(gate[0] * gated, device))
    backward += passes * float(pointwise_seconds(gate[1] * gated, device))
    return forward, backward, weights


def _cast(
    elements: float, groups: float, configuration: Configuration, device: DevicePhysics
) -> float:
    """Quantisation of the rows of every expert, a kernel (or two) each."""
    precision = configuration.expert_precision or configuration.precision
    if not is_quantised(precision):
        return 0.0
    launches = (groups - 1) * device.number("launch_s")
    once = float(quantise_seconds(elements, device, precision)) + launches
    return device.number("expert_passes") * once


def router_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds to score the experts and to build the map of picks."""
    a = configuration.architecture
    tokens = local_tokens(configuration)
    moved = tokens * (a.hidden * 2.0 + a.experts * 16.0)
    once = pointwise_seconds(moved, device, launches=device.number("router_kernels"))
    return device.number("expert_passes") * float(once)


def permutation_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds to order rows by expert behind the dispatch and to undo it before the combine."""
    a, c = configuration.architecture, configuration
    copies = a.topk if c.token_drop else float(distinct_bins(c.ep, a.topk))
    received = local_tokens(c) * copies
    moved = 2 * 2.0 * a.hidden * (received + expert_rows(c))
    moved += 2.0 * a.hidden * (received + local_tokens(c))
    return device.number("expert_passes") * float(pointwise_seconds(moved, device, launches=4))
