"""Activations that a layer keeps for its backward pass, per micro-batch.

Korthikanti et al. (2022), "Reducing Activation Recomputation in Large Transformer Models", count
for one layer of a GPT, with s tokens of b samples, a heads and hidden size h

    s b h (34 + 5 a s / h)                       on one device
    s b h (10 + 24 / t + 5 a s / (h t))          tensor parallelism t
    s b h / t (34 + 5 a s / h)                   and sequence parallelism
    2 s b h                                      full recompute: the layer's input

Here the same sum part by part, in bytes per token, so that it holds for any width of heads and
feed-forward block. What tensor parallelism alone leaves whole (10 h): inputs of the two
normalisations, of the first products of attention and block (2 h each), masks of two dropouts
(h each). What it divides: queries, keys, values and the input of the last product of attention
(8 h), the inputs of activation function and last product of the block (16 h), and the attention
core (5 a s: softmax, its dropout's mask and output). Assumed beside the paper:

* Flash kernels keep one number of four bytes per head instead of the core; models of that age have
  no dropout. Megatron's BF16 models (NeMo) recompute the core where their kernels do not fuse it.
* A gate adds its product; its activation function's output is kept too, unless that is fused.
* PyTorch's modules repeat keys and values to all heads; not compiled, they take a root-mean-square
  norm in four bytes (4 h more each). nanotron's copy queries, keys and values into the layout
  of their kernels, and where sums over ranks are whole keep one (2 h).
* With experts a token is kept once per expert that it meets: its input, the block's inner values
  and its output; PyTorch's modules copy it before and after each of exchange, sorting and padding,
  and weigh it in four bytes (18 h).
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration

HALF = 2.0


def layer_bytes(configuration: Configuration) -> float:
    """Bytes that one layer (the mean of dense and mixture ones) keeps, after recompute."""
    c = configuration
    kept = _whole_layer(c)
    if c.recompute == "full":
        other = input_bytes(c)
        return (other + (c.recompute_every - 1) * kept) / c.recompute_every
    if c.recompute == "selective":
        return kept - _core(c) if c.runtime != "fsdp" else _every_second_product(c)
    return kept


def working_bytes(configuration: Configuration) -> float:
    """Bytes of the one layer whose backward runs: what is live again while it is recomputed, beyond
    what is kept, and gradients of unfused scores before and behind the softmax (2 bytes each)."""
    a, c = configuration.architecture, configuration
    again = max(0.0, _whole_layer(c) - layer_bytes(c)) if c.recompute != "none" else 0.0
    if c.attention == "unfused":
        again += 4.0 * a.heads * c.seq_len * c.tokens_per_micro_batch / c.tp
    return again


def pending_bytes(configuration: Configuration) -> float:
    """Gradients of a layer's products that wait for its weights' gradients, where a schedule
    computes those apart (Qi et al., 2024): one micro-batch between the two passes."""
    a, c = configuration.architecture, configuration
    if not c.schedule.startswith("zb"):
        return 0.0
    projections = (a.heads + 2 * a.kv_heads) * a.head_dim
    cut = projections + (2 if a.glu else 1) * (a.topk * a.moe_ffn + a.shared_ffn or a.ffn)
    whole = 2 * a.hidden
    return c.activation_bytes * c.tokens_per_micro_batch * (cut / c.tp + whole / _sequence(c))


def input_bytes(configuration: Configuration) -> float:
    """Bytes of a layer's input on one device."""
    c = configuration
    return c.activation_bytes * c.architecture.hidden * c.tokens_per_micro_batch / _sequence(c)


def _sequence(configuration: Configuration) -> int:
    """By what the part that tensor parallelism leaves whole is divided."""
    return configuration.tp if configuration.sequence_parallel else 1


def _whole_layer(configuration: Configuration) -> float:
    c = configuration
    half = c.activation_bytes / HALF
    return half * (_whole_part(c) / _sequence(c) + _cut_part(c) / c.tp) + _core(c)


def _whole_part(configuration: Configuration) -> float:
    """Two-byte activations, in bytes, that tensor parallelism alone does not divide."""
    a, c = configuration.architecture, configuration
    per_token = 8.0 * a.hidden
    if c.attention == "unfused":
        per_token += 2.0 * a.hidden
    if c.runtime == "nanotron" and c.tp > _sequence(c):
        per_token += 2.0 * a.hidden
    if not c.compiled and c.runtime == "fsdp" and a.norm == "rms":
        per_token += 8.0 * a.hidden
    return per_token * c.tokens_per_micro_batch


def _cut_part(configuration: Configuration) -> float:
    """Two-byte activations, in bytes, that tensor parallelism divides, before the division."""
    a, c = configuration.architecture, configuration
    queries = a.heads * (a.latent.content_dim + a.latent.rotary_dim if a.latent else a.head_dim)
    keys = queries if a.latent else a.kv_heads * a.head_dim
    values = a.heads * a.value_dim if a.latent else keys
    context = a.heads * a.value_dim
    per_token = HALF * (queries + keys + values + context)
    if c.runtime == "fsdp":
        per_token += HALF * 2 * (a.heads - a.kv_heads) * a.head_dim
    if c.runtime == "nanotron":
        per_token += HALF * (queries + keys + values)
    mixtures = a.moe_layers / a.layers
    per_token += (1 - mixtures) * _block(c, a.ffn)
    if mixtures:
        copies = 9 if c.runtime == "fsdp" else 2
        each = copies * HALF * a.hidden + _block(c, a.moe_ffn) / c.etp * c.tp
        per_token += mixtures * (a.topk * each + _block(c, a.shared_ffn))
    return per_token * c.tokens_per_micro_batch


def _block(configuration: Configuration, width: int) -> float:
    """Inner values of a feed-forward block, bytes per token."""
    if not configuration.architecture.glu:
        return 2 * HALF * width
    return (3 if configuration.compiled else 4) * HALF * width


def _core(configuration: Configuration) -> float:
    """The attention core on one device: scores, or the one number per row of a flash kernel."""
    a, c = configuration.architecture, configuration
    kept = c.attention == "unfused" and c.precision == "fp16"
    per_token = 5.0 * a.heads * c.seq_len if kept else 4.0 * a.heads
    return per_token * c.tokens_per_micro_batch / c.tp


def _every_second_product(configuration: Configuration) -> float:
    """PyTorch's selective recompute per operator: the layer's input, attention's output and every
    second matrix product are kept (torchtitan, selective_ac_option = op); a sum of the residual
    stream too where nothing is compiled."""
    a, c = configuration.architecture, configuration
    projections = a.heads * a.head_dim + 2 * a.kv_heads * a.head_dim
    blocks = a.ffn if not a.moe_layers else a.topk * a.moe_ffn + a.shared_ffn
    cut = HALF * (a.heads * a.value_dim + (projections + (2 if a.glu else 1) * blocks) / 2)
    whole = HALF * a.hidden * (2 if c.compiled else 3)
    return c.tokens_per_micro_batch * (cut / c.tp + whole / _sequence(c))
