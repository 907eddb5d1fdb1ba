"""What run would tell a number that the runs so far leave open."""

from __future__ import annotations

from solver.calibration.fit import Fitted

TOLD = 0.5  # of the prior's variance taken away: less is open


def is_open(number: Fitted) -> bool:
    """Whether the runs say little about a number."""
    return number.told < TOLD


def advice(number: Fitted) -> str:
    """A run whose step time depends on the number more than on others."""
    subject = number.parameter.subject
    return {
        "compute": "large micro-batches and long sequences on devices of one node",
        "attention": "long sequences of few layers",
        "memory": "a model without tensor parallelism and with short sequences",
        "launch": "a small model with one sample per micro-batch",
        "bandwidth": f"more collectives over {subject}: a smaller batch, or tensor parallelism "
        "across it",
        "latency": f"many small messages over {subject}: short sequences, one sample per "
        "micro-batch",
        "overlap": "a smaller batch, so that reduction and gathers weigh more",
    }[number.parameter.what]
