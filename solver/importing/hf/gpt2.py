"""GPT-2: LayerNorm, learned positions, biases, embedding and head tied."""

from __future__ import annotations

from solver.importing.hf import attention
from solver.importing.hf.config import Config
from solver.importing.hf.imported import Imported

GELU = ("gelu_new", "gelu", "gelu_fast", "gelu_pytorch_tanh")


def gpt2(config: Config) -> Imported:
    """`GPT2Config`: feed-forward blocks of four times the width unless `n_inner` says another."""
    if not config.flag("tie_word_embeddings", True):
        config.beyond("tie_word_embeddings", "`gpt` has one table for embedding and head")
    attention.no_flag(config, "add_cross_attention", "`gpt` is a decoder alone")
    attention.activation(config, GELU, "activation_function")
    layers = config.size("n_layer", "the number of layers", high=1000)
    width = config.size("n_embd", "the width of the residual stream")
    heads = config.size("n_head", "the number of heads")
    config.fits("n_head", width % heads == 0, f"{heads} does not divide `n_embd` {width}")
    positions = config.size("n_positions", "the rows of the table of positions")
    arguments = (
        ("layers", layers),
        ("d_model", width),
        ("heads", heads),
        ("head_dim", max(1, width // heads)),
        ("ffn", config.size("n_inner", "", default=4 * width)),
        ("vocab", config.size("vocab_size", "the size of the vocabulary")),
        ("max_seq", positions),
    )
    return Imported("models.gpt", "gpt", arguments, min(positions, attention.LONGEST))
