"""The diagnostic codes of plans that are executed, `MMP74x`."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    Code(
        "MMP740",
        "torch is not installed",
        "Levels above `static` run plans in PyTorch: `pip install 'mmp[torch]'`.",
    ),
    Code(
        "MMP741",
        "too many stages for four processes",
        "Level `gloo` runs one process per stage, four at most. The level `static` proves longer "
        "pipelines, `local` and `fake` the sharding of any mesh.",
    ),
    Code(
        "MMP742",
        "no small sizes",
        "No small sizes have the proportions and the divisors that the plan needs.",
    ),
    Code(
        "MMP745",
        "arithmetic not known",
        "Levels `fake` and `local` compute with the operator kinds of the standard library. Kinds "
        "of a spec's own have costs, and measured operators times, but nothing that could run.",
    ),
    Code(
        "MMP746",
        "pieces that no device holds",
        "The plan cuts an index, or stores a parameter, in more pieces than it has rows for, or "
        "uses numbers of a size that PyTorch lacks.",
    ),
    Code(
        "MMP747",
        "too many devices to simulate",
        "Level `local` simulates the devices of one stage with values, 16 at most. Level `fake` "
        "runs meshes of any size, without values.",
    ),
)
"""Executed plans, in order."""
