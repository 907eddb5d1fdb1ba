"""Every strategy applies to every model that has what it cuts, and pins what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dsl.spec import CutOver, Spec, StoredOver

Planned = Callable[..., Spec]

# model -> module, arguments, what to call layers
MODELS = {
    "gpt_22b": ("gpt", "batch: 64", "net.layers[*]"),
    "llama3_8b": ("llama", "batch: 64", "net.layers[*]"),
    "qwen2_5_72b": ("qwen", "batch: 64", "net.layers[*]"),
    "mixtral_8x7b": ("mixtral", "batch: 64", "net.layers[*]"),
    "deepseek_v3": ("deepseek", "batch: 64", "net.layers[*]"),
    "llava_llama3_8b": ("vision_language", "batch: 64", "net.layers[*]"),
}
MIXTURES = ("mixtral_8x7b", "deepseek_v3")
LAYER_STRATEGIES = (
    "megatron.tensor_parallel",
    "megatron.sequence_parallel",
    "megatron.attention_parallel",
    "context.gathered",
    "context.ulysses",
)
MODEL_STRATEGIES = (
    "data_parallel.data_parallel",
    "zero.zero1",
    "zero.zero2",
    "zero.zero3",
    "zero.fsdp",
    "megatron.vocabulary_parallel",
    "context.gathered_everywhere",
)
EXPERT_STRATEGIES = ("expert.expert_parallel", "expert.expert_data_parallel")
CASES = [
    *((s, m) for s in LAYER_STRATEGIES + MODEL_STRATEGIES for m in MODELS),
    *((s, m) for s in EXPERT_STRATEGIES for m in MIXTURES),
]
CASES.remove(("context.gathered_everywhere", "llava_llama3_8b"))  # 577 tokens of an image


def applied(strategy: str, model: str, planned: Planned) -> Spec:
    """The spec of a model with one strategy over the devices of a node."""
    module, arguments, layers = MODELS[model]
    room, name = strategy.split(".")
    part = "net" if strategy in MODEL_STRATEGIES else layers
    statements = f"import strategies.{room} as room\napply room.{name}({part}, over: gpu)"
    return planned(f"models.{module}", model, arguments, statements=statements)


def cuts(spec: Spec) -> dict[str, set[str]]:
    """The indices that the pins of a spec cut, by operator."""
    found: dict[str, set[str]] = {}
    for pin in spec.pins:
        for requirement in pin.requirements:
            if isinstance(requirement, CutOver):
                assert requirement.parts == ("gpu.0", "gpu.1", "gpu.2")
                found.setdefault(requirement.operator, set()).add(requirement.index)
    return found


@pytest.mark.parametrize(("strategy", "model"), CASES)
def test_pins_can_hold_together(strategy: str, model: str, planned: Planned) -> None:
    spec = applied(strategy, model, planned)
    operators = {op.name: op for op in spec.graph.operators}
    assert spec.pins
    for name, indices in cuts(spec).items():
        assert len(indices) == 1, f"{name} is cut twice by one axis: {sorted(indices)}"
        (index,) = indices
        assert index in operators[name].cuttable
        assert next(i.size for i in operators[name].indices if i.name == index) % 8 == 0
    for pin in spec.pins:
        assert pin.kind == "hard"
        assert pin.via, "a pin of a strategy names the apply it came through"


def layer_cuts(strategy: str, model: str, planned: Planned, layer: str) -> dict[str, str]:
    """Operator of one layer (path within it) -> its pinned index."""
    found = cuts(applied(strategy, model, planned))
    return {
        name.removeprefix(layer + "."): next(iter(indices))
        for name, indices in found.items()
        if name.startswith(layer + ".")
    }


HEADS = dict.fromkeys(("q", "key", "val", "q_rotated", "key_rotated", "o", "y"), "g")
HIDDEN = dict.fromkeys(("gate", "up", "act", "down"), "f")
TOKENS = dict.fromkeys(("norm", "out"), "s")


def within(block: str, pins: dict[str, str]) -> dict[str, str]:
    return {f"{block}.{name}": index for name, index in pins.items()}


def test_tensor_parallel_of_a_llama_layer(planned: Planned) -> None:
    found = layer_cuts("megatron.tensor_parallel", "llama3_8b", planned, "net.layers[31]")
    assert found == within("attn", HEADS) | within("mlp", HIDDEN)


def test_sequence_parallel_of_a_llama_layer(planned: Planned) -> None:
    found = layer_cuts("megatron.sequence_parallel", "llama3_8b", planned, "net.layers[0]")
    assert found == within("attn", HEADS | TOKENS) | within("mlp", HIDDEN | TOKENS)


def test_attention_parallel_leaves_the_experts_alone(planned: Planned) -> None:
    found = layer_cuts("megatron.attention_parallel", "mixtral_8x7b", planned, "net.layers[0]")
    assert found == within("attn", HEADS | TOKENS) | within("moe", TOKENS)


def test_tensor_parallel_cuts_experts_and_shared_experts(planned: Planned) -> None:
    found = layer_cuts("megatron.tensor_parallel", "deepseek_v3", planned, "net.layers[0]")
    experts = within("moe.experts", HIDDEN) | within("moe.shared", HIDDEN)
    assert {k: v for k, v in found.items() if k.startswith("moe.")} == experts
    latents = {"attn.q_down", "attn.q_norm", "attn.key_down", "attn.key_norm", "attn.key_position"}
    assert not latents & found.keys()
    assert {found[f"attn.{n}"] for n in ("q", "key_content", "key", "val", "o", "y")} == {"g"}


def test_ulysses_cuts_heads_in_attention_and_tokens_around_it(planned: Planned) -> None:
    found = layer_cuts("context.ulysses", "llama3_8b", planned, "net.layers[0]")
    everything = within("attn", HEADS | TOKENS) | within("mlp", HIDDEN | TOKENS)
    assert found == dict.fromkeys(everything, "s") | {"attn.o": "g"}


def test_gathered_context_cuts_every_operator_by_tokens(planned: Planned) -> None:
    found = layer_cuts("context.gathered", "llama3_8b", planned, "net.layers[0]")
    everything = within("attn", HEADS | TOKENS) | within("mlp", HIDDEN | TOKENS)
    assert found == dict.fromkeys(everything, "s")


@pytest.mark.parametrize(
    ("strategy", "index"), [("expert.expert_parallel", "e"), ("expert.expert_data_parallel", "c")]
)
def test_expert_strategies_cut_the_expert_products_only(
    strategy: str, index: str, planned: Planned
) -> None:
    found = layer_cuts(strategy, "mixtral_8x7b", planned, "net.layers[5]")
    assert found == within("moe.experts", dict.fromkeys(HIDDEN, index))


def test_vocabulary_parallel_cuts_embedding_head_and_loss(planned: Planned) -> None:
    found = cuts(applied("megatron.vocabulary_parallel", "llama3_8b", planned))
    assert found == {"net.embed": {"v"}, "net.head": {"v"}, "net.loss": {"v"}}


@pytest.mark.parametrize(
    ("strategy", "what"),
    [
        ("zero.zero1", "optimizer"),
        ("zero.zero2", "gradients"),
        ("zero.zero3", "parameters"),
        ("zero.fsdp", "parameters"),
    ],
)
def test_zero_stores_every_parameter_once(strategy: str, what: str, planned: Planned) -> None:
    spec = applied(strategy, "llama3_8b", planned)
    requirements = [r for pin in spec.pins for r in pin.requirements]
    stored = {r.parameter for r in requirements if isinstance(r, StoredOver) and r.what == what}
    assert stored == {t.name for t in spec.graph.tensors.values() if t.role == "parameter"}


def test_gathered_context_of_a_whole_model_reaches_embedding_head_and_loss(
    planned: Planned,
) -> None:
    found = cuts(applied("context.gathered_everywhere", "llama3_8b", planned))
    assert {found[f"net.{name}"].pop() for name in ("embed", "norm", "head", "loss")} == {"s"}
    assert found["net.layers[9].attn.o"] == {"s"}


def test_data_parallel_leaves_only_expert_products_free(planned: Planned) -> None:
    spec = applied("data_parallel.data_parallel", "mixtral_8x7b", planned)
    free = {op.name for op in spec.graph.operators} - cuts(spec).keys()
    assert free == {op.name for op in spec.graph.operators if ".moe.experts." in op.name}
