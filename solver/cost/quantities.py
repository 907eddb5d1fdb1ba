"""The additive figures of a plan; every table of the search has one layer per quantity."""

from __future__ import annotations

from enum import IntEnum


class Quantity(IntEnum):
    """What a choice adds to its unit (seconds, bytes; solver/README.md sections 5 to 7)."""

    FORWARD = 0  # s, F of one micro-batch
    AGAIN = 1  # s, the part of FORWARD that recomputation repeats
    INPUT_GRAD = 2  # s, B
    WEIGHT_GRAD = 3  # s, W
    STEP = 4  # s, once per step, in the tail of the stage
    SAVED_B = 5  # bytes kept from F until B ends
    SAVED_W = 6  # bytes kept from F until W ends
    KEPT = 7  # bytes kept instead of SAVED_* when the unit is recomputed
    STATIC = 8  # bytes of parameters, gradients and optimizer state


COUNT = len(Quantity)
