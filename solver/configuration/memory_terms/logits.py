"""Logits and loss of one micro-batch on the stage that has the head.

Bytes per logit at the peak: two of the product and four of the copy in which the loss is taken;
where the loss is cut by tensor parallelism two more of the gradient (Megatron's, nanotron's
vocabulary-parallel cross entropy); PyTorch's cross entropy keeps the logarithms (4) and makes the
gradient beside them (4), unless the compiler fuses it (assumed since PyTorch 2.8).
Korthikanti et al. (2022) count the four bytes alone.
"""

from __future__ import annotations

import re

from solver.configuration.architecture import padded_vocab
from solver.configuration.configuration import Configuration

CUT, PORTABLE, FUSED = 8.0, 14.0, 6.0
PYTORCH = re.compile(r"^(\d)\.(\d+)$")


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
    match = PYTORCH.match(c.release)
    fused = c.compiled and match is not None and (int(match[1]), int(match[2])) >= (2, 8)
    return FUSED if fused else PORTABLE
