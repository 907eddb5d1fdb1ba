"""The additive figures of a plan; every table of the search has one layer per quantity."""

from __future__ import annotations

from enum import IntEnum


class Quantity(IntEnum):
    """What a choice adds to its unit (seconds, bytes; solver/README.md sections 5 to 7)."""

    FORWARD = 0  # s, F of one micro-batch
    AGAIN = 1  # s, the part of FORWARD that recomputation repeats
    INPUT_GRAD = 2  # s, B
    WEIGHT_GRAD = 3  # s, W
    STEP = 4  # s, once per step, in the tail of the stage, never hidden
    SAVED_B = 5  # bytes kept from F until B ends
    SAVED_W = 6  # bytes kept from F until W ends
    KEPT = 7  # bytes kept instead of SAVED_* when the unit is recomputed
    STATIC = 8  # bytes of parameters, gradients and optimizer state
    # Seconds on the communication stream where overlap is scheduled, 0 elsewhere:
    REDUCE = 9  # once per step, the gradient after the last backward
    REGATHER = 10  # once per step, the updated parameter before the next first forward
    GATHER = 11  # every micro-batch, in F and again in B, what compute hides of it or not
    SCATTER = 12  # every micro-batch, in W, likewise


COUNT = len(Quantity)
