"""FLOPs and kept bytes of whole models against the closed formulas of the literature."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dsl.formula import Formula
from dsl.spec import Operator, Spec

Planned = Callable[..., Spec]


def value(operator: Operator, formula: Formula) -> float:
    """A formula on the operator's whole sizes."""
    return formula.evaluate({index.name: float(index.size) for index in operator.indices})


def forward_flops(spec: Spec) -> float:
    """FLOPs of the forward of the whole batch."""
    return math.fsum(value(op, op.forward_flops) for op in spec.graph.operators)


def backward_flops(spec: Spec) -> float:
    """FLOPs of the backward of the whole batch."""
    operators = spec.graph.operators
    return math.fsum(value(op, g.flops) for op in operators for g in op.gradients)


@pytest.mark.parametrize(
    ("model", "layers", "h", "vocab", "seq"),
    [("gpt3_175b", 96, 12288, 50257, 2048), ("gpt_22b", 48, 6144, 51200, 1024)],
)
def test_gpt_flops(model: str, layers: int, h: int, vocab: int, seq: int, planned: Planned) -> None:
    # Narayanan et al. 2021, appendix: 24 B s l h^2 + 4 B s^2 l h + 2 B s h V forward;
    # the causal half of attention is not computed here.
    batch = 4
    spec = planned("models.gpt", model, f"batch: {batch}, seq: {seq}")
    products = 24 * batch * seq * layers * h**2 + 2 * batch * seq * h * vocab
    attention = 2 * batch * seq**2 * layers * h
    assert forward_flops(spec) == pytest.approx(products + attention, rel=1e-12)
    assert backward_flops(spec) == pytest.approx(2 * products + 2.5 * attention, rel=1e-12)


def test_grouped_query_attention_counts_query_heads(planned: Planned) -> None:
    spec = planned("models.llama", "llama3_8b", "batch: 2, seq: 4096")
    core = [op for op in spec.graph.operators if op.kind == "attention"]
    assert len(core) == 32
    assert value(core[0], core[0].forward_flops) == 2 * 2 * 4096**2 * 32 * 128


def test_latent_attention_counts_both_head_sizes(planned: Planned) -> None:
    spec = planned("models.deepseek", "deepseek_v3", "batch: 2, seq: 4096")
    core = next(op for op in spec.graph.operators if op.kind == "attention")
    assert value(core, core.forward_flops) == 2 * 4096**2 * 128 * (192 + 128)
    assert value(core, core.gradients[0].flops) == 2 * 4096**2 * 128 * (2 * 192 + 128)


def test_experts_compute_topk_times_a_token(planned: Planned) -> None:
    batch, seq = 8, 4096
    spec = planned("models.mixtral", "mixtral_8x7b", f"batch: {batch}, seq: {seq}")
    up = next(op for op in spec.graph.operators if op.name == "net.layers[0].moe.experts.up")
    assert value(up, up.forward_flops) == 2 * batch * seq * 2 * 4096 * 14336
    roomy = planned("models.mixtral", "mixtral_8x7b", f"batch: {batch}, seq: {seq}, capacity: 1.25")
    up = next(op for op in roomy.graph.operators if op.name == "net.layers[0].moe.experts.up")
    assert value(up, up.forward_flops) == 1.25 * 2 * batch * seq * 2 * 4096 * 14336


def test_vision_attention_is_not_causal(planned: Planned) -> None:
    spec = planned("models.vision_language", "clip_vit_l14_336", "batch: 2")
    core = [op for op in spec.graph.operators if op.kind == "full_attention"]
    assert len(core) == 24
    assert value(core[0], core[0].forward_flops) == 4 * 2 * 577**2 * 16 * 64


def saved_bytes(spec: Spec, unit: str) -> tuple[float, float]:
    """Bytes of the distinct tensors kept by a layer, and of what its operators keep beside them."""
    kept: dict[str, float] = {}
    extra = 0.0
    for op in spec.graph.operators:
        if op.unit != unit:
            continue
        extra += value(op, op.saved_extra)
        for use in (*op.inputs, *op.results):
            tensor = spec.graph.tensors[use.tensor]
            if use.saved and tensor.role != "parameter":
                kept[tensor.name] = tensor.element_bytes * math.prod(i.size for i in tensor.dims)
    return math.fsum(kept.values()), extra


def test_activations_of_a_gpt_layer(planned: Planned) -> None:
    # Korthikanti et al. 2022, section 4.1: 34 s b h, of which 2 are masks of dropout, absent here;
    # the 5 a s^2 b of scores are not kept by tiled attention, but 4 bytes a row of statistics
    # are, and 8 a row of each of the two norms.
    batch, seq, h, heads = 4, 2048, 12288, 96
    spec = planned("models.gpt", "gpt3_175b", f"batch: {batch}, seq: {seq}")
    kept, extra = saved_bytes(spec, "net.layers[7]")
    assert kept == 32 * seq * batch * h
    assert extra == 4 * batch * seq * heads + 2 * 8 * batch * seq


def test_loss_keeps_the_softmax_in_four_byte_floats(planned: Planned) -> None:
    # Korthikanti et al. 2022, section 4.3: 4 s b v.
    spec = planned("models.llama", "llama3_8b", "batch: 2, seq: 4096")
    loss = next(op for op in spec.graph.operators if op.name == "net.loss")
    assert value(loss, loss.saved_extra) == 4 * 4096 * 2 * 128256
    assert [use.saved for use in loss.inputs] == [False, True]


def test_bytes_per_parameter_of_mixed_precision(planned: Planned) -> None:
    # Rajbhandari et al. 2020, section 3.1: 16 bytes with 2-byte gradients; 18 with 4-byte ones.
    for name, total in (("adamw_bf16_gradients", 16), ("adamw", 18)):
        spec = planned(
            "models.llama", "llama3_1b", statements=f"train {{ optimizer {name} precision bf16 }}"
        )
        optimizer, precision = spec.train.optimizer, spec.train.precision
        found = precision.parameter_bytes + optimizer.gradient_bytes + optimizer.state_bytes
        assert found == total


@pytest.mark.parametrize(
    ("name", "bytes_read_and_written"),
    [("adamw", 30), ("adamw_bf16_gradients", 28), ("adamw_fp32", 28), ("sgd", 22)],
)
def test_update_moves_every_byte_once_each_way(
    name: str, bytes_read_and_written: float, planned: Planned
) -> None:
    precision = "fp32" if name.endswith("fp32") else "bf16"
    spec = planned(
        "models.llama",
        "llama3_1b",
        statements=f"train {{ optimizer {name} precision {precision} }}",
    )
    optimizer, train = spec.train.optimizer, spec.train
    # A 4-byte parameter is its own master copy and is read too.
    own_copy = train.precision.parameter_bytes if precision == "fp32" else 0
    read = optimizer.gradient_bytes + optimizer.state_bytes + own_copy
    written = optimizer.state_bytes + train.precision.parameter_bytes
    assert optimizer.traffic_bytes == read + written == bytes_read_and_written
