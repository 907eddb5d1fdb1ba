"""Logits and loss of one micro-batch on the stage that has the head.

Bytes per logit at the peak: two of the product and four of the copy in which the loss is taken;
where the loss is cut by tensor parallelism two more of the gradient (Megatron's, nanotron's
vocabulary-parallel cross entropy); PyTorch's cross entropy keeps the logarithms (4) and makes the
gradient beside them (4), unless the compiler fuses it (assumed of what is compiled with PyTorch
2.8, or in the middle of 2025, or later, and so on Blackwell: six bytes). GPT-like models
in PyTorch (layer norms) come with FlashAttention's kernels, whose loss works in place on two bytes
and leaves two of gradient. Korthikanti et al. (2022) count the four bytes alone.
"""

from __future__ import annotations

import re

from solver.configuration.architecture import padded_vocab
from solver.configuration.configuration import Configuration

CUT, PORTABLE, COMPILED, IN_PLACE = 8.0, 14.0, 6.0, 4.0
PYTORCH = re.compile(r"^(\d)\.(\d+)$")
DATE = re.compile(r"^20\d\d-\d\d$")
BLACKWELL = ("b200", "gb200", "b300", "gb300")


def logits_bytes(configuration: Configuration) -> float:
    """Bytes on one device of the last stage."""
    c = configuration
    rows = padded_vocab(c.architecture.vocab, c.tp) / c.tp
    return bytes_per_logit(c) * c.tokens_per_micro_batch * rows


def bytes_per_logit(configuration: Configuration) -> float:
    """By the software's loss."""
    c = configuration
    if c.runtime not in ("fsdp", "internevo"):
        return CUT
    if c.runtime == "fsdp" and c.architecture.norm != "rms":
        return IN_PLACE
    return COMPILED if c.compiled and _compiles_loss(c) else PORTABLE


def _compiles_loss(configuration: Configuration) -> bool:
    """Whether the release is one whose compiled step has the loss in it."""
    c = configuration
    if DATE.match(c.release):
        return c.release >= "2025-06"
    if match := PYTORCH.match(c.release):
        return (int(match[1]), int(match[2])) >= (2, 8)
    return c.device.startswith(BLACKWELL)
