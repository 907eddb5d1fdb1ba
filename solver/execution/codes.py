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
)
"""Executed plans, in order."""
