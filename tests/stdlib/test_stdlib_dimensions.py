"""Strategies of two dimensions: what each axis cuts and stores."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dsl.spec import CutOver, Spec, StoredOver

Planned = Callable[..., Spec]

MODULES = {
    "gpt_22b": "gpt",
    "llama3_8b": "llama",
    "qwen2_5_72b": "qwen",
    "mixtral_8x7b": "mixtral",
    "deepseek_v3": "deepseek",
    "llava_llama3_8b": "vision_language",
}
TWO_DIMENSIONS = {
    "megatron.three_d": ("tensor", "data"),
    "zero.fsdp_tp": ("tensor", "data"),
    "zero.hsdp": ("shard", "replicate"),
}


def in_two_dimensions(strategy: str, model: str, planned: Planned) -> Spec:
    """The spec of a model with a strategy whose first dimension is a node, the second the nodes."""
    room, name = strategy.split(".")
    inner, outer = TWO_DIMENSIONS[strategy]
    return planned(
        f"models.{MODULES[model]}",
        model,
        statements=f"import strategies.{room} as room\n"
        f"apply room.{name}(net, {inner}: gpu, {outer}: node)",
    )


def cut_by_axis(spec: Spec, operator: str) -> dict[str, str]:
    """Mesh axis -> the index of the operator that it is pinned to cut."""
    found: dict[str, str] = {}
    for pin in spec.pins:
        for cut in pin.requirements:
            if isinstance(cut, CutOver) and cut.operator == operator:
                for axis in {part.split(".")[0] for part in cut.parts}:
                    assert found.setdefault(axis, cut.index) == cut.index
    return found


def stored_over(spec: Spec, what: str, kind: str) -> dict[str, set[str]]:
    """Mesh axis -> parameters whose `what` pins of this kind store, or forbid to store, over it."""
    found: dict[str, set[str]] = {}
    for pin in spec.pins:
        for stored in pin.requirements:
            if isinstance(stored, StoredOver) and stored.what == what and pin.kind == kind:
                for part in stored.parts:
                    found.setdefault(part.split(".")[0], set()).add(stored.parameter)
    return found


def parameters(spec: Spec) -> set[str]:
    return {t.name for t in spec.graph.tensors.values() if t.role == "parameter"}


@pytest.mark.parametrize("model", MODULES)
@pytest.mark.parametrize("strategy", TWO_DIMENSIONS)
def test_axes_of_two_dimensions_never_cut_an_operator_twice(
    strategy: str, model: str, planned: Planned
) -> None:
    spec = in_two_dimensions(strategy, model, planned)
    sizes = {axis.name: axis.size for axis in spec.mesh.axes}
    for operator in spec.graph.operators:
        degrees = {index.name: index.size for index in operator.indices}
        for axis, index in cut_by_axis(spec, operator.name).items():
            assert index in operator.cuttable
            assert degrees[index] % sizes[axis] == 0
            degrees[index] //= sizes[axis]


@pytest.mark.parametrize(
    ("strategy", "what"), [("megatron.three_d", "optimizer"), ("zero.fsdp_tp", "parameters")]
)
def test_two_dimensions_are_megatron_inside_and_data_parallel_outside(
    strategy: str, what: str, planned: Planned
) -> None:
    spec = in_two_dimensions(strategy, "llama3_8b", planned)
    layer = "net.layers[3]"
    assert cut_by_axis(spec, f"{layer}.attn.q") == {"gpu": "g", "node": "b"}
    assert cut_by_axis(spec, f"{layer}.mlp.down") == {"gpu": "f", "node": "b"}
    assert cut_by_axis(spec, f"{layer}.mlp.norm") == {"gpu": "s", "node": "b"}
    assert cut_by_axis(spec, "net.head") == {"gpu": "v", "node": "b"}
    assert stored_over(spec, what, "hard") == {"node": parameters(spec)}


def test_three_d_cuts_the_dense_layers_of_deepseek_too(planned: Planned) -> None:
    spec = in_two_dimensions("megatron.three_d", "deepseek_v3", planned)
    assert cut_by_axis(spec, "net.dense[0].mlp.up") == {"gpu": "f", "node": "b"}
    assert cut_by_axis(spec, "net.layers[0].attn.q") == {"gpu": "g", "node": "b"}


def test_hybrid_sharding_stores_in_a_node_and_replicates_over_nodes(planned: Planned) -> None:
    spec = in_two_dimensions("zero.hsdp", "llama3_8b", planned)
    assert cut_by_axis(spec, "net.layers[3].mlp.up") == {"gpu": "b", "node": "b"}
    assert stored_over(spec, "parameters", "hard") == {"gpu": parameters(spec)}
    assert stored_over(spec, "optimizer", "forbid") == {"node": parameters(spec)}
