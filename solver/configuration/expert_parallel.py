"""Parameters of experts: how many a device holds, and their traffic apart from the others'.

An expert group has `ep` x `etp` ranks; the ranks of data, context and tensor parallelism that are
left hold the same experts and reduce their gradients among themselves (Megatron-LM, expert data
parallelism). They are `ep` x `etp` ranks apart.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.data_parallel import StepTraffic, update_seconds
from solver.configuration.groups import Group, place
from solver.cost.physics.collectives import Kind, collective_seconds
from solver.cost.physics.links import Fabric
from solver.cost.physics.parameters import DevicePhysics


def expert_params_per_layer(configuration: Configuration) -> float:
    """Parameters of experts of the mean layer on one device, before sharding."""
    a, c = configuration.architecture, configuration
    if not a.experts:
        return 0.0
    mixtures = a.moe_layers + a.prediction_layers
    share = mixtures / (a.layers + a.prediction_layers)
    return share * a.experts * a.expert_params / (c.ep * c.etp)


def expert_replicas(configuration: Configuration) -> Group:
    """The ranks that hold the same experts."""
    c = configuration
    apart = c.ep * c.etp
    return place(max(1, c.dp * c.cp * c.tp // apart), apart, c.devices_per_node)


def expert_traffic(configuration: Configuration, params: float, fabric: Fabric) -> StepTraffic:
    """Seconds of reducing and gathering `params` parameters of experts per device."""
    c = configuration
    over = expert_replicas(c)
    if over.size == 1 or params == 0.0:
        return StepTraffic(0.0, 0.0, 0.0, 0.0, 0.0)
    groups = c.devices_per_node // over.ranks_per_node if over.nodes > 1 else 1

    def seconds(kind: Kind, size: float) -> float:
        where = (over.ranks_per_node, over.nodes, fabric, max(1, groups))
        return float(collective_seconds(kind, params * size, *where))

    if c.shard == "none":
        return StepTraffic(seconds("all_reduce", c.reduced_gradient_bytes), 0.0, 0.0, 0.0, 0.0)
    scatter = seconds("reduce_scatter", c.reduced_gradient_bytes)
    gather = seconds("all_gather", c.activation_bytes)
    if c.shard == "zero3":
        return StepTraffic(0.0, 0.0, gather, gather, scatter)
    return StepTraffic(scatter, gather, 0.0, 0.0, 0.0)


def expert_optimizer_seconds(
    configuration: Configuration, params: float, device: DevicePhysics
) -> float:
    """Adam on the experts a device updates."""
    over = expert_replicas(configuration).size if configuration.shard != "none" else 1
    return update_seconds(configuration, params, params / over, device)


def added(one: StepTraffic, other: StepTraffic) -> StepTraffic:
    """Both, one after the other."""
    return StepTraffic(*(a + b for a, b in zip(one, other, strict=True)))
