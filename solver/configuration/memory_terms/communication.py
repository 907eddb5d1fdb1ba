"""Buffers of collectives and transfers.

nanotron accumulates in FP32 beside the gradients that its data parallelism reduces: two more bytes
per parameter, freed layer by layer where there is nobody to reduce with, and those of the table,
the largest of all, once more while they are added. A pipeline stage keeps
what it receives and what it sends next: two layer inputs in each direction.
"""

from __future__ import annotations

from solver.configuration.configuration import Configuration
from solver.configuration.memory_terms.activations import input_bytes
from solver.configuration.memory_terms.states import StageParams


def bucket_bytes(configuration: Configuration, params: StageParams) -> float:
    """Gradients on their way to be reduced, on one device."""
    c = configuration
    if c.runtime != "nanotron":
        return 0.0
    table = 2.0 * c.architecture.vocab * c.architecture.hidden / c.tp
    return table + (2.0 * (params.common + params.experts) if c.dp > 1 else 0.0)


def transfer_bytes(configuration: Configuration) -> float:
    """Receive and send buffers of a pipeline stage on one device."""
    return 4 * input_bytes(configuration) if configuration.pp > 1 else 0.0
