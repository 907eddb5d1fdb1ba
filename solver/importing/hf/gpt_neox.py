"""GPT-NeoX and Pythia: LayerNorm, biases, rotary positions, both blocks of a layer in parallel."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Imported

GELU = ("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh")


def gpt_neox(config: Config) -> Imported:
    """`GPTNeoXConfig`. Of a head's values `rotary_pct` are rotated, which moves all of them."""
    attention.untied(config, "gpt_neox")
    if not config.flag("attention_bias", True):
        config.beyond("attention_bias", "`gpt_neox` has biases in its attention")
    attention.activation(config, GELU)
    attention.rotary(config)
    sizes = attention.sizes(config)
    arguments = (
        *sizes,
        ("heads", attention.heads(config)),
        ("head_dim", attention.head_dim(config)),
        ("ffn", config.size("intermediate_size", "the hidden units of a feed-forward block")),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
    )
    if not config.flag("use_parallel_residual", True):
        arguments += (("parallel", False),)
    return Imported("models.gpt_neox", "gpt_neox", arguments, attention.length(config))
