"""The flags of the model, as far as a spec knows it. The tokenizer, constants of norms and
positions, and the router's top-k (a spec has its product with the capacity only) are the user's."""

from __future__ import annotations

from collections.abc import Iterator

from solver.export.refusals import Refusal
from solver.export.transformer.reading import Reading

_PRECISIONS = {"bf16": ["--bf16"], "fp16": ["--fp16"], "fp32": []}
_LINEAR = ("attn.q", "attn.key", "attn.val", "attn.y", "mlp.up", "mlp.down")


def model_flags(reading: Reading) -> Iterator[str]:
    """Sizes and kinds of layers."""
    heads, groups = reading.size("r", "attn.q"), reading.size("g", "attn.q")
    yield f"--num-layers {len(reading.decoder.layers)}"
    yield f"--hidden-size {reading.size('d')}"
    yield f"--num-attention-heads {heads * groups}"
    if heads > 1:
        yield "--group-query-attention"
        yield f"--num-query-groups {groups}"
    yield f"--kv-channels {reading.size('k', 'attn.q')}"
    yield f"--seq-length {reading.size('s')}"
    yield from _positions(reading)
    yield from _feed_forward(reading)
    yield from _norms_and_biases(reading)
    yield from _ends(reading)
    yield from _PRECISIONS[reading.saved.spec.train.precision.name]
    if reading.saved.spec.train.optimizer.gradient_bytes == 4:
        yield "--accumulate-allreduce-grads-in-fp32"


def model_refusals(reading: Reading) -> Iterator[Refusal]:
    """Models that flags cannot describe."""
    decoder, precision = reading.decoder, reading.saved.spec.train.precision.name
    kinds = {
        tuple(o.kind for o in reading.saved.plan.operators_of(unit) if ".moe." not in o.name)
        for unit in decoder.layers
        if _is_mixture(reading, decoder.layers.index(unit)) == _is_mixture(reading, 0)
    }
    if len(kinds) > 1:
        name = decoder.layers[0].operators[0]
        reason = "is in a layer unlike others, where Megatron-LM has one kind of attention"
        yield Refusal("MMP734", name, reason, ("operators", name))
    if precision not in _PRECISIONS:
        reason = f"computes in `{precision}`; flags are made for {', '.join(_PRECISIONS)} only"
        yield Refusal("MMP734", "train", reason, ())
    found = [k for k in (_kind(reading, name) for name in _LINEAR) if k]
    if len(set(found[3:])) > 1 or len(set(found[:3])) > 1 or found[-1] == "linear" != found[0]:
        name = f"{decoder.layers[0].name}.attn.q"
        reason = "is with biases where others are without, as Megatron-LM has no flag for"
        yield Refusal("MMP734", name, reason, ("operators", name))


def _kind(reading: Reading, name: str) -> str:
    operator = reading.decoder.inside(0, name)
    return operator.kind if operator else ""


def _is_mixture(reading: Reading, layer: int) -> bool:
    return reading.decoder.has(layer, "moe.router")


def _positions(reading: Reading) -> Iterator[str]:
    longest, kind = reading.size("s"), "none"
    operators = reading.saved.plan.wiring.operators
    learned = [operators[name] for unit in reading.decoder.first for name in unit.operators[:1]][1:]
    if learned:
        kind = "learned_absolute"
        longest = next(i.size for i in learned[0].indices if i.name == "p")
    elif reading.decoder.has(0, "attn.q_rotated"):
        kind = "rope"
    yield f"--max-position-embeddings {longest}"
    yield f"--position-embedding-type {kind}"


def _feed_forward(reading: Reading) -> Iterator[str]:
    mixtures = [_is_mixture(reading, n) for n in range(len(reading.decoder.layers))]
    if not all(mixtures):
        yield f"--ffn-hidden-size {reading.size('f', 'mlp.up', mixtures.index(False))}"
    if any(mixtures):
        yield from _mixture(reading, mixtures)
    if any(mixtures) or reading.decoder.has(0, "mlp.gate"):
        yield "--swiglu"


def _mixture(reading: Reading, mixtures: list[bool]) -> Iterator[str]:
    layer, experts = mixtures.index(True), "moe.experts.gate"
    yield f"--num-experts {reading.size('e', experts, layer)}"
    yield f"--moe-ffn-hidden-size {reading.size('f', experts, layer)}"
    if not all(mixtures):
        yield f"--moe-layer-freq [{','.join('1' if there else '0' for there in mixtures)}]"
    if reading.decoder.has(layer, "moe.shared.gate"):
        hidden = reading.size("f", "moe.shared.gate", layer)
        yield f"--moe-shared-expert-intermediate-size {hidden}"
    if reading.decoder.has(layer, "moe.gated"):
        yield "--moe-shared-expert-gate"
    if reading.decoder.has(layer, "moe.balanced"):
        yield "--moe-router-enable-expert-bias"


def _norms_and_biases(reading: Reading) -> Iterator[str]:
    norm = "RMSNorm" if _kind(reading, "attn.norm") == "rms_norm" else "LayerNorm"
    yield f"--normalization {norm}"
    if reading.decoder.has(0, "attn.q_norm"):
        yield "--qk-layernorm"
    if _kind(reading, "attn.y") == "matmul":
        yield "--disable-bias-linear"
        if _kind(reading, "attn.q") == "linear":
            yield "--add-qkv-bias"


def _ends(reading: Reading) -> Iterator[str]:
    operators = reading.saved.plan.wiring.operators
    embedding = operators[reading.decoder.first[0].operators[0]]
    head = operators[reading.decoder.last[1].operators[0]]
    yield f"--vocab-size {next(i.size for i in head.indices if i.name == 'v')}"
    yield "--make-vocab-size-divisible-by 1"
    if embedding.inputs[1].tensor != head.inputs[1].tensor:
        yield "--untie-embeddings-and-output-weights"
