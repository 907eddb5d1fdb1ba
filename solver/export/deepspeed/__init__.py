"""A plan for DeepSpeed: its JSON configuration.

The JSON holds micro-batches, ZeRO, sequence parallelism by heads (Ulysses) and, for
`PipelineModule`, stages of equally many layers in 1F1B. Everything else of DeepSpeed is said in the
model's code, so the plan's other choices are refused.
"""

from __future__ import annotations

import json

from solver.export.deepspeed.config import config
from solver.export.deepspeed.refusals import WHO, refusals
from solver.export.refusals import refuse
from solver.export.saved import SavedPlan
from solver.export.targets import Files
from solver.export.transformer.reading import certain, read


def export(saved: SavedPlan) -> Files:
    """`ds_config.json`. Raises DiagnosticError for what the JSON cannot say."""
    reading, found = read(saved, WHO)
    refuse(saved, [*found, *certain(reading, refusals(reading))])
    return {"ds_config.json": json.dumps(config(reading), indent=2) + "\n"}
