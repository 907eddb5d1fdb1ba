"""A plan for torchtitan 0.3.0: a config function, the module split, and the order as a CSV file.

torchtitan's Llama decoder has replicas, FSDP, context and tensor parallelism. Its runtime takes any
order of a loop or a V of chunks.
"""

from __future__ import annotations

from solver.export.refusals import refuse
from solver.export.saved import SavedPlan
from solver.export.targets import Files
from solver.export.torchtitan.config import config_text
from solver.export.torchtitan.pipeline import schedule_csv
from solver.export.torchtitan.refusals import WHO, refusals
from solver.export.transformer.reading import certain, read


def export(saved: SavedPlan) -> Files:
    """`mmp_plan.py`, and with several stages `schedule.csv`. Raises DiagnosticError for what
    torchtitan cannot do."""
    reading, found = read(saved, WHO)
    refuse(saved, [*found, *certain(reading, refusals(reading))])
    files = {"mmp_plan.py": config_text(reading)}
    if reading.stages > 1:
        files["schedule.csv"] = schedule_csv(saved)
    return files
