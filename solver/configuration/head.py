"""What the first and the last stage do beside their layers: embedding, head and loss.

Bytes moved per logit, two-byte logits and a loss in four: forward writes the product (counted with
it), reads 2 and writes 4, then reads 4 for the largest, 4 for the sum of exponentials; backward
reads 4, writes the gradient 4, reads 4 and writes 2. Fused losses skip the four-byte copies.
"""

from __future__ import annotations

from typing import NamedTuple

from solver.configuration.architecture import padded_vocab
from solver.configuration.configuration import Configuration
from solver.cost.physics.linear import linear_seconds
from solver.cost.physics.parameters import DevicePhysics
from solver.cost.physics.pointwise import pointwise_seconds
from solver.cost.physics.precisions import is_quantised

LOSS_BYTES = 14.0


class EndTime(NamedTuple):
    """Seconds of one micro-batch: forward, gradients of inputs, gradients of weights."""

    forward: float
    backward: float
    weights: float


def embedding_time(configuration: Configuration, device: DevicePhysics) -> EndTime:
    """Look-up of rows and the scatter of their gradients (read, add, write)."""
    a, c = configuration.architecture, configuration
    values = c.tokens_per_micro_batch * a.hidden
    forward = float(pointwise_seconds(4.0 * values, device, 2))
    weights = float(pointwise_seconds((2.0 + 2 * c.main_gradient_bytes) * values, device, 2))
    return EndTime(forward, 0.0, weights)


def head_time(configuration: Configuration, device: DevicePhysics) -> EndTime:
    """The product with the vocabulary and the loss, again per module of multi-token prediction."""
    a, c = configuration.architecture, configuration
    tokens = c.tokens_per_micro_batch
    rows = padded_vocab(a.vocab, c.tp) / c.tp
    args = (
        tokens,
        a.hidden,
        rows,
        device,
        "bf16" if is_quantised(c.precision) else c.precision,
    )
    logits = device.number("loss_passes") * tokens * rows
    loss = float(pointwise_seconds(LOSS_BYTES * logits, device, 4))
    times = 1 + c.mtp_layers
    return EndTime(
        forward=times * (float(linear_seconds(*args, "forward")) + loss),
        backward=times * (float(linear_seconds(*args, "input_gradient")) + loss),
        weights=times * float(linear_seconds(*args, "weight_gradient", c.main_gradient_bytes)),
    )
