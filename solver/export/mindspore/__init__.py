"""A plan for MindSpore: layouts for `shard`, and the operator-strategy JSON where degrees suffice.

`Layout` names the device axes that cut each dimension, so any cut can be written. The JSON has only
degrees, and MindSpore lays devices along them by a rule of its own; it is written where that rule
can only give the plan's devices.
"""

from __future__ import annotations

from solver import json_text
from solver.export.mindspore.refusals import refusals
from solver.export.mindspore.strategy import ambiguous, strategies
from solver.export.mindspore.text import module
from solver.export.refusals import refuse
from solver.export.saved import SavedPlan
from solver.export.targets import Files


def export(saved: SavedPlan) -> Files:
    """`mmp_shard.py` and, where it says the same, `strategy.json`. Raises DiagnosticError for what
    MindSpore cannot do."""
    refuse(saved, refusals(saved))
    unclear = ambiguous(saved)
    files = {"mmp_shard.py": module(saved, unclear)}
    if not unclear:
        files["strategy.json"] = json_text.dumps(strategies(saved))
    return files
