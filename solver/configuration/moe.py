"""One mixture layer on one device: attention, router, exchange of tokens, experts.

A token goes to `topk` experts. Every rank of a group of `ep` holds `experts / ep` of them; with
expert tensor parallelism each expert is cut over `etp` ranks, which gather each other's tokens.
Passes over memory, two bytes per element, on top of those of a dense layer (`layer.py`):

    router        scores of every expert in single precision, 16 per score (softmax, picks, map)
    permutation   rows in the order of their experts: read and written, forward (dispatch and
                  combine, the latter a weighted sum) and backward alike
    gate          8 forward (two read, one written, times the router's weight), 12 backward, per
                  value of an expert's width

Experts run as grouped products; each is quantised on its own under FP8, a kernel each.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.configuration import Configuration
from solver.configuration.groups import place
from solver.configuration.layer import LayerTime, dense_layer, feed_forward, linears, priced
from solver.cost.physics.expert_exchange import distinct_bins, expert_exchange_seconds
from solver.cost.physics.grouped import grouped_matmul_seconds
from solver.cost.physics.links import fabric
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds
from solver.cost.physics.precisions import is_fp8
from solver.cost.physics.quantisation import quantise_seconds


class MoeLayerTime(NamedTuple):
    """`compute` as of a dense layer; `exchange` is the seconds of one dispatch or combine (two
    forward, two backward)."""

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
    return MoeLayerTime(compute, exchange_seconds(configuration, device))


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


def local_tokens(configuration: Configuration) -> float:
    """Tokens that one rank routes: its share of the sequence."""
    return configuration.tokens_per_micro_batch / configuration.tp


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
        common = (groups, device, c.precision, imbalance)
        forward += float(grouped_matmul_seconds(rows, outputs, inputs, *common))
        backward += float(grouped_matmul_seconds(rows, inputs, outputs, *common))
        wide = grouped_matmul_seconds(rows, outputs, inputs, *common, True, wide_bytes)
        weights += float(wide)
        forward += _cast(rows * inputs, groups, c, device)
        backward += _cast(rows * outputs, groups, c, device)
    gated = rows * width * imbalance
    gate = (8.0, 12.0) if a.glu else (5.0, 8.0)
    forward += float(pointwise_seconds(gate[0] * gated, device))
    backward += float(pointwise_seconds(gate[1] * gated, device))
    return forward, backward, weights


def _cast(
    elements: float, groups: float, configuration: Configuration, device: DevicePhysics
) -> float:
    """Quantisation of the rows of every expert, a kernel (or two) each."""
    if not is_fp8(configuration.precision):
        return 0.0
    launches = (groups - 1) * device.number("launch_s")
    return float(quantise_seconds(elements, device, configuration.precision)) + launches


def router_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds to score the experts and to build the map of picks."""
    a = configuration.architecture
    tokens = local_tokens(configuration)
    moved = tokens * (a.hidden * 2.0 + a.experts * 16.0)
    return float(pointwise_seconds(moved, device, launches=device.number("router_kernels")))


def permutation_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds to order rows by expert behind the dispatch and to undo it before the combine."""
    a, c = configuration.architecture, configuration
    received = local_tokens(c) * float(distinct_bins(c.ep, a.topk))
    moved = 2 * 2.0 * a.hidden * (received + expert_rows(c))
    moved += 2.0 * a.hidden * (received + local_tokens(c))
    return float(pointwise_seconds(moved, device, launches=4))


def exchange_seconds(configuration: Configuration, device: DevicePhysics) -> float:
    """Seconds of one dispatch or combine among the ranks of an expert group."""
    a, c = configuration.architecture, configuration
    if c.ep == 1:
        return 0.0
    group = place(c.ep, c.etp, c.devices_per_node)
    wires = fabric(device, c.devices_per_node)
    payload = a.hidden * 2.0
    tokens = local_tokens(c)
    return float(
        expert_exchange_seconds(tokens, a.topk, payload, group.ranks_per_node, group.nodes, wires)
    )
