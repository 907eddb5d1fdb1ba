"""What a transformer is made of, and how many parameters each part holds.

One frozen `Architecture` describes decoders from GPT-2 to DeepSeek-V3. Every count is exact: an
integer formula over the sizes that a released configuration file states. Weights of
normalisations and biases are counted; Megatron's padding of the vocabulary is not (`padded_vocab`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Norm = Literal["rms", "layer", "layer_without_bias"]
Positions = Literal["rope", "learned", "alibi", "none"]


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Sizes of multi-head latent attention (DeepSeek-V2, section 2.1).

    `query_rank` 0 projects queries directly. A key has `content_dim` values of its head's own and
    `rotary_dim` that all heads share; a value has `value_dim`.
    """

    query_rank: int
    kv_rank: int
    content_dim: int
    rotary_dim: int
    value_dim: int


@dataclass(frozen=True)
class Architecture:
    """A decoder of `layers` layers over a residual stream of `hidden` values per token.

    `ffn` is the width of a dense feed-forward block, `moe_ffn` that of one expert, `shared_ffn`
    that of all shared experts together. The first `dense_layers` layers have no experts. `glu`:
    the block has a gate (three matrices instead of two). `max_seq` is the number of rows of a
    learned position table. `linear_bias`: biases on every matrix; `qkv_bias`: on the first ones of
    attention alone, `output_bias`: on its last. `prediction_layers` are modules of multi-token
    prediction (DeepSeek-V3, section 2.2): one more layer each behind a projection of two streams,
    with tables and head shared.
    """

    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    max_seq: int = 0
    glu: bool = True
    tied: bool = False
    norm: Norm = "rms"
    positions: Positions = "rope"
    linear_bias: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    norms_per_layer: int = 2
    embedding_norm: bool = False
    experts: int = 0
    topk: int = 0
    moe_ffn: int = 0
    shared_ffn: int = 0
    dense_layers: int = 0
    router_bias: bool = False
    expert_bias: bool = False
    shared_gate: bool = False
    attention_sinks: bool = False
    prediction_layers: int = 0
    latent: LatentAttention | None = None

    @property
    def moe_layers(self) -> int:
        """How many layers have experts."""
        return self.layers - self.dense_layers if self.experts else 0

    @property
    def value_dim(self) -> int:
        """Values per head that attention gives back."""
        return self.latent.value_dim if self.latent else self.head_dim

    @cached_property
    def norm_params(self) -> int:
        """Parameters of one normalisation of the residual stream."""
        return self.hidden * (2 if self.norm == "layer" else 1)

    @cached_property
    def attention_params(self) -> int:
        """Parameters of one layer's attention: projections, biases, norms of queries and keys."""
        if self.latent:
            return self._latent_params(self.latent)
        queries = self.heads * self.head_dim
        rows = queries + 2 * self.kv_heads * self.head_dim
        count = self.hidden * rows + queries * self.hidden
        if self.linear_bias or self.qkv_bias:
            count += rows
        if self.linear_bias or self.output_bias:
            count += self.hidden
        if self.qk_norm:
            count += 2 * self.head_dim
        return count + (self.heads if self.attention_sinks else 0)

    def _latent_params(self, latent: LatentAttention) -> int:
        key_dim = latent.content_dim + latent.rotary_dim
        if latent.query_rank:
            count = latent.query_rank * (self.hidden + 1 + self.heads * key_dim)
        else:
            count = self.hidden * self.heads * key_dim
        count += self.hidden * (latent.kv_rank + latent.rotary_dim) + latent.kv_rank
        count += latent.kv_rank * self.heads * (latent.content_dim + latent.value_dim)
        return count + self.heads * latent.value_dim * self.hidden

    def _block_params(self, width: int, bias: bool) -> int:
        """A feed-forward block of `width` hidden units."""
        ups = 2 if self.glu else 1
        biases = ups * width + self.hidden if bias else 0
        return (ups + 1) * self.hidden * width + biases

    @cached_property
    def dense_ffn_params(self) -> int:
        """Parameters of one dense feed-forward block."""
        return self._block_params(self.ffn, self.linear_bias)

    @cached_property
    def expert_params(self) -> int:
        """Parameters of one expert."""
        return self._block_params(self.moe_ffn, self.expert_bias)

    @cached_property
    def shared_params(self) -> int:
        """Parameters of a mixture layer that every token passes: router and shared experts."""
        router = self.hidden * self.experts + (self.experts if self.router_bias else 0)
        shared = self._block_params(self.shared_ffn, False) if self.shared_ffn else 0
        return router + shared + (self.hidden if self.shared_gate else 0)

    @cached_property
    def dense_layer_params(self) -> int:
        """Parameters of one layer without experts."""
        norms = self.norms_per_layer * self.norm_params
        return self.attention_params + norms + self.dense_ffn_params

    @cached_property
    def moe_layer_params(self) -> int:
        """Parameters of one layer with experts."""
        norms = self.norms_per_layer * self.norm_params
        mixture = self.experts * self.expert_params + self.shared_params
        return self.attention_params + norms + mixture

    @cached_property
    def embedding_params(self) -> int:
        """Parameters before the first layer: tables of tokens and positions, their norm."""
        positions = self.max_seq * self.hidden if self.positions == "learned" else 0
        norm = self.norm_params if self.embedding_norm else 0
        return self.vocab * self.hidden + positions + norm

    @cached_property
    def head_params(self) -> int:
        """Parameters after the last layer that are not the token table's: norm and head."""
        return self.norm_params + (0 if self.tied else self.vocab * self.hidden)

    @cached_property
    def prediction_params(self) -> int:
        """Parameters of one multi-token prediction module: projection, three norms, a layer."""
        layer = self.moe_layer_params if self.experts else self.dense_layer_params
        return 2 * self.hidden * self.hidden + 3 * self.norm_params + layer

    @cached_property
    def params(self) -> int:
        """All parameters; a tied table counts once."""
        dense = (self.layers - self.moe_layers) * self.dense_layer_params
        moe = self.moe_layers * self.moe_layer_params if self.moe_layers else 0
        layers = dense + moe
        if self.prediction_layers:
            layers += self.prediction_layers * self.prediction_params
        return self.embedding_params + layers + self.head_params

    @cached_property
    def active_params(self) -> int:
        """Parameters that one token meets, the tables included."""
        mixtures = self.moe_layers + (self.prediction_layers if self.experts else 0)
        return self.params - mixtures * (self.experts - self.topk) * self.expert_params


def padded_vocab(vocab: int, tensor_degree: int, multiple: int = 128) -> int:
    """Rows of a table that Megatron-LM cuts: the next multiple of 128 times the tensor degree."""
    unit = multiple * tensor_degree
    return -(-vocab // unit) * unit
